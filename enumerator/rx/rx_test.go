package rx_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/enumerator/rx"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func collect[E any](t *testing.T, e enumerator.Enumerator[E]) []E {
	t.Helper()
	es, err := enumerator.Run(t.Context(), e, iteratee.Collect[E]())
	require.NoError(t, err)
	return es
}

func TestFromObservableKeepsTheLaws(t *testing.T) {
	for name, o := range map[string]rxgo.Iterable{
		"Just":   rxgo.Just(1, 2, 3)(),
		"Range":  rxgo.Range(1, 3),
		"Map":    rxgo.Just(0, 1, 2)().Map(as(func(n int) int { return n + 1 })),
		"Defer":  rx.ToObservable(enumerator.Of(1, 2, 3)),
		"buffer": rxgo.Just(1, 2, 3)(rxgo.WithBufferedChannel(2)),
	} {
		t.Run(name, func(t *testing.T) {
			assert.NoError(t, enumeratortest.Test(rx.FromObservable[int](o), []int{1, 2, 3}))
		})
	}
	assert.NoError(t, enumeratortest.Test(rx.FromObservable[int](rxgo.Empty()), nil))
	assert.NoError(t, enumeratortest.TestEndless(rx.FromObservable[int](rx.ToObservable(probe.Naturals())), []int{1, 2, 3}))
}

func TestFromObservableOfEachKind(t *testing.T) {
	assert.Equal(t, []int{7}, collect(t, rx.FromObservable[int](rxgo.JustItem(7))))
	assert.Equal(t, []int64{2}, collect(t, rx.FromObservable[int64](rxgo.Just(1, 2)().Count())))
	assert.Equal(t, []int{2}, collect(t, rx.FromObservable[int](rxgo.Just(1, 2)().Last())))
	assert.Empty(t, collect(t, rx.FromObservable[int](rxgo.Empty().Last())))
	assert.Equal(t, []any{1, nil, "a"}, collect(t, rx.FromObservable[any](rxgo.Defer([]rxgo.Producer{
		func(_ context.Context, next chan<- rxgo.Item) {
			next <- rxgo.Of(1)
			next <- rxgo.Of(nil)
			next <- rxgo.Of("a")
		},
	}))))
	assert.PanicsWithValue(t, "rx: FromObservable: the Observable must not be nil", func() { rx.FromObservable[int](nil) })
}

func TestFromObservableFails(t *testing.T) {
	for name, c := range map[string]struct {
		o    rxgo.Observable
		want string
	}{
		"error item":    {rxgo.Just(1, errBoom, 2)(), "boom"},
		"a function":    {rxgo.Just(1, 5)().Map(failAt5).Filter(small), "boom"},
		"another type":  {rxgo.Just(1, "a", 2)(), "rx: FromObservable: an item has type string, not int"},
		"another width": {rxgo.Just(1, int64(2))(), "rx: FromObservable: an item has type int64, not int"},
		"nil": {rxgo.Just(1, 2)().Map(func(_ context.Context, v any) (any, error) {
			if v == 2 {
				return nil, nil
			}
			return v, nil
		}), "rx: FromObservable: an item has type <nil>, not int"},
	} {
		t.Run(name, func(t *testing.T) {
			e := rx.FromObservable[int](c.o)
			for range 2 {
				got, err := seen(t.Context(), e.AndThen(enumerator.Of(-1)), all)
				assert.Equal(t, []int{1}, got)
				assert.EqualError(t, err, c.want)
			}
		})
	}
	_, err := seen(t.Context(), rx.FromObservable[int](rxgo.Thrown(errBoom)), all)
	assert.ErrorIs(t, err, errBoom)
}

// endless returns Observables of more items than the tests receive. Observe passes its context to
// their operators, except in FlatMap.
func endless() map[string]rxgo.Observable {
	numbers := rxgo.Range(0, 1e6)
	return map[string]rxgo.Observable{
		"Range":   numbers,
		"Map":     numbers.Map(same),
		"Take":    numbers.Map(same).Map(same).Take(1e5).Map(same),
		"pool":    numbers.Map(same, rxgo.WithPool(2)),
		"buffer":  numbers.Map(same, rxgo.WithBufferedChannel(8)),
		"FlatMap": rx.ToObservable(probe.Naturals()).FlatMap(func(item rxgo.Item) rxgo.Observable { return rxgo.Just(item.V)() }),
		"ours":    rx.ToObservable(probe.Naturals()).Map(same),
	}
}

func TestFromObservableLeavesNothingBehind(t *testing.T) {
	for name := range endless() {
		for way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				for n := 1; n <= 5; n++ {
					synctest.Test(t, func(t *testing.T) {
						start := time.Now()
						abandon(t, rx.FromObservable[any](endless()[name]), n, way)
						require.LessOrEqual(t, time.Since(start), 10*time.Millisecond)
						time.Sleep(2 * time.Second) // an Observable may go on for a second
					})
				}
			})
		}
	}
}

