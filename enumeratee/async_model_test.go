package enumeratee_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// modelled is a value that has goroutines or takes time, and a model that does the same without.
type modelled[T any] struct{ actual, model T }

func both[T any](t T) modelled[T] { return modelled[T]{t, t} }

func with[T, U any](m modelled[T], f func(T) U) modelled[U] {
	return modelled[U]{f(m.actual), f(m.model)}
}

type collector = iteratee.Iteratee[int, []int]

// aModelledAdapter draws an adapter that hands on each element. The last adapter before a consumer may be one
// that gives back only one element.
func aModelledAdapter(t *rapid.T, last bool) modelled[tee] {
	n := func(from, to int) int { return rapid.IntRange(from, to).Draw(t, "n") }
	pass := enumeratee.PassAlong[int]()
	kinds := []func() modelled[tee]{
		func() modelled[tee] { return modelled[tee]{enumeratee.Buffer[int](n(0, 3)), pass} },
		func() modelled[tee] {
			return modelled[tee]{enumeratee.BufferFunc(n(0, 5), func(e int) int { return e % 7 }), pass}
		},
		func() modelled[tee] { return modelled[tee]{enumeratee.Timeout[int](1000 * time.Hour), pass} },
		func() modelled[tee] {
			return modelled[tee]{enumeratee.Delay[int](time.Duration(n(1, 5)) * time.Second), pass}
		},
		func() modelled[tee] {
			return modelled[tee]{enumeratee.LazyAndErrIfNotReady[int](10_000 * time.Hour), pass}
		},
		func() modelled[tee] {
			return modelled[tee]{enumeratee.Recover(enumeratee.Buffer[int](2), giveUp), pass}
		},
		func() modelled[tee] { return both(enumeratee.Take[int](n(0, 6))) },
	}
	if last {
		kinds = append(kinds,
			func() modelled[tee] {
				step := time.Duration(n(0, 3)) * time.Second
				return modelled[tee]{enumeratee.MapConcurrent(n(1, 3), func(ctx context.Context, e int) (int, error) {
					select {
					case <-time.After(time.Duration(e%3) * step):
						return e, nil
					case <-ctx.Done():
						return 0, context.Cause(ctx)
					}
				}), pass}
			},
			func() modelled[tee] { return modelled[tee]{relay(), pass} },
			func() modelled[tee] { return both(enumeratee.Map(func(e int) int { return e })) },
		)
	}
	return rapid.SampledFrom(kinds).Draw(t, "adapter")()
}

func someModelledAdapters(t *rapid.T, beforeConsumer bool) modelled[tee] {
	more := rapid.IntRange(0, 2).Draw(t, "more")
	all := aModelledAdapter(t, beforeConsumer && more == 0)
	for i := range more {
		next := aModelledAdapter(t, beforeConsumer && i == more-1)
		all = modelled[tee]{enumeratee.Compose(all.actual, next.actual), enumeratee.Compose(all.model, next.model)}
	}
	return all
}

// aModelledConsumer draws a consumer. It is made of others, up to depth levels deep.
func aModelledConsumer(t *rapid.T, depth int) modelled[collector] {
	kinds := []func() modelled[collector]{
		func() modelled[collector] { return both(iteratee.Collect[int]()) },
		func() modelled[collector] { return aSlowConsumer(t) },
	}
	if depth > 0 {
		inner := func() modelled[collector] { return aModelledConsumer(t, depth-1) }
		kinds = append(kinds,
			func() modelled[collector] {
				tr, in := someModelledAdapters(t, depth == 1), inner()
				return modelled[collector]{enumeratee.Transform(tr.actual, in.actual), enumeratee.Transform(tr.model, in.model)}
			},
			func() modelled[collector] {
				first, second := inner(), inner()
				join := func(a, b collector) collector {
					return iteratee.FlatMap(a, func(as []int) collector {
						return iteratee.Map(b, func(bs []int) []int { return slices.Concat(as, []int{-1}, bs) })
					})
				}
				return modelled[collector]{join(first.actual, second.actual), join(first.model, second.model)}
			},
			func() modelled[collector] {
				return with(inner(), func(consumer collector) collector {
					return iteratee.Map(iteratee.Repeat(consumer), func(rounds [][]int) []int { return slices.Concat(rounds...) })
				})
			},
			func() modelled[collector] {
				return with(inner(), func(consumer collector) collector {
					return iteratee.Recover(consumer, func(error) ([]int, error) { return []int{-9}, nil })
				})
			},
		)
	}
	return rapid.SampledFrom(kinds).Draw(t, "consumer")()
}

