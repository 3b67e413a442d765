package rx_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/reactivex/rxgo/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/enumerator/rx"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// stuck gives 1, 2, …, n, then waits until its context ends.
func stuck(n int) enumerator.Enumerator[int] {
	return enumerator.Through(probe.Naturals(), enumeratee.Take[int](n)).AndThen(enumerator.FromChan(make(chan int)))
}

func TestLiftOfEachKind(t *testing.T) {
	e := enumerator.Of(1, 2, 3)
	assert.Equal(t, []int{2, 4, 6}, collect(t, rx.Lift[int](e, func(o rxgo.Observable) rxgo.Observable {
		return o.Map(as(func(n int) int { return 2 * n }))
	})))
	assert.Equal(t, []int64{3}, collect(t, rx.Lift[int64](e, func(o rxgo.Observable) rxgo.Single {
		return o.Count()
	})))
	assert.Equal(t, []int{3}, collect(t, rx.Lift[int](e, func(o rxgo.Observable) rxgo.OptionalSingle {
		return o.Last()
	})))
	assert.Equal(t, []int{1, 2, 3}, collect(t, rx.Lift[int](e, func(o rxgo.Observable) rxgo.Observable {
		return o
	})))
	assert.Empty(t, collect(t, rx.Lift[int](enumerator.Empty[int](), func(o rxgo.Observable) rxgo.Observable {
		return o
	})))
}

func TestLiftFailsAtAnotherType(t *testing.T) {
	e := enumerator.Of(1, 2, 3)
	got, err := seen(t.Context(), rx.Lift[string](e, func(o rxgo.Observable) rxgo.Observable {
		return o.Map(func(_ context.Context, v any) (any, error) {
			if v == 2 {
				return v, nil
			}
			return fmt.Sprint(v), nil
		})
	}), all)
	assert.Equal(t, []string{"1"}, got)
	assert.EqualError(t, err, "rx: Lift: an item has type int, not string")

	_, err = seen(t.Context(), rx.Lift[fmt.Stringer](e, func(o rxgo.Observable) rxgo.Observable { return o }), all)
	assert.EqualError(t, err, "rx: Lift: an item has type int, not fmt.Stringer")

	// RxGo's own operators check types too.
	_, err = seen(t.Context(), rx.Lift[float64](enumerator.Of("a"), func(o rxgo.Observable) rxgo.Single {
		return o.AverageFloat64()
	}), all)
	assert.IsType(t, rxgo.IllegalInputError{}, err)
}

func TestLiftMisused(t *testing.T) {
	assert.PanicsWithValue(t, "rx: Lift: the function must not be nil", func() { rx.Lift[int, int, rxgo.Observable](stuck(2), nil) })
	e := rx.Lift[int](stuck(2), func(rxgo.Observable) rxgo.Observable { return nil })
	assert.PanicsWithValue(t, "rx: Lift: the function returned nil", func() { collect(t, e) })
	e = rx.Lift[int](stuck(2), func(o rxgo.Observable) rxgo.Observable {
		o.Map(same).StartWith(rxgo.Range(0, 1e6)).Retry(3, func(error) bool { return true }) // start at once
		panic(errBoom)
	})
	assert.PanicsWithValue(t, any(errBoom), func() { collect(t, e) })
}

func TestLiftIsARecipe(t *testing.T) {
	sums := func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
		return rx.Lift[int](e, func(o rxgo.Observable) rxgo.Observable { return o.Scan(plus).StartWith(rxgo.Just(0)()) })
	}
	e := sums(enumerator.Of(1, 2, 3))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			assert.Equal(t, []int{0, 1, 3, 6}, collect(t, e))
			got, err := enumerator.Run(t.Context(), e, iteratee.TakeUpTo[int](2))
			assert.NoError(t, err)
			assert.Equal(t, []int{0, 1}, got)
		})
	}
	wg.Wait()
	// Twice in one run.
	assert.Equal(t, []int{0, 0, 1, 4, 10}, collect(t, sums(e)))
}

// When the chain completes, a source that waits is stopped, and the next source goes on.
func TestLiftStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := range 4 {
			e := rx.Lift[int](stuck(n+1), func(o rxgo.Observable) rxgo.Observable { return o.Map(same).Take(uint(n)).Map(same) })
			require.Equal(t, append([]int{1, 2, 3}[:n:n], 99), collect(t, e.AndThen(enumerator.Of(99))))
		}
	})
}