func TestFromObservableEndsWithItsContext(t *testing.T) {
	for name, observable := range map[string]func() rxgo.Observable{
		"silent": rxgo.Never,
		"waits":  func() rxgo.Observable { return rx.ToObservable(enumerator.FromChan(make(chan int))) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errBoom)
				defer cancel()
				start := time.Now()
				_, err := seen(ctx, rx.FromObservable[int](observable()), all)
				require.ErrorIs(t, err, errBoom)
				require.LessOrEqual(t, time.Since(start), time.Minute+10*time.Millisecond)
				time.Sleep(2 * time.Second)
			})
		})
	}
}

// An Observable that ends with its context has ended when the run returns. So have the functions that
// it calls.
func TestFromObservableWaitsForAnObservableThatEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Int64
		o := rxgo.Range(0, 1000).Map(func(ctx context.Context, v any) (any, error) {
			busy.Add(1)
			defer busy.Add(-1)
			if v.(int) > 2 {
				<-ctx.Done()
			}
			return v, nil
		})
		abandon(t, rx.FromObservable[any](o), 3, "done")
		require.Zero(t, busy.Load())
	})
}

func TestToObservableIsCold(t *testing.T) {
	source := &probe.Source{N: 3}
	o := rx.ToObservable(source.Enumerator(), make([]rxgo.Option, 0, 8)...)
	assert.Zero(t, source.Starts.Load())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := o.ToSlice(0)
			assert.NoError(t, err)
			assert.Equal(t, []any{1, 2, 3}, got)
			for item := range o.Observe(rxgo.WithBufferedChannel(2)) {
				assert.NoError(t, item.E)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 16, source.Starts.Load())
	assert.EqualValues(t, 16, source.Closes.Load())
}

func TestToObservableIsNotAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &probe.Source{N: -1}
		ctx, cancel := context.WithCancel(t.Context())
		items := rx.ToObservable(source.Enumerator()).Observe(rxgo.WithContext(ctx))
		for n := 1; n <= 5; n++ {
			synctest.Wait()
			require.EqualValues(t, n, source.Pulls.Load())
			require.Equal(t, rxgo.Of(n), <-items)
		}
		cancel()
		for range items {
		}
		require.EqualValues(t, 1, source.Closes.Load())
	})
}

func TestToObservableFails(t *testing.T) {
	e := enumerator.Of(1, 2).AndThen(enumerator.Generate(func(context.Context) (int, bool, error) { return 0, false, errBoom }))
	got, err := rx.ToObservable(e).ToSlice(0)
	assert.Equal(t, []any{1, 2}, got)
	assert.Equal(t, errBoom, err)

	got, err = rx.ToObservable(e).OnErrorReturnItem(3).ToSlice(0)
	assert.Equal(t, []any{1, 2, 3}, got)
	assert.NoError(t, err)

	// An element that is an error is not an error of the run.
	got, err = rx.ToObservable(enumerator.Of(errBoom)).ToSlice(0)
	assert.Equal(t, []any{errBoom}, got)
	assert.NoError(t, err)
}

func TestToObservableEndsWithItsContext(t *testing.T) {
	for name, source := range map[string]func() enumerator.Enumerator[int]{
		"endless": probe.Naturals,
		"stuck":   func() enumerator.Enumerator[int] { return stuck(3) },
	} {
		for n := range 4 {
			for _, ofAll := range []bool{true, false} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						closed := false
						source := enumerator.OnDoneEnumerating(source(), func() error { closed = true; return nil })
						ctx, cancel := context.WithCancel(t.Context())
						var items <-chan rxgo.Item
						if ofAll {
							items = rx.ToObservable(source, rxgo.WithContext(ctx)).Observe()
						} else {
							items = rx.ToObservable(source).Observe(rxgo.WithContext(ctx))
						}
						for range n {
							require.NoError(t, (<-items).E)
						}
						synctest.Wait() // the Observable waits to send, or for its source
						cancel()
						synctest.Wait()
						require.True(t, closed)
						_, open := <-items
						require.False(t, open)
					})
				})
			}
		}
	}
}

func TestToObservableBeforeAnOperatorThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &probe.Source{N: -1}
		ctx, cancel := context.WithCancel(t.Context())
		got, err := rx.ToObservable(source.Enumerator(), rxgo.WithContext(ctx)).Take(3).ToSlice(0)
		require.NoError(t, err)
		require.Equal(t, []any{1, 2, 3}, got)
		cancel()
		synctest.Wait()
		require.EqualValues(t, 1, source.Closes.Load())
	})
}

func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		es := rapid.SliceOfN(rapid.Int(), 0, 20).Draw(t, "es")
		n := rapid.IntRange(0, 20).Draw(t, "n")
		e := rx.FromObservable[int](rx.ToObservable(enumerator.FromSlice(es)))
		got, err := enumerator.Run(t.Context(), e.AndThen(enumerator.Of(-1)), iteratee.TakeUpTo[int](n))
		require.NoError(t, err)
		require.Equal(t, append(es[:len(es):len(es)], -1)[:min(n, len(es)+1)], append([]int{}, got...))
	})
}
