package enumeratee_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// concurrent has the exported functions whose consumer runs in a goroutine of its own. It may answer when the
// next element is offered, or later, unlike other adapters. The parameters are such that an adapter does not
// change a stream with an hour between its elements.
var concurrent = map[string]func() tee{
	"Async":                  relay,
	"Buffer":                 func() tee { return enumeratee.Buffer[int](2) },
	"BufferFunc":             func() tee { return enumeratee.BufferFunc(10, func(e int) int { return e % 20 }) },
	"BufferOrFail":           func() tee { return enumeratee.BufferOrFail[int](1) },
	"Conflate":               func() tee { return enumeratee.Conflate(func(_, e int) int { return e }) },
	"LazyAndErrIfNotReady":   func() tee { return enumeratee.LazyAndErrIfNotReady[int](0) },
	"DropInputIfNotReady":    func() tee { return enumeratee.DropInputIfNotReady[int](0) },
	"MapConcurrent":          func() tee { return enumeratee.MapConcurrent(3, sameAfter(0)) },
	"MapConcurrentUnordered": func() tee { return enumeratee.MapConcurrentUnordered(3, sameAfter(0)) },
	"Debounce":               func() tee { return enumeratee.Debounce[int](time.Minute) },
	"Sample":                 func() tee { return enumeratee.Sample[int](time.Minute) },
	"Delay":                  func() tee { return enumeratee.Delay[int](time.Minute) },
	"Audit":                  func() tee { return enumeratee.Audit[int](time.Minute) },
	"GroupByWithin": func() tee {
		half := func(e int) int { return e / 2 }
		return enumeratee.GroupByWithin(10, time.Minute, half, func(int) tee { return enumeratee.Filter(func(int) bool { return true }) })
	},
	"GroupedWithin": func() tee {
		one := enumeratee.MapConcat(func(es []int) []int { return es })
		return enumeratee.Compose(enumeratee.GroupedWithin[int](2, time.Minute), one)
	},
}

// buffers are those that do not change any stream, and give back the elements that they hold.
var buffers = []string{"Buffer", "BufferFunc", "Delay"}

// sameAfter returns its argument after d.
func sameAfter(d time.Duration) func(context.Context, int) (int, error) {
	return func(ctx context.Context, e int) (int, error) {
		select {
		case <-time.After(d):
			return e, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func TestEveryAdapterWithAGoroutineKeepsTheLaws(t *testing.T) {
	assert.Subset(t, slices.Collect(maps.Keys(elsewhere)), slices.Collect(maps.Keys(concurrent)), "add it to elsewhere in stuck_test.go")
	for name, adapter := range elsewhere {
		if name == "Recover" { // whose consumer does not stop a source that waits
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := ints(1, 2)
			if probe.Long() {
				in = ints(1, 3)
			}
			assert.NoError(t, enumerateetest.TestAsync(t, adapter, in, in))
		})
	}
}

// hourly is 1, …, n, an hour before each.
func hourly(n int) enumerator.Enumerator[int] {
	e := 0
	every := enumerator.Map(enumerator.Interval(time.Hour), func(time.Time) int { e++; return e })
	return enumerator.Through(every, enumeratee.Take[int](n))
}

func forEachConcurrent(t *testing.T, test func(t *testing.T, adapter tee)) {
	for name, build := range concurrent {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, build()) })
		})
	}
}

func TestConcurrentOperatorsHandOnElements(t *testing.T) {
	forEachConcurrent(t, func(t *testing.T, adapter tee) {
		for n := range 4 {
			for range 2 { // used twice
				got, err := enumerator.Run(t.Context(), enumerator.Through(hourly(n), adapter).AndThen(enumerator.Of(-1)), iteratee.Collect[int]())
				require.NoError(t, err)
				assert.Equal(t, append(ints(1, n), -1), got, "the consumer stays open")
				got, err = enumerator.Run(t.Context(), hourly(n), enumeratee.Transform(adapter, iteratee.Collect[int]()))
				require.NoError(t, err)
				assert.Equal(t, ints(1, n), got)
			}
		}
	})
}

func TestConcurrentOperatorsAreUsedSideBySide(t *testing.T) {
	forEachConcurrent(t, func(t *testing.T, adapter tee) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				got, err := enumerator.Run(t.Context(), hourly(5), enumeratee.Transform(adapter, iteratee.Collect[int]()))
				assert.NoError(t, err)
				assert.Equal(t, ints(1, 5), got)
			})
		}
		all.Wait()
	})
}