// aSlowConsumer draws a consumer that takes some time for each element, and is done, fails or panics on one
// of them.
func aSlowConsumer(t *rapid.T) modelled[collector] {
	last := rapid.IntRange(0, 5).Draw(t, "last")
	pace := time.Duration(rapid.IntRange(0, 2).Draw(t, "pace")) * time.Second
	how := rapid.SampledFrom([]string{"is done", "is done", "fails", "panics"}).Draw(t, "how")
	of := func(pace time.Duration) collector {
		return iteratee.FoldUntil([]int(nil), func(_ context.Context, es []int, e int) ([]int, bool, error) {
			time.Sleep(pace)
			if len(es) == last && how == "fails" {
				return es, false, errBoom
			}
			if len(es) == last && how == "panics" {
				panic("consumer")
			}
			return append(slices.Clip(es), e), len(es) == last, nil
		})
	}
	return modelled[collector]{of(pace), of(0)}
}

// An operator with goroutines does the same as its model. A run always ends: by itself, or soon after its
// context.
func TestConcurrentOperatorsAgreeWithAModel(t *testing.T) {
	for range 20 { // a case has many parts, so a check of 100 cases finds little
		rapid.Check(t, func(rt *rapid.T) { checkAgainstModel(t, rt) })
	}
}

var errSource, errCut = errors.New("source"), errors.New("cut")

func checkAgainstModel(t *testing.T, rt *rapid.T) {
	n := rapid.IntRange(0, 12).Draw(rt, "elements")
	pace := time.Duration(rapid.IntRange(0, 2).Draw(rt, "pace")) * time.Second
	end := rapid.SampledFrom([]string{"runs out", "runs out", "fails", "panics", "waits"}).Draw(rt, "the source")
	consumer := aModelledConsumer(rt, 3)
	through := both(enumeratee.PassAlong[int]())
	if rapid.Bool().Draw(rt, "through") {
		through = someModelledAdapters(rt, true)
	}
	var next enumerator.Enumerator[int]
	if rapid.Bool().Draw(rt, "and then") {
		next = enumerator.Of(100, 101)
	}
	source := func(pace time.Duration, waits func(context.Context) iteratee.Step) enumerator.Enumerator[int] {
		return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
			for e := range n {
				select {
				case <-time.After(pace):
				case <-ctx.Done():
					return iteratee.Cancelled(ctx)
				}
				if step := sink.Next(e + 1); !step.IsCont() {
					return step
				}
			}
			switch end {
			case "fails":
				return iteratee.StepError(errSource)
			case "panics":
				panic("source")
			case "waits":
				return waits(ctx)
			}
			return iteratee.StepCont
		})
	}
	run := func(ctx context.Context, e enumerator.Enumerator[int], adapter tee, consumer collector) (got string) {
		defer func() {
			if v := recover(); v != nil {
				got = fmt.Sprint("panics: ", v)
			}
		}()
		es, err := enumerator.Run(ctx, enumerator.Through(e, adapter).AndThen(next), consumer)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(es)
	}
	var got, want string
	var took time.Duration
	synctest.Test(t, func(*testing.T) {
		start := time.Now()
		ctx, cancel := context.WithCancelCause(context.Background())
		defer time.AfterFunc(1000*time.Second, func() { cancel(errCut) }).Stop()
		got = run(ctx, source(pace, func(ctx context.Context) iteratee.Step {
			<-ctx.Done()
			return iteratee.Cancelled(ctx)
		}), through.actual, consumer.actual)
		took = time.Since(start)
		want = run(context.Background(), source(0, func(context.Context) iteratee.Step { return iteratee.StepError(errCut) }), through.model, consumer.model)
	})
	assert.LessOrEqual(rt, took, 1001*time.Second)
	// A source that is ahead of its consumer can fail first.
	if got != want && end != "runs out" {
		assert.Contains(rt, []string{"source", "cut", "panics: source"}, got, want)
		return
	}
	assert.Equal(rt, want, got)
}