func TestLiftKeepsTheLaws(t *testing.T) {
	triple := func(o rxgo.Observable) rxgo.Observable { return o.Map(as(func(n int) int { return 3 * n })) }
	assert.NoError(t, enumeratortest.Test(rx.Lift[int](enumerator.Of(1, 2, 3), triple), []int{3, 6, 9}))
	assert.NoError(t, enumeratortest.Test(rx.Lift[int](enumerator.Empty[int](), triple), nil))
	assert.NoError(t, enumeratortest.TestEndless(rx.Lift[int](probe.Naturals(), triple), []int{3, 6, 9}))
}

// fails gives 1 and 2, then fails with an error that wraps errBoom.
func fails() enumerator.Enumerator[int] {
	return enumerator.Of(1, 2).AndThen(enumerator.Generate(func(context.Context) (int, bool, error) {
		return 0, false, fmt.Errorf("read: %w", errBoom)
	}))
}

// In each run, the elements come first, then the error.
func TestLiftOfASourceThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		f      func(o rxgo.Observable) rxgo.Iterable
		want   []any
		failed bool
	}{
		"no operator":       {func(o rxgo.Observable) rxgo.Iterable { return o }, []any{1, 2}, true},
		"Map":               {func(o rxgo.Observable) rxgo.Iterable { return o.Map(same) }, []any{1, 2}, true},
		"Maps":              {func(o rxgo.Observable) rxgo.Iterable { return o.Map(same).Map(same).Map(same) }, []any{1, 2}, true},
		"OnErrorReturnItem": {func(o rxgo.Observable) rxgo.Iterable { return o.OnErrorReturnItem(99) }, []any{1, 2, 99}, false},
		"Retry":             {func(o rxgo.Observable) rxgo.Iterable { return o.Retry(2, always) }, []any{1, 2, 1, 2, 1, 2}, true},
		"Map, Retry":        {func(o rxgo.Observable) rxgo.Iterable { return o.Map(same).Retry(2, always).Map(same) }, []any{1, 2, 1, 2, 1, 2}, true},
		"Merge": {func(o rxgo.Observable) rxgo.Iterable {
			return rxgo.Merge([]rxgo.Observable{o.Map(same)})
		}, []any{1, 2}, true},
		"Count":           {func(o rxgo.Observable) rxgo.Iterable { return o.Count() }, []any{int64(2)}, false}, // RxGo drops the error
		"Sum":             {func(o rxgo.Observable) rxgo.Iterable { return o.SumInt64() }, nil, true},
		"First":           {func(o rxgo.Observable) rxgo.Iterable { return o.First() }, []any{1}, false},
		"BufferWithCount": {func(o rxgo.Observable) rxgo.Iterable { return o.BufferWithCount(3) }, nil, true}, // RxGo emits the error before the last buffer
	} {
		t.Run(name, func(t *testing.T) {
			e := rx.Lift[any](fails(), c.f)
			for range 300 {
				got, err := seen(t.Context(), e.AndThen(enumerator.Of[any]("next")), all)
				if c.failed {
					require.Equal(t, c.want, got)
					require.ErrorIs(t, err, errBoom)
					require.EqualError(t, err, "read: boom")
				} else {
					require.Equal(t, append(c.want, "next"), got)
					require.NoError(t, err)
				}
			}
		})
	}
}

// A source that is run again is closed, however its consumer ends.
func TestLiftEndsEachRunOfItsSource(t *testing.T) {
	for name, f := range map[string]func(o rxgo.Observable) rxgo.Iterable{
		"Retry":      func(o rxgo.Observable) rxgo.Iterable { return o.Retry(1e9, always) },
		"Map, Retry": func(o rxgo.Observable) rxgo.Iterable { return o.Map(failAt5).Map(same).Retry(1e9, always) },
		"OnErrorResumeNext": func(o rxgo.Observable) rxgo.Iterable {
			return o.OnErrorResumeNext(func(error) rxgo.Observable { return o })
		},
		"BackOffRetry": func(o rxgo.Observable) rxgo.Iterable {
			return o.Map(failAt5).BackOffRetry(backoff.NewConstantBackOff(time.Second))
		},
		"Concat": func(o rxgo.Observable) rxgo.Iterable {
			return rxgo.Concat([]rxgo.Observable{o.Take(1), o.Take(1), o.TakeWhile(small), o})
		},
	} {
		for way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				for n := 1; n <= 9; n++ {
					synctest.Test(t, func(t *testing.T) {
						s := &script{es: in, err: errBoom}
						// A run that was left has ended before the next one gives its first element.
						alone := enumeratee.Map(func(v any) any {
							assert.LessOrEqual(t, s.open.Load(), int64(1))
							return v
						})
						e := rx.Lift[any](enumerator.Through(s.enumerator(time.Second), alone), f)
						abandon(t, e, n, way)
						require.Zero(t, s.open.Load())
					})
				}
			})
		}
	}
}

