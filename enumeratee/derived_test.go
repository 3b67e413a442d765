package enumeratee_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// A derivation makes a context from the context of a run.
type derivation func(context.Context) (context.Context, context.CancelFunc)

var derivations = map[string]derivation{
	"WithCancel": context.WithCancel,
	"WithTimeout": func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 1000*time.Hour)
	},
	"WithValue": func(ctx context.Context) (context.Context, context.CancelFunc) {
		type key struct{}
		return context.WithValue(ctx, key{}, 1), func() {}
	},
	"WithValue of WithTimeout": func(ctx context.Context) (context.Context, context.CancelFunc) {
		type key struct{}
		ctx, cancel := context.WithTimeout(ctx, 1000*time.Hour)
		return context.WithValue(ctx, key{}, 1), cancel
	},
}

// startedIn returns consumer started in a context of its own.
func startedIn[A any](derive derivation, consumer iteratee.Iteratee[int, A]) iteratee.Iteratee[int, A] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[int, A], iteratee.Step) {
		own, cancel := derive(ctx)
		iteratee.AtEnd(ctx, cancel)
		return consumer.Start(own)
	})
}

// source returns the source e run in a context of its own.
func (derive derivation) source(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		own, cancel := derive(ctx)
		defer cancel()
		return e.Into(own, sink)
	})
}

// adapter returns the adapter tr attached in a context of its own.
func (derive derivation) adapter(tr tee) tee {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (iteratee.Sink[int], iteratee.Step) {
		own, cancel := derive(stage.Context())
		within := enumeratee.NewStage(own)
		stage.AtEnd(func() { within.End(); cancel() })
		sink, step := tr.Attach(within, out)
		r := restaged{sink, stage, within}
		return r, r.answer(step)
	})
}

// restaged is an adapter that is attached within the Stage of another.
type restaged struct {
	iteratee.Sink[int]
	stage, within enumeratee.Stage
}

func (r restaged) answer(step iteratee.Step) iteratee.Step {
	if step == r.within.Stop() {
		return r.stage.Stop()
	}
	return step
}

func (r restaged) Next(e int) iteratee.Step { return r.answer(r.Sink.Next(e)) }
func (r restaged) EOF() iteratee.Step       { return r.answer(r.Sink.EOF()) }

// The source gives one element and waits. Only an interruption ends the run before the timeouts.
func TestAnInterruptionReachesASourceThroughDerivedContexts(t *testing.T) {
	one := iteratee.TakeUpTo[int](1)
	runs := map[string]func(ctx context.Context, derive derivation, tr tee) ([]int, error){
		"the consumer": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			return enumerator.Run(ctx, stuck(1), startedIn(derive, enumeratee.Transform(tr, one)))
		},
		"each of two consumers": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			behind := startedIn(derive, enumeratee.Transform(tr, one))
			return enumerator.Run(ctx, stuck(1), startedIn(derive, enumeratee.Transform(relay(), behind)))
		},
		"a consumer behind another": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			behind := startedIn(derive, enumeratee.Transform(tr, one))
			return enumerator.Run(ctx, stuck(1), enumeratee.Transform(relay(), behind))
		},
		"a consumer behind a source with an adapter": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			behind := startedIn(derive, enumeratee.Transform(tr, one))
			return enumerator.Run(ctx, enumerator.Through(stuck(1), relay()), behind)
		},
		"the source": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			return enumerator.Run(ctx, derive.source(stuck(1)), enumeratee.Transform(tr, one))
		},
		"a source with an adapter": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			return enumerator.Run(ctx, derive.source(enumerator.Through(stuck(1), tr)), one)
		},
		"a source before an adapter": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			return enumerator.Run(ctx, enumerator.Through(derive.source(stuck(1)), tr), one)
		},
		"a source within a source": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			within := derive.source(enumerator.Through(derive.source(stuck(1)), tr))
			return enumerator.Run(ctx, derive.source(enumerator.Through(within, relay())), one)
		},
		"an adapter": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			return enumerator.Run(ctx, stuck(1), enumeratee.Transform(derive.adapter(tr), one))
		},
		"the source, an adapter and the consumer": func(ctx context.Context, derive derivation, tr tee) ([]int, error) {
			source := derive.source(enumerator.Through(stuck(1), relay()))
			return enumerator.Run(ctx, source, startedIn(derive, enumeratee.Transform(derive.adapter(tr), one)))
		},
	}
	for place, run := range runs {
		for how, derive := range derivations {
			for name, tr := range elsewhere {
				if name == "Recover" {
					continue // the source is stopped only at its next element
				}
				t.Run(place+", "+how+", "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						start := time.Now()
						got, err := run(t.Context(), derive, tr)
						assert.NoError(t, err)
						assert.Equal(t, []int{1}, got)
						assert.Less(t, time.Since(start), time.Minute)
					})
				})
			}
		}
	}
}

func TestATimeoutStopsASourceThroughDerivedContexts(t *testing.T) {
	waits := enumerator.Of(1).AndThen(enumerator.Never[int]())
	timeout, all := enumeratee.Timeout[int](time.Hour), iteratee.Collect[int]()
	for how, derive := range derivations {
		for place, c := range map[string]struct {
			source   enumerator.Enumerator[int]
			consumer iteratee.Iteratee[int, []int]
		}{
			"consumer":            {waits, startedIn(derive, enumeratee.Transform(timeout, all))},
			"source":              {derive.source(waits), enumeratee.Transform(timeout, all)},
			"source with adapter": {derive.source(enumerator.Through(waits, timeout)), all},
			"adapter":             {waits, enumeratee.Transform(derive.adapter(timeout), all)},
		} {
			t.Run(place+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					_, err := enumerator.Run(t.Context(), c.source, c.consumer)
					assert.ErrorIs(t, err, enumeratee.ErrTimeout)
					assert.Equal(t, time.Hour, time.Since(start))
				})
			})
		}
	}
}

// The other parts of the consumer still want the elements.
func TestAPartInADerivedContextDoesNotInterruptTheSource(t *testing.T) {
	one, all := iteratee.TakeUpTo[int](1), iteratee.Collect[int]()
	for how, derive := range derivations {
		for name, adapter := range elsewhere {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					part := startedIn(derive, enumeratee.Transform(adapter, one))
					both := func(first []int) iteratee.Iteratee[int, [][]int] {
						return iteratee.Map(all, func(second []int) [][]int { return [][]int{first, second} })
					}
					got, err := enumerator.Run(t.Context(), at(1, 2, 3, 3), startedIn(derive, iteratee.FlatMap(part, both)))
					assert.NoError(t, err)
					assert.Equal(t, [][]int{{1}, {2, 3}}, got, "FlatMap")

					zipped := iteratee.ZipWith(part, all, func(a, b []int) [][]int { return [][]int{a, b} })
					got, err = enumerator.Run(t.Context(), at(1, 2, 3, 3), startedIn(derive, zipped))
					assert.NoError(t, err)
					assert.Equal(t, [][]int{{1}, {1, 2, 3}}, got, "ZipWith")

					got, err = enumerator.Run(t.Context(), at(1, 2, 3, 3), startedIn(derive, iteratee.Repeat(part)))
					assert.NoError(t, err)
					assert.Equal(t, [][]int{{1}, {2}, {3}}, got, "Repeat")
				})
			})
		}
	}
}
