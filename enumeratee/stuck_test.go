package enumeratee_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// untilItEnds is a function that waits for its context.
func untilItEnds(ctx context.Context, e int) (int, error) {
	<-ctx.Done()
	return e, context.Cause(ctx)
}

// elsewhere has each adapter that runs its consumer in another goroutine. The parameters are such that it hands
// on the first element within a second and does not fail.
var elsewhere = map[string]tee{
	"Buffer(0)":              enumeratee.Buffer[int](0),
	"Buffer":                 enumeratee.Buffer[int](9),
	"BufferFunc":             enumeratee.BufferFunc(9, func(int) int { return 1 }),
	"BufferOrFail":           enumeratee.BufferOrFail[int](9),
	"Conflate":               enumeratee.Conflate(func(_, e int) int { return e }),
	"LazyAndErrIfNotReady":   enumeratee.LazyAndErrIfNotReady[int](100 * time.Hour),
	"DropInputIfNotReady":    enumeratee.DropInputIfNotReady[int](0),
	"Debounce":               enumeratee.Debounce[int](time.Millisecond),
	"Sample":                 enumeratee.Sample[int](100 * time.Millisecond),
	"Audit":                  enumeratee.Audit[int](100 * time.Millisecond),
	"GroupByWithin":          enumeratee.GroupByWithin(9, 100*time.Millisecond, same, func(int) tee { return enumeratee.PassAlong[int]() }),
	"GroupedWithin":          enumeratee.Compose(enumeratee.GroupedWithin[int](9, time.Millisecond), enumeratee.MapConcat(func(es []int) []int { return es })),
	"Delay":                  enumeratee.Delay[int](time.Millisecond),
	"MapConcurrent":          enumeratee.MapConcurrent(9, sameAfter(0)),
	"MapConcurrentUnordered": enumeratee.MapConcurrentUnordered(9, sameAfter(0)),
	"Async":                  relay(),
	"Recover":                enumeratee.Recover(enumeratee.Buffer[int](9), giveUp),
	"two":                    enumeratee.Compose(enumeratee.Buffer[int](0), enumeratee.Buffer[int](0)),
	"two, and a clock":       enumeratee.Compose3(enumeratee.Timeout[int](100*time.Hour), enumeratee.Buffer[int](0), enumeratee.Buffer[int](0)),
}