// A panic of the source reaches the caller of the run, even if operators handle errors.
func TestLiftOfASourceThatPanics(t *testing.T) {
	for name, f := range map[string]func(o rxgo.Observable) rxgo.Iterable{
		"no operator":       func(o rxgo.Observable) rxgo.Iterable { return o },
		"Map":               func(o rxgo.Observable) rxgo.Iterable { return o.Map(same).Map(same) },
		"Retry":             func(o rxgo.Observable) rxgo.Iterable { return o.Retry(9, always) },
		"OnErrorReturnItem": func(o rxgo.Observable) rxgo.Iterable { return o.OnErrorReturnItem(99) },
		"Merge":             func(o rxgo.Observable) rxgo.Iterable { return rxgo.Merge([]rxgo.Observable{o.Map(same)}) },
	} {
		for n := range 3 {
			panics := enumerator.Map(enumerator.Through(probe.Naturals(), enumeratee.Take[int](n+1)), func(e int) int {
				if e == n+1 {
					panic(errBoom)
				}
				return e
			})
			t.Run(name, func(t *testing.T) {
				for range 100 {
					synctest.Test(t, func(t *testing.T) {
						require.PanicsWithValue(t, any(errBoom), func() { seen(t.Context(), rx.Lift[any](panics, f), all) })
						time.Sleep(time.Second) // for Merge
					})
				}
			})
		}
	}
	goexits := enumerator.Generate(func(context.Context) (int, bool, error) { runtime.Goexit(); return 0, false, nil })
	assert.Panics(t, func() {
		collect(t, rx.Lift[int](goexits, func(o rxgo.Observable) rxgo.Observable { return o.Map(same) }))
	})
}

// A consumer in another goroutine stops a source that waits.
func TestLiftIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := rx.Lift[int](stuck(3), func(o rxgo.Observable) rxgo.Observable { return o.Map(same).Retry(1, always).Map(same) })
		buffered := enumeratee.Compose(enumeratee.Buffer[int](1), enumeratee.Take[int](3))
		require.Equal(t, []int{1, 2, 3, 99}, collect(t, enumerator.Through(e, buffered).AndThen(enumerator.Of(99))))
	})
}

// An operator that would wait for Connect is refused, and no other operator can hide that.
func TestLiftRefusesToPublish(t *testing.T) {
	publish := rxgo.WithPublishStrategy()
	for name, f := range map[string]func(o rxgo.Observable) rxgo.Iterable{
		"after Retry": func(o rxgo.Observable) rxgo.Iterable {
			return o.Retry(1, always).Map(same, publish).OnErrorReturnItem(99)
		},
		"after StartWith": func(o rxgo.Observable) rxgo.Iterable { return o.StartWith(rxgo.Just(1)()).Map(same).Count(publish) },
		"after Eager": func(o rxgo.Observable) rxgo.Iterable {
			return o.Map(same, rxgo.WithObservationStrategy(rxgo.Eager)).Map(same, publish).Retry(3, always)
		},
		"in a window": func(o rxgo.Observable) rxgo.Iterable {
			return o.WindowWithCount(2).FlatMap(func(item rxgo.Item) rxgo.Observable {
				return item.V.(rxgo.Observable).Map(same, publish)
			})
		},
		"observed": func(o rxgo.Observable) rxgo.Iterable {
			return rxgo.FromChannel(o.Retry(1, always).Observe(publish))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := seen(t.Context(), rx.Lift[any](stuck(5), f), all)
				require.EqualError(t, err, "rx: Lift: WithPublishStrategy after an operator that starts at once: nothing can connect it; "+
					"for several observers of one run, use enumerator.Share")
				time.Sleep(time.Second)
			})
		})
	}
}

// A policy's own context ends its waits, as in RxGo.
func TestLiftOfABackOffWithAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1500*time.Millisecond, cancel)
		start := time.Now()
		got, err := seen(t.Context(), rx.Lift[int](fails(), func(o rxgo.Observable) rxgo.Observable {
			return o.BackOffRetry(backoff.WithContext(backoff.NewConstantBackOff(time.Second), ctx))
		}), all)
		require.Equal(t, []int{1, 2, 1, 2}, got)
		require.Equal(t, context.Canceled, err)
		require.Equal(t, 1500*time.Millisecond, time.Since(start))
	})
}