// The source waits forever after k elements. In a bubble, a run that does not end is a deadlock.
func TestConcurrentOperatorsAreAbandoned(t *testing.T) {
	for k := range 4 {
		source := func() enumerator.Enumerator[int] { return hourly(k).AndThen(stuck(0)) }
		runs := map[string]func(ctx context.Context, adapter tee, consumer iteratee.Iteratee[int, []int]) ([]int, error){
			"Through": func(ctx context.Context, adapter tee, consumer iteratee.Iteratee[int, []int]) ([]int, error) {
				return enumerator.Run(ctx, enumerator.Through(source(), adapter), consumer)
			},
			"Transform": func(ctx context.Context, adapter tee, consumer iteratee.Iteratee[int, []int]) ([]int, error) {
				return enumerator.Run(ctx, source(), enumeratee.Transform(adapter, consumer))
			},
			"Compose": func(ctx context.Context, adapter tee, consumer iteratee.Iteratee[int, []int]) ([]int, error) {
				return enumerator.Run(ctx, enumerator.Through(source(), enumeratee.Compose3(adapter, relay(), adapter)), consumer)
			},
		}
		for name, run := range runs {
			t.Run(fmt.Sprintf("%s after %d", name, k), func(t *testing.T) {
				forEachConcurrent(t, func(t *testing.T, adapter tee) {
					if k > 0 {
						got, err := run(t.Context(), adapter, iteratee.TakeUpTo[int](k))
						require.NoError(t, err, "done")
						assert.Equal(t, ints(1, k), got, "done")

						_, err = run(t.Context(), adapter, enumeratee.Transform(failFrom(k), iteratee.Collect[int]()))
						assert.ErrorIs(t, err, errBoom, "error")

						panics := enumeratee.Map(func(e int) int {
							if e == k {
								panic("at k")
							}
							return e
						})
						assert.PanicsWithValue(t, "at k", func() { run(t.Context(), adapter, enumeratee.Transform(panics, iteratee.Collect[int]())) }, "panic")
					}
					ctx, cancel := context.WithCancelCause(t.Context())
					time.AfterFunc(time.Duration(k)*time.Hour+time.Minute/2, func() { cancel(errBoom) })
					_, err := run(ctx, adapter, iteratee.Collect[int]())
					assert.ErrorIs(t, err, errBoom, "cancel")
				})
			})
		}
	}
}

// failFrom fails on e and on greater elements.
func failFrom(e int) tee {
	return enumeratee.MapM(func(_ context.Context, in int) (int, error) {
		if in >= e {
			return 0, errBoom
		}
		return in, nil
	})
}

func TestConcurrentOperatorsEndWithTheirSource(t *testing.T) {
	forEachConcurrent(t, func(t *testing.T, adapter tee) {
		for k := range 3 {
			_, err := enumerator.Run(t.Context(), enumerator.Through(hourly(k).AndThen(failing()), adapter), iteratee.Collect[int]())
			assert.ErrorIs(t, err, errBoom)
			panics := enumerator.Generate(func(context.Context) (int, bool, error) { panic("source") })
			assert.PanicsWithValue(t, "source", func() {
				enumerator.Run(t.Context(), enumerator.Through(hourly(k).AndThen(panics), adapter), iteratee.Collect[int]())
			})
		}
	})
}

func TestConcurrentOperatorsWaitForABusyConsumer(t *testing.T) {
	forEachConcurrent(t, func(t *testing.T, adapter tee) {
		busy := false
		consumer := iteratee.FoldM(0, func(ctx context.Context, n, _ int) (int, error) {
			busy = true
			defer func() { busy = false }()
			time.Sleep(100 * time.Hour) // ignores the context
			return n + 1, nil
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2*time.Hour, func() { cancel(errBoom) })
		_, err := enumerator.Run(ctx, hourly(1).AndThen(stuck(0)), enumeratee.Transform(adapter, consumer))
		assert.ErrorIs(t, err, errBoom)
		assert.False(t, busy, "its goroutine has ended")
	})
}

func TestBuffersLoseNothingAndRepeatNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, n := someInts(rt, 12), someInt(rt)
		// Not Filter: it may drop elements before it knows that the consumer is done.
		before := rapid.SampledFrom([]tee{
			enumeratee.PassAlong[int](), enumeratee.Take[int](n), enumeratee.Drop[int](n),
		}).Draw(rt, "before")
		between := enumeratee.PassAlong[int]()
		for range rapid.IntRange(0, 3).Draw(rt, "buffers") {
			between = enumeratee.Compose(between, concurrent[rapid.SampledFrom(buffers).Draw(rt, "buffer")]())
		}
		if rapid.Bool().Draw(rt, "MapConcurrent") { // it gives back one element, as Map does
			between = enumeratee.Compose(between, concurrent["MapConcurrent"]())
		}
		after := someOf(rt, lossless)()
		consumer := rapid.SampledFrom([]iteratee.Iteratee[int, []int]{
			iteratee.Collect[int](),
			iteratee.TakeUpTo[int](n),
			enumeratee.Transform(enumeratee.TakeWhile(below(n)), iteratee.Collect[int]()),
			iteratee.Map(peek[int](), func(bool) []int { return nil }),
		}).Draw(rt, "consumer")
		run := func(ctx context.Context, adapter tee) (got, rest []int, err error) {
			rest, err = enumerator.Run(ctx, enumerator.FromSlice(in), iteratee.FlatMap(enumeratee.Transform(adapter, consumer), func(a []int) iteratee.Iteratee[int, []int] {
				got = a
				return iteratee.Collect[int]()
			}))
			return got, rest, err
		}
		synctest.Test(t, func(t *testing.T) {
			want, wantRest, wantErr := run(t.Context(), enumeratee.Compose(before, after))
			got, rest, err := run(t.Context(), enumeratee.Compose3(before, between, after))
			assert.Equal(rt, want, got)
			assert.Equal(rt, wantRest, rest)
			assert.Equal(rt, wantErr, err)
		})
	})
}