// stuckRuns has the ways to run source with adapter before a function that waits for its context.
var stuckRuns = map[string]func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error{
	"Transform": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, source, enumeratee.Transform(adapter, stuckConsumer()))
	},
	"Through": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, enumerator.Through(source, adapter), stuckConsumer())
	},
	"Through, then another source": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, enumerator.Through(source, adapter).AndThen(enumerator.Of(9)), stuckConsumer())
	},
	"Through, in a Through": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, enumerator.Through(enumerator.Through(source, adapter), enumeratee.Map(same)), stuckConsumer())
	},
	"Through, behind a Buffer": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, enumerator.Through(enumerator.Through(source, adapter), enumeratee.Buffer[int](0)), stuckConsumer())
	},
	"Through, before MapConcurrent": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		waits := enumeratee.MapConcurrent(1, untilItEnds)
		return runStuck(ctx, enumerator.Through(enumerator.Through(source, adapter), waits), iteratee.Ignore[int]())
	},
	"Through, before a transformed MapConcurrent": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		waits := enumeratee.MapConcurrent(1, untilItEnds)
		return runStuck(ctx, enumerator.Through(source, adapter), enumeratee.Transform(waits, iteratee.Ignore[int]()))
	},
	"a function of an adapter": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, enumerator.Through(source, enumeratee.Compose(adapter, enumeratee.MapM(untilItEnds))), iteratee.Ignore[int]())
	},
	"a function of an adapter, side by side": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		source = enumerator.Through(source, enumeratee.Compose(adapter, enumeratee.MapM(untilItEnds)))
		return runStuck(ctx, enumerator.Interleave(source, enumerator.Never[int]()), iteratee.Ignore[int]())
	},
	"side by side": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, enumerator.Interleave(enumerator.Through(source, adapter), enumerator.Never[int]()), stuckConsumer())
	},
	"a function that is recovered from": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		adapter = enumeratee.Recover(enumeratee.Compose(adapter, enumeratee.MapM(untilItEnds)), giveUp)
		return runStuck(ctx, source, enumeratee.Transform(adapter, iteratee.Ignore[int]()))
	},
	"Recover": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		consumer := iteratee.Recover(enumeratee.Transform(adapter, stuckConsumer()), func(err error) (struct{}, error) { return struct{}{}, err })
		return runStuck(ctx, source, consumer)
	},
	"FlatMap": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		consumer := iteratee.FlatMap(enumeratee.Transform(adapter, stuckConsumer()), func(struct{}) iteratee.Iteratee[int, struct{}] { return iteratee.Ignore[int]() })
		return runStuck(ctx, source, consumer)
	},
	"Grouped": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, source, enumeratee.Transform(enumeratee.Grouped(enumeratee.Transform(adapter, stuckConsumer())), iteratee.Ignore[struct{}]()))
	},
	"Zip": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, source, iteratee.Zip(iteratee.Ignore[int](), enumeratee.Transform(adapter, stuckConsumer())))
	},
	"ApplyOn": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, source, enumeratee.ApplyOn(adapter, stuckConsumer()))
	},
	"a context made before": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, enumerator.Through(source, adapter), startedIn(context.WithCancel, stuckConsumer()))
	},
	"Transform with a context made before": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, source, startedIn(context.WithCancel, enumeratee.Transform(adapter, startedIn(context.WithCancel, stuckConsumer()))))
	},
	"a source that waits": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		waits := enumerator.MapFlatten(func(int) enumerator.Enumerator[int] { return enumerator.Never[int]() })
		return runStuck(ctx, source, enumeratee.Transform(enumeratee.Compose(adapter, waits), iteratee.Ignore[int]()))
	},
	"a run that waits": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		return runStuck(ctx, enumerator.Through(source, adapter), iteratee.ForEach(func(ctx context.Context, _ int) error {
			_, err := enumerator.Run(ctx, enumerator.Never[int](), iteratee.Ignore[int]())
			return err
		}))
	},
	"the run of an Enumerator within": func(ctx context.Context, source enumerator.Enumerator[int], adapter tee) error {
		flat := enumerator.FlatMap(enumerator.Of(1), func(int) enumerator.Enumerator[int] { return enumerator.Through(source, adapter) })
		return runStuck(ctx, flat, stuckConsumer())
	},
}

func same(e int) int { return e }

func stuckConsumer() iteratee.Iteratee[int, struct{}] {
	return iteratee.ForEach(func(ctx context.Context, e int) error {
		_, err := untilItEnds(ctx, e)
		return err
	})
}

// runStuck is a run that must be over within two hours. A panic is an error.
func runStuck[A any](ctx context.Context, source enumerator.Enumerator[int], consumer iteratee.Iteratee[int, A]) (err error) {
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, 1000*time.Hour, errCut)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
		if took := time.Since(start); took > 2*time.Hour {
			err = fmt.Errorf("after %v: %w", took, err)
		}
	}()
	_, err = enumerator.Run(ctx, source, consumer)
	return err
}