// A function that RxGo calls gets a context that ends with the run. The run waits for the function.
func TestLiftEndsFunctionsThatWait(t *testing.T) {
	for way := range ways {
		synctest.Test(t, func(t *testing.T) {
			busy := false
			e := rx.Lift[any](stuck(3), func(o rxgo.Observable) rxgo.Observable {
				return o.Map(func(ctx context.Context, v any) (any, error) {
					if v == 3 {
						busy = true
						<-ctx.Done()
						time.Sleep(time.Second)
						busy = false
					}
					return v, nil
				}, rxgo.WithContext(context.Background())).Filter(func(any) bool { return true })
			})
			abandon(t, e, 2, way)
			require.False(t, busy)
		})
	}
}

// Operators with several goroutines emit in any order.
func TestLiftOfPools(t *testing.T) {
	pool := rxgo.WithPool(3)
	for name, c := range map[string]struct {
		f    func(o rxgo.Observable) rxgo.Iterable
		want []any
	}{
		"Map": {func(o rxgo.Observable) rxgo.Iterable { return o.Map(same, pool) }, []any{1, 2, 3, 4}},
		"Filter": {func(o rxgo.Observable) rxgo.Iterable {
			return o.Filter(small, pool).Map(same, rxgo.WithBufferedChannel(2))
		}, []any{1, 2, 3, 4}},
		"Distinct": {func(o rxgo.Observable) rxgo.Iterable { return o.Map(same, pool).Distinct(same, pool).Take(9) }, []any{1, 2, 3, 4}},
		"Max":      {func(o rxgo.Observable) rxgo.Iterable { return o.Max(compare, rxgo.WithPool(1)) }, []any{4}},
	} {
		t.Run(name, func(t *testing.T) {
			e := rx.Lift[any](enumerator.Of(1, 2, 3, 4), c.f)
			assert.ElementsMatch(t, c.want, collect(t, e))
			for range 20 {
				_, err := seen(t.Context(), rx.Lift[any](fails(), c.f), all)
				assert.ErrorIs(t, err, errBoom)
			}
			for way := range ways {
				for n := 1; n <= 4; n++ {
					synctest.Test(t, func(t *testing.T) { abandon(t, e, n, way) })
				}
			}
		})
	}
}

// The function can return Observables of RxGo itself.
func TestLiftOfAnotherObservable(t *testing.T) {
	for name, f := range map[string]func(o rxgo.Observable) rxgo.Observable{
		"Merge": func(o rxgo.Observable) rxgo.Observable {
			return rxgo.Merge([]rxgo.Observable{o.Map(same).Map(same), o.Map(same).Filter(func(any) bool { return true })})
		},
		"Concat": func(o rxgo.Observable) rxgo.Observable {
			return rxgo.Concat([]rxgo.Observable{o.Map(same).Take(2), o.Map(same), rxgo.Just(8)()})
		},
		"Just":    func(rxgo.Observable) rxgo.Observable { return rxgo.Just(1, 2, 3, 4, 5)() },
		"Range":   func(rxgo.Observable) rxgo.Observable { return rxgo.Range(0, 1e6) },
		"Never":   func(rxgo.Observable) rxgo.Observable { return rxgo.Never() },
		"channel": func(o rxgo.Observable) rxgo.Observable { return rxgo.FromChannel(o.Map(same).Observe()) },
	} {
		for way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				for n := 1; n <= 4; n++ {
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errBoom)
						defer cancel()
						e := rx.Lift[any](stuck(8), f)
						if name == "Never" {
							_, err := seen(ctx, e, all)
							require.ErrorIs(t, err, errBoom)
						} else {
							abandon(t, e, n, way)
						}
						time.Sleep(2 * time.Second)
					})
				}
			})
		}
	}
	merged := collect(t, rx.Lift[int](enumerator.Of(1, 2, 3, 4), func(o rxgo.Observable) rxgo.Observable {
		return rxgo.Merge([]rxgo.Observable{o.Map(same), o.Map(same)})
	}))
	assert.ElementsMatch(t, []int{1, 1, 2, 2, 3, 3, 4, 4}, merged, "each branch runs the source")
}

