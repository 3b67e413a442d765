package enumeratee_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type mapper func(limit int, f func(context.Context, int) (int, error)) tee

var mappers = map[string]mapper{
	"MapConcurrent":          enumeratee.MapConcurrent[int, int],
	"MapConcurrentUnordered": enumeratee.MapConcurrentUnordered[int, int],
}

func forEachMapper(t *testing.T, test func(t *testing.T, mapC mapper)) {
	for name, mapC := range mappers {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { test(t, mapC) }) })
	}
}

// takes returns e after e seconds.
func takes(ctx context.Context, e int) (int, error) {
	return sameAfter(time.Duration(e)*time.Second)(ctx, e)
}

func TestMapConcurrentOrder(t *testing.T) {
	bubbles(t, map[string]func(*testing.T){
		"kept": func(t *testing.T) {
			passed := since()
			assert.Equal(t, []int{5, 1, 3, 1, 2}, through(t, enumeratee.MapConcurrent(5, takes), 5, 1, 3, 1, 2))
			assert.Equal(t, 5*time.Second, passed())
		},
		"not kept": func(t *testing.T) {
			passed := since()
			assert.Equal(t, []int{1, 2, 3, 4, 5}, through(t, enumeratee.MapConcurrentUnordered(5, takes), 5, 1, 4, 3, 2))
			assert.Equal(t, 5*time.Second, passed())
		},
	})
}

func TestMapConcurrentLimits(t *testing.T) {
	forEachMapper(t, func(t *testing.T, mapC mapper) {
		for _, limit := range []int{1, 2, 3, 10, 100} {
			var mu sync.Mutex
			now, most := 0, 0
			add := func(n int) {
				mu.Lock()
				defer mu.Unlock()
				now += n
				most = max(most, now)
			}
			passed := since()
			got := through(t, mapC(limit, func(ctx context.Context, e int) (int, error) {
				add(1)
				defer add(-1)
				return sameAfter(time.Second)(ctx, e)
			}), ints(1, 30)...)
			slices.Sort(got)
			assert.Equal(t, ints(1, 30), got)
			assert.EqualValues(t, min(limit, 30), most, "as many as may be, and no more")
			assert.Equal(t, time.Duration((30+limit-1)/limit)*time.Second, passed())
		}
	})
}

func TestMapConcurrentCountsResultsThatWait(t *testing.T) {
	forEachMapper(t, func(t *testing.T, mapC mapper) {
		for _, limit := range []int{1, 2, 7} {
			source := &probe.Source{N: -1}
			var made, called []int64
			var calls atomic.Int64
			adapter := mapC(limit, func(_ context.Context, e int) (int, error) { calls.Add(1); return e, nil })
			consumer := iteratee.FoldUntil(0, func(_ context.Context, k, _ int) (int, bool, error) {
				time.Sleep(time.Hour)
				made, called = append(made, source.Pulls.Load()), append(called, calls.Load())
				return k + 1, k == 4, nil
			})
			_, err := enumerator.Run(t.Context(), source.Enumerator(), enumeratee.Transform(adapter, consumer))
			require.NoError(t, err)
			for k := range made { // k are done, the consumer has one, limit wait, and the source has one
				assert.EqualValues(t, k+1+limit, called[k])
				assert.EqualValues(t, k+1+limit+1, made[k])
			}
		}
	})
	bubbles(t, map[string]func(*testing.T){"behind a slow one": func(t *testing.T) {
		var called atomic.Int64
		adapter := enumeratee.MapConcurrent(3, func(ctx context.Context, e int) (int, error) {
			called.Add(1)
			return takes(ctx, e)
		})
		var then atomic.Int64
		time.AfterFunc(9*time.Second, func() { then.Store(called.Load()) })
		assert.Equal(t, []int{10, 1, 1, 1, 1}, through(t, adapter, 10, 1, 1, 1, 1))
		assert.EqualValues(t, 3, then.Load(), "two results wait for the first")
	}})
}

func TestMapConcurrentFails(t *testing.T) {
	forEachMapper(t, func(t *testing.T, mapC mapper) {
		passed := since()
		var cancelled atomic.Int64
		adapter := mapC(3, func(ctx context.Context, e int) (int, error) {
			if e == 2 {
				time.Sleep(time.Second)
				return 0, errBoom
			}
			<-ctx.Done()
			assert.ErrorIs(t, context.Cause(ctx), errBoom)
			cancelled.Add(1)
			time.Sleep(time.Second) // the run waits for this call
			return 0, ctx.Err()
		})
		for _, run := range []func() ([]int, error){
			func() ([]int, error) {
				return enumerator.Run(t.Context(), enumerator.Through(stuck(3), adapter), iteratee.Collect[int]())
			},
			func() ([]int, error) {
				return enumerator.Run(t.Context(), probe.Naturals(), enumeratee.Transform(adapter, iteratee.Collect[int]()))
			},
			func() ([]int, error) {
				return enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 3)), enumeratee.Transform(adapter, iteratee.Collect[int]()))
			},
		} {
			start := passed()
			_, err := run()
			assert.ErrorIs(t, err, errBoom)
			assert.EqualValues(t, 2, cancelled.Swap(0))
			assert.Equal(t, 2*time.Second, passed()-start)
		}
	})
}