// Only the failure of the run ends the context of the consumer.
func TestAFailureFreesAConsumerThatWaitsForItsContext(t *testing.T) {
	late := at(1, 10) // it makes 1, for which every adapter has room, and waits
	fails := late.AndThen(failing())
	panics := late.AndThen(enumerator.Generate(func(context.Context) (int, bool, error) { panic("source") }))
	type failure struct {
		source  enumerator.Enumerator[int]
		adapter tee
		want    string
	}
	size := func(f func()) func(int) int {
		return func(e int) int {
			if e == 3 {
				f()
				return -1
			}
			return 1
		}
	}
	third := func(f func()) func(ctx context.Context, e int) (int, error) {
		return func(_ context.Context, e int) (int, error) {
			if e < 3 {
				return e, nil
			}
			time.Sleep(time.Second)
			f()
			return 0, errBoom
		}
	}
	panicking, nothing := func() { panic("f") }, func() {}
	numbers := enumerator.FromSlice(ints(1, 9))
	ends := numbers.AndThen(at(10)) // a part cannot stop a source that waits
	stays := numbers.AndThen(enumerator.Never[int]())
	failures := map[string]failure{
		"BufferOrFail":             {numbers, enumeratee.BufferOrFail[int](1), enumeratee.ErrOverflow.Error()},
		"BufferOrFail(0)":          {numbers, enumeratee.BufferOrFail[int](0), enumeratee.ErrOverflow.Error()},
		"BufferOrFail in a Buffer": {numbers, enumeratee.Compose(enumeratee.Buffer[int](0), enumeratee.BufferOrFail[int](0)), enumeratee.ErrOverflow.Error()},
		"LazyAndErrIfNotReady":     {stays, enumeratee.LazyAndErrIfNotReady[int](0), enumeratee.ErrNotReady.Error() + " within 0s"},
		"LazyAndErrIfNotReady(d)":  {stays, enumeratee.LazyAndErrIfNotReady[int](time.Minute), enumeratee.ErrNotReady.Error() + " within 1m0s"},
		"BufferFunc":               {stays, enumeratee.BufferFunc(9, size(nothing)), "enumeratee: BufferFunc: size must not be negative, got -1"},
		"size panics":              {stays, enumeratee.BufferFunc(9, size(panicking)), "panic: f"},
		"merge panics":             {stays, enumeratee.Conflate(func(int, int) int { panic("merge") }), "panic: merge"},
		"MapConcurrent":            {ends, enumeratee.MapConcurrent(9, third(nothing)), "boom"},
		"MapConcurrentUnordered":   {ends, enumeratee.MapConcurrentUnordered(9, third(nothing)), "boom"},
		"MapConcurrent panics":     {ends, enumeratee.MapConcurrent(9, third(panicking)), "panic: f"},
		"MapM before Buffer":       {stays, enumeratee.Compose(enumeratee.MapM(third(nothing)), enumeratee.Buffer[int](9)), "boom"},
		"Recover gives up":         {stays, enumeratee.Compose(enumeratee.Recover(enumeratee.MapM(third(nothing)), giveUp), enumeratee.Buffer[int](9)), "boom"},
	}
	for name, adapter := range elsewhere {
		failures["the source fails, "+name] = failure{fails, adapter, "boom"}
		failures["the source panics, "+name] = failure{panics, adapter, "panic: source"}
	}
	for name, c := range failures {
		for how, run := range stuckRuns {
			t.Run(name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					assert.EqualError(t, run(t.Context(), c.source, c.adapter), c.want)
				})
			})
		}
	}
}

// One half of a Zip waits for its context when the other fails.
func TestAFailureFreesAConsumerBesideIt(t *testing.T) {
	then := func(f func() error) iteratee.Iteratee[int, struct{}] {
		return iteratee.ForEach(func(context.Context, int) error {
			time.Sleep(time.Second)
			return f()
		})
	}
	for end, other := range map[string]iteratee.Iteratee[int, struct{}]{
		"boom":        then(func() error { return errBoom }),
		"panic: boom": then(func() error { panic(errBoom) }),
	} {
		for name, adapter := range elsewhere {
			waits := enumeratee.Transform(adapter, stuckConsumer())
			for how, consumer := range map[string]iteratee.Iteratee[int, struct{}]{
				"Zip":              zip(waits, other),
				"in a part":        iteratee.FlatMap(zip(waits, other), func(struct{}) iteratee.Iteratee[int, struct{}] { return iteratee.Ignore[int]() }),
				"behind a Buffer":  enumeratee.Transform(enumeratee.Buffer[int](9), zip(waits, other)),
				"recovered, given": iteratee.Recover(zip(waits, other), func(err error) (struct{}, error) { return struct{}{}, err }),
			} {
				t.Run(end+"/"+name+"/"+how, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						assert.EqualError(t, runStuck(t.Context(), at(1, 10), consumer), end)
					})
				})
			}
		}
	}
}

func zip(a, b iteratee.Iteratee[int, struct{}]) iteratee.Iteratee[int, struct{}] {
	return iteratee.ZipWith(a, b, func(struct{}, struct{}) struct{} { return struct{}{} })
}

// No goroutine outlives the run, so the run waits for one that ignores its context.
func TestAFailureWaitsForAConsumerThatIgnoresItsContext(t *testing.T) {
	numbers := at(1, 2, 3, 4)
	for want, run := range map[error]func(context.Context, iteratee.Iteratee[int, struct{}]) error{
		enumeratee.ErrOverflow: func(ctx context.Context, consumer iteratee.Iteratee[int, struct{}]) error {
			return runStuck(ctx, enumerator.Through(numbers, enumeratee.BufferOrFail[int](1)), consumer)
		},
		enumeratee.ErrNotReady: func(ctx context.Context, consumer iteratee.Iteratee[int, struct{}]) error {
			return runStuck(ctx, numbers, enumeratee.Transform(enumeratee.LazyAndErrIfNotReady[int](0), consumer))
		},
		errBoom: func(ctx context.Context, consumer iteratee.Iteratee[int, struct{}]) error {
			return runStuck(ctx, enumerator.Through(numbers.AndThen(failing()), enumeratee.Buffer[int](9)), consumer)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			passed, calls := since(), 0
			err := run(t.Context(), iteratee.ForEach(func(context.Context, int) error {
				calls++
				time.Sleep(time.Hour)
				return nil
			}))
			assert.ErrorIs(t, err, want)
			assert.Equal(t, time.Hour+time.Second, passed())
			assert.Equal(t, 1, calls)
		})
	}
}