// Elements can be windows and groups.
func TestLiftOfObservablesOfObservables(t *testing.T) {
	windows := func(e enumerator.Enumerator[int]) enumerator.Enumerator[rxgo.Observable] {
		return rx.Lift[rxgo.Observable](e, func(o rxgo.Observable) rxgo.Observable { return o.WindowWithCount(2) })
	}
	read := enumeratee.MapM(func(_ context.Context, w rxgo.Observable) (any, error) { return w.ToSlice(0) })
	got := collect(t, enumerator.Through(windows(enumerator.Of(1, 2, 3)), read))
	assert.Equal(t, []any{[]any{1, 2}, []any{3}}, got)

	first := enumeratee.MapM(func(_ context.Context, w rxgo.Observable) (any, error) {
		item, err := w.Map(same).Take(1).Map(same).First().Map(same).Map(same).Get()
		return item.V, err
	})
	for way := range ways {
		for n := 1; n <= 2; n++ {
			synctest.Test(t, func(t *testing.T) {
				e := enumerator.Through(windows(stuck(5)), first)
				abandon(t, enumerator.Through(e, enumeratee.Take[any](1)), n, way)
				untouched := enumeratee.Map(func(w rxgo.Observable) any { return w })
				abandon(t, enumerator.Through(windows(stuck(5)), untouched), 1, way)
			})
		}
	}

	groups := rx.Lift[rxgo.GroupedObservable](stuck(5), func(o rxgo.Observable) rxgo.Observable {
		return o.GroupByDynamic(func(item rxgo.Item) string { return fmt.Sprint(parity(item)) })
	})
	for way := range ways {
		for n := 1; n <= 2; n++ {
			synctest.Test(t, func(t *testing.T) {
				abandon(t, enumerator.Through(groups, enumeratee.Map(func(g rxgo.GroupedObservable) any {
					g.Map(same).DoOnNext(func(any) {})
					return g.Key
				})), n, way)
			})
		}
	}
}

func TestLiftOfSingles(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(o rxgo.Observable) rxgo.Iterable
		want []any
	}{
		"Map": {func(o rxgo.Observable) rxgo.Iterable { return o.Count().Map(same).Map(same) }, []any{int64(3)}},
		"Filter": {func(o rxgo.Observable) rxgo.Iterable {
			return o.Count().Filter(func(v any) bool { return v == int64(3) })
		}, []any{int64(3)}},
		"Filter, none": {func(o rxgo.Observable) rxgo.Iterable { return o.Count().Filter(func(v any) bool { return false }) }, nil},
		"Get":          {func(o rxgo.Observable) rxgo.Iterable { return got(o.Count().Get) }, []any{int64(3)}},
		"Get, none":    {func(o rxgo.Observable) rxgo.Iterable { return got(o.Skip(5).First().Get) }, []any{nil}},
		"Run": {func(o rxgo.Observable) rxgo.Iterable {
			return rxgo.Defer([]rxgo.Producer{func(context.Context, chan<- rxgo.Item) { <-o.Count().Run() }})
		}, nil},
		"optional: Map":  {func(o rxgo.Observable) rxgo.Iterable { return o.Last().Map(same).Map(same) }, []any{3}},
		"optional: Get":  {func(o rxgo.Observable) rxgo.Iterable { return got(o.Last().Map(same).Get) }, []any{3}},
		"optional: fail": {func(o rxgo.Observable) rxgo.Iterable { return o.Last().Map(same).Map(same) }, []any{3}},
	} {
		t.Run(name, func(t *testing.T) {
			e := rx.Lift[any](enumerator.Of(1, 2, 3), c.f)
			for range 2 {
				assert.Equal(t, c.want, collect(t, e))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		var failed error
		_, err := seen(ctx, rx.Lift[any](stuck(3), func(o rxgo.Observable) rxgo.Observable {
			_, failed = o.Last().Get()
			return o
		}), all)
		require.ErrorIs(t, err, errBoom)
		require.Equal(t, context.DeadlineExceeded, failed)
	})
}

// got returns an Observable of the result of get.
func got(get func(...rxgo.Option) (rxgo.Item, error)) rxgo.Iterable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		item, err := get()
		item.E = err
		item.SendContext(ctx, next)
	}})
}

// An observable has no items after its run.
func TestLiftAfterTheRun(t *testing.T) {
	var kept rxgo.Observable
	e := rx.Lift[any](enumerator.Of(1, 2, 3), func(o rxgo.Observable) rxgo.Observable {
		kept = o
		return o.Take(1)
	})
	assert.Equal(t, []any{1}, collect(t, e))
	for _, o := range []rxgo.Observable{kept, kept.Map(same), kept.Map(same).Map(same), kept.Map(same).StartWith(rxgo.Empty())} {
		for item := range o.Observe() {
			t.Error(item)
		}
	}
}

// Connect has nothing to start, since nothing in a run of Lift is published.
func TestLiftConnect(t *testing.T) {
	e := rx.Lift[int](enumerator.Of(1, 2, 3), func(o rxgo.Observable) rxgo.Observable {
		ctx, dispose := o.Map(same).Connect(context.Background())
		assert.NoError(t, ctx.Err())
		dispose()
		assert.ErrorIs(t, ctx.Err(), context.Canceled)
		return o
	})
	assert.Equal(t, []int{1, 2, 3}, collect(t, e))
}