func TestMapConcurrentCallsNothingAfterAnError(t *testing.T) {
	forEachMapper(t, func(t *testing.T, mapC mapper) {
		var called atomic.Int64
		adapter := mapC(1, func(context.Context, int) (int, error) { called.Add(1); return 0, errBoom })
		_, err := enumerator.Run(t.Context(), probe.Naturals(), enumeratee.Transform(adapter, iteratee.Collect[int]()))
		assert.ErrorIs(t, err, errBoom)
		assert.EqualValues(t, 1, called.Load())
	})
}

func TestMapConcurrentPanics(t *testing.T) {
	forEachMapper(t, func(t *testing.T, mapC mapper) {
		for name, source := range map[string]enumerator.Enumerator[int]{
			"a source that waits": stuck(3), "one that gives": probe.Naturals(), "one that has ended": enumerator.FromSlice(ints(1, 3)),
		} {
			panics := mapC(3, func(ctx context.Context, e int) (int, error) {
				if e == 2 {
					panic("f")
				}
				<-ctx.Done()
				return 0, ctx.Err()
			})
			assert.PanicsWithValue(t, "f", func() {
				enumerator.Run(t.Context(), source, enumeratee.Transform(panics, iteratee.Collect[int]()))
			}, name)
			leaves := mapC(2, func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil })
			assert.Panics(t, func() {
				enumerator.Run(t.Context(), source, enumeratee.Transform(leaves, iteratee.Collect[int]()))
			}, name)
		}
		late := mapC(2, func(ctx context.Context, e int) (int, error) {
			if e == 1 {
				return e, nil
			}
			<-ctx.Done()
			panic("late")
		})
		assert.PanicsWithValue(t, "late", func() {
			enumerator.Run(t.Context(), stuck(2), enumeratee.Transform(enumeratee.Compose(late, enumeratee.MapM(sameAfter(time.Second))), iteratee.TakeUpTo[int](1)))
		}, "a panic of a call that was cancelled is still a panic")
	})
}

func TestMapConcurrentIsCancelled(t *testing.T) {
	forEachMapper(t, func(t *testing.T, mapC mapper) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(errBoom) })
		passed := since()
		_, err := enumerator.Run(ctx, stuck(100), enumeratee.Transform(mapC(3, takes), iteratee.Collect[int]()))
		assert.ErrorIs(t, err, errBoom)
		assert.Equal(t, 5*time.Second, passed())
	})
}

func TestMapConcurrentLeavesOverElementsThatWereNotHandedOn(t *testing.T) {
	forEachMapper(t, func(t *testing.T, mapC mapper) {
		got, rest, err := splitOf(t, enumerator.FromSlice(ints(1, 9)), enumeratee.Compose(mapC(4, takes), enumeratee.Take[int](2)))
		require.NoError(t, err)
		assert.Equal(t, ints(1, 2), got)
		assert.Equal(t, ints(3, 9), rest)
		_, rest = split(t, mapC(4, takes), peek[int](), ints(1, 9)...)
		assert.Equal(t, ints(1, 9), rest)
	})
	bubbles(t, map[string]func(*testing.T){"not in order": func(t *testing.T) {
		adapter := enumeratee.Compose(enumeratee.MapConcurrentUnordered(3, takes), enumeratee.Take[int](2))
		got, rest, err := splitOf(t, enumerator.Of(9, 1, 7, 3, 8), adapter)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 3}, got)
		assert.Equal(t, []int{9, 7, 8}, rest)
	}})
}

func TestMapConcurrentEqualsMapM(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := someInts(rt, 40)
		limit := rapid.IntRange(1, 9).Draw(rt, "limit")
		f := func(_ context.Context, e int) (int, error) { return e + 1, nil }
		want := through(t, enumeratee.MapM(f), in...)
		assert.Equal(rt, want, through(t, enumeratee.MapConcurrent(limit, f), in...))
		assert.ElementsMatch(rt, want, through(t, enumeratee.MapConcurrentUnordered(limit, f), in...))
	})
}

func TestMapConcurrentIsUsedSideBySide(t *testing.T) {
	for name, mapC := range mappers {
		t.Run(name, func(t *testing.T) {
			adapter := mapC(4, func(_ context.Context, e int) (int, error) { return 2 * e, nil })
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					got, err := enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 2000)), enumeratee.Transform(adapter, sum()))
					assert.NoError(t, err)
					assert.Equal(t, 2000*2001, got)
				})
			}
			all.Wait()
		})
	}
}