// A consumer that is used again after Recover keeps its context.
func TestAFailureThatIsRecoveredFromLeavesContextsAlone(t *testing.T) {
	goOn := func(context.Context, error, iteratee.Input[int]) error { return nil }
	live := func(ctx context.Context, es []int, e int) ([]int, error) {
		time.Sleep(time.Hour)
		return append(es, e), context.Cause(ctx)
	}
	bubbles(t, map[string]func(*testing.T){
		"the consumer behind Recover": func(t *testing.T) {
			adapter := enumeratee.Recover(enumeratee.BufferOrFail[int](1), goOn)
			got, err := enumerator.Run(t.Context(), at(1, 2, 3, 4, 9999), enumeratee.Transform(adapter, iteratee.FoldM(nil, live)))
			assert.NoError(t, err)
			assert.Equal(t, []int{1, 4}, got, "2 waited, and was dropped; the failure was that of 3")
		},
		"a function within Recover": func(t *testing.T) {
			ended := 0
			adapter := enumeratee.Recover(enumeratee.Compose(enumeratee.BufferOrFail[int](1), enumeratee.MapM(func(ctx context.Context, e int) (int, error) {
				if e != 1 {
					return e, context.Cause(ctx)
				}
				<-ctx.Done()
				ended++
				return e, context.Cause(ctx)
			})), goOn)
			got, err := enumerator.Run(t.Context(), at(1, 2, 3, 4, 9999), enumeratee.Transform(adapter, iteratee.FoldM(nil, live)))
			assert.NoError(t, err)
			assert.Equal(t, []int{4}, got)
			assert.Equal(t, 1, ended)
		},
		"what follows a part": func(t *testing.T) {
			consumer := iteratee.RecoverWith(enumeratee.Transform(enumeratee.BufferOrFail[int](1), slowly[int](100*time.Hour)), func(err error) iteratee.Iteratee[int, []int] {
				assert.ErrorIs(t, err, enumeratee.ErrOverflow)
				return iteratee.RecoverWith(enumeratee.Transform(enumeratee.BufferOrFail[int](1), slowly[int](100*time.Hour)), func(err error) iteratee.Iteratee[int, []int] {
					assert.ErrorIs(t, err, enumeratee.ErrOverflow)
					return iteratee.FoldM(nil, live)
				})
			})
			passed := since()
			got, err := enumerator.Run(t.Context(), at(1, 2, 3, 4, 5, 6), consumer)
			assert.NoError(t, err)
			assert.Equal(t, []int{3, 4, 5}, got)
			assert.Equal(t, 4*time.Second+3*time.Hour, passed())
		},
		"the other half of a Zip that is recovered from": func(t *testing.T) {
			recovers := iteratee.Recover(enumeratee.Transform(enumeratee.BufferOrFail[int](0), slowly[int](100*time.Hour)), func(error) ([]int, error) { return []int{-1}, nil })
			consumer := iteratee.ZipWith(recovers, iteratee.FoldM(nil, live), func(a, b []int) []int { return append(a, b...) })
			got, err := enumerator.Run(t.Context(), at(1, 2, 3, 4), consumer)
			assert.NoError(t, err)
			assert.Equal(t, []int{-1, 1, 2, 3}, got)
		},
		"another run": func(t *testing.T) {
			got, err := enumerator.Run(t.Context(), at(1, 2, 3), iteratee.FoldM(nil, func(ctx context.Context, es []int, e int) ([]int, error) {
				_, err := enumerator.Run(ctx, enumerator.Through(enumerator.Of(1, 2, 3), enumeratee.BufferOrFail[int](0)), slowly[int](100*time.Hour))
				assert.ErrorIs(t, err, enumeratee.ErrOverflow)
				return live(ctx, es, e)
			}))
			assert.NoError(t, err)
			assert.Equal(t, []int{1, 2}, got)
		},
	})
}
