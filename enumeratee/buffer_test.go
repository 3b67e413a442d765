package enumeratee_test

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// bubbles runs each test in a bubble of its own.
func bubbles(t *testing.T, tests map[string]func(t *testing.T)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
}

// slowly collects all elements, and takes d for each.
func slowly[E any](d time.Duration) iteratee.Iteratee[E, []E] {
	return iteratee.FoldM(nil, func(ctx context.Context, es []E, e E) ([]E, error) {
		select {
		case <-time.After(d):
			return append(es, e), nil
		case <-ctx.Done():
			return es, context.Cause(ctx)
		}
	})
}

// since returns a function that returns the time since the call of since.
func since() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

func TestBufferHasRoomForNBesidesTheConsumersElement(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7} {
		weighs1 := enumeratee.BufferFunc(n, func(int) int { return 1 })
		for name, adapter := range map[string]tee{"Buffer": enumeratee.Buffer[int](n), "BufferFunc": weighs1} {
			for _, batches := range []bool{false, true} {
				bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
					source := &probe.Source{N: -1}
					e := source.Enumerator()
					if batches {
						e = enumerator.Through(e, enumeratee.MapConcat(func(e int) []int { return []int{e} }))
					}
					var made []int64 // the number of elements made when the consumer has been busy with each for an hour
					consumer := iteratee.FoldUntil(0, func(_ context.Context, k, _ int) (int, bool, error) {
						time.Sleep(time.Hour)
						made = append(made, source.Pulls.Load())
						return k + 1, k == 4, nil
					})
					_, err := enumerator.Run(t.Context(), e, enumeratee.Transform(adapter, consumer))
					require.NoError(t, err)
					for k, made := range made { // k are done, the consumer has one, n wait, and the source has one
						assert.EqualValues(t, k+1+n+1, made)
					}
				}})
			}
		}
	}
}

func TestBufferTakesABatchAsItTakesElements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := range 5 {
			adapter := enumeratee.Buffer[int](n)
			got, err := enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 300)), enumeratee.Transform(adapter, slowly[int](time.Second)))
			require.NoError(t, err)
			assert.Equal(t, ints(1, 300), got)
		}
	})
}

func TestBufferCanBeBoundless(t *testing.T) {
	assert.Equal(t, ints(1, 300), through(t, enumeratee.Buffer[int](math.MaxInt), ints(1, 300)...))
}

func TestBufferLetsASourceAndItsConsumerWorkAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passed := since()
		got, err := enumerator.Run(t.Context(), hourly(10), enumeratee.Transform(enumeratee.Buffer[int](0), slowly[int](time.Hour)))
		require.NoError(t, err)
		assert.Equal(t, ints(1, 10), got)
		assert.Equal(t, 11*time.Hour, passed(), "20 without it")
	})
}

func TestBufferLeavesOverWhatItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, rest := split(t, enumeratee.Buffer[int](7), iteratee.TakeUpTo[int](1), 1, 2, 3, 4)
		assert.Equal(t, []int{1}, got)
		assert.Equal(t, []int{2, 3, 4}, rest, "Play: [3 4], and no EOF")

		_, rest = split(t, enumeratee.Buffer[int](1), peek[int](), 1, 2, 3, 4)
		assert.Equal(t, []int{1, 2, 3, 4}, rest, "the leftovers of the consumer come first")

		// The consumer fails while the source waits with one more element.
		slowPeek := iteratee.Cont(func(in iteratee.Input[int]) iteratee.Iteratee[int, int] {
			time.Sleep(time.Hour)
			return iteratee.Error[int, int](errBoom, in)
		})
		consumer := iteratee.RecoverWith(iteratee.Map(enumeratee.Transform(enumeratee.Buffer[int](1), slowPeek), func(int) []int { return nil }),
			func(error) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() })
		all, err := enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 9)), consumer)
		require.NoError(t, err)
		assert.Equal(t, ints(1, 9), all)
	})
}

func TestBufferHandsOnEverythingBeforeEOF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := enumerator.Through(enumerator.FromSlice(ints(1, 10)), enumeratee.Buffer[int](20))
		got, err := enumerator.Run(t.Context(), source.AndThen(enumerator.Of(11)), slowly[int](time.Second))
		require.NoError(t, err)
		assert.Equal(t, ints(1, 11), got)
	})
}

func TestBufferFunc(t *testing.T) {
	length := func(s string) int { return len(s) }
	for name, c := range map[string]struct {
		max  int
		in   []string
		made int // while the consumer is busy with the first
	}{
		"just full":                         {5, []string{"a", "bbb", "cc", "d", "e"}, 4},
		"the next does not fit":             {5, []string{"a", "bbb", "ccc", "d", "e"}, 3},
		"none":                              {0, []string{"a", "b", "c"}, 2},
		"a heavy one":                       {2, []string{"a", "bbb", "c", "d"}, 2},
		"a heavy one behind another":        {2, []string{"a", "b", "ccc", "d"}, 3},
		"a heavy one first":                 {2, []string{"aaa", "b", "c", "d", "e"}, 4},
		"an element of size 0 counts as 1":  {3, []string{"a", "", "", "", "", "", "b"}, 5},
		"beside one of another size":        {3, []string{"a", "bb", "", "", "c", "d"}, 4},
		"an element of size 0, but no room": {0, []string{"a", "", "", "b", "c"}, 2},
	} {
		bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
			var made atomic.Int64
			e := enumerator.Map(enumerator.FromSlice(c.in), func(s string) string { made.Add(1); return s })
			adapter := enumeratee.BufferFunc(c.max, length)
			whileFirst := int64(0)
			consumer := iteratee.FoldM(nil, func(_ context.Context, es []string, e string) ([]string, error) {
				time.Sleep(time.Hour)
				if es == nil {
					whileFirst = made.Load()
				}
				return append(es, e), nil
			})
			got, err := enumerator.Run(t.Context(), e, enumeratee.Transform(adapter, consumer))
			require.NoError(t, err)
			assert.Equal(t, c.in, got)
			assert.EqualValues(t, c.made, whileFirst)
		}})
	}
	bubbles(t, map[string]func(*testing.T){
		"sizes beyond all bounds": func(t *testing.T) {
			adapter := enumeratee.BufferFunc(math.MaxInt, func(int) int { return math.MaxInt })
			got, err := enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 9)), enumeratee.Transform(adapter, slowly[int](time.Hour)))
			require.NoError(t, err)
			assert.Equal(t, ints(1, 9), got)
		},
		"a million empty ones do not fit": func(t *testing.T) {
			source, most := &probe.Source{N: 1_000_000}, int64(0)
			consumer := iteratee.FoldUntil(int64(0), func(_ context.Context, n int64, _ int) (int64, bool, error) {
				time.Sleep(time.Hour)
				most = max(most, source.Pulls.Load()-n)
				return n + 1, n == 9, nil
			})
			_, err := enumerator.Run(t.Context(), source.Enumerator(), enumeratee.Transform(enumeratee.BufferFunc(64, func(int) int { return 0 }), consumer))
			require.NoError(t, err)
			assert.EqualValues(t, 1+64+1, most, "the consumer's, those that wait, and the source's")
		},
		"a negative size": func(t *testing.T) {
			adapter := enumeratee.BufferFunc(9, func(e int) int { return 2 - e })
			_, err := enumerator.Run(t.Context(), probe.Naturals(), enumeratee.Transform(adapter, slowly[int](time.Hour)))
			assert.EqualError(t, err, "enumeratee: BufferFunc: size must not be negative, got -1")
		},
		"the size is asked for once": func(t *testing.T) {
			asked := 0
			adapter := enumeratee.BufferFunc(1, func(int) int { asked++; return 1 })
			assert.Equal(t, ints(1, 5), through(t, adapter, ints(1, 5)...))
			assert.Equal(t, 5, asked)
		},
		"the size panics": func(t *testing.T) {
			adapter := enumeratee.BufferFunc(1, func(int) int { panic("size") })
			assert.PanicsWithValue(t, "size", func() { through(t, adapter, 1) })
		},
	})
}

func TestBufferOrFail(t *testing.T) {
	run := func(t *testing.T, n, elements int) ([]int, error) {
		source := enumerator.Through(enumerator.FromSlice(ints(1, elements)), enumeratee.BufferOrFail[int](n))
		return enumerator.Run(t.Context(), source, slowly[int](time.Second))
	}
	bubbles(t, map[string]func(*testing.T){
		"room": func(t *testing.T) {
			for n := range 8 {
				got, err := run(t, n, n+1)
				require.NoError(t, err)
				assert.Equal(t, ints(1, n+1), got)
				_, err = run(t, n, n+2)
				assert.ErrorIs(t, err, enumeratee.ErrOverflow)
			}
		},
		"room comes again": func(t *testing.T) {
			source := enumerator.Through(hourly(9), enumeratee.BufferOrFail[int](2))
			got, err := enumerator.Run(t.Context(), source, slowly[int](70*time.Minute))
			require.NoError(t, err)
			assert.Equal(t, ints(1, 9), got)
		},
		"elements that wait are left over": func(t *testing.T) {
			consumer := iteratee.RecoverWith(enumeratee.Transform(enumeratee.BufferOrFail[int](2), slowly[int](100*time.Hour)), func(error) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() })
			got, err := enumerator.Run(t.Context(), hourly(6), consumer)
			require.NoError(t, err)
			assert.Equal(t, ints(2, 6), got, "1 was the consumer's")
		},
		"a consumer that is done does not overflow": func(t *testing.T) {
			for range 50 {
				got, err := enumerator.Run(t.Context(), probe.Naturals(), enumeratee.Transform(enumeratee.BufferOrFail[int](200), iteratee.TakeUpTo[int](1)))
				if err == nil { // otherwise the consumer was slow
					assert.Equal(t, []int{1}, got)
				} else {
					assert.ErrorIs(t, err, enumeratee.ErrOverflow)
				}
			}
		},
	})
}

func TestConflate(t *testing.T) {
	newest := enumeratee.Conflate(func(_, e int) int { return e })
	sum := enumeratee.Conflate(func(waiting, e int) int { return waiting + e })
	for name, c := range map[string]struct {
		adapter  tee
		n        int
		want     []int
		consumer time.Duration
	}{
		"nothing":                     {newest, 0, nil, time.Hour},
		"newest":                      {newest, 9, []int{1, 3, 5, 8, 9}, 145 * time.Minute},
		"sum":                         {sum, 9, []int{1, 2 + 3, 4 + 5, 6 + 7 + 8, 9}, 145 * time.Minute},
		"sum, with a consumer for it": {sum, 9, ints(1, 9), 59 * time.Minute},
		"one waits at EOF":            {sum, 9, []int{1, 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9}, 100 * time.Hour},
	} {
		bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
			for range 2 {
				got, err := enumerator.Run(t.Context(), hourly(c.n), enumeratee.Transform(c.adapter, slowly[int](c.consumer)))
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
			}
		}})
	}
	bubbles(t, map[string]func(*testing.T){
		"the source does not wait": func(t *testing.T) {
			passed, took := since(), time.Duration(0)
			source := enumerator.OnDoneEnumerating(hourly(9), func() error { took = passed(); return nil })
			_, err := enumerator.Run(t.Context(), source, enumeratee.Transform(sum, slowly[int](100*time.Hour)))
			require.NoError(t, err)
			assert.Equal(t, 9*time.Hour, took)
		},
		"elements that wait are left over": func(t *testing.T) {
			slow := enumeratee.Compose(sum, enumeratee.MapM(sameAfter(150*time.Minute)))
			got, rest, err := splitHourly(t, 5, enumeratee.Compose(slow, enumeratee.Take[int](1)))
			require.NoError(t, err)
			assert.Equal(t, []int{1}, got)
			assert.Equal(t, []int{2 + 3, 4, 5}, rest)
		},
		"merge panics": func(t *testing.T) {
			panics := enumeratee.Conflate(func(int, int) int { panic("merge") })
			assert.PanicsWithValue(t, "merge", func() {
				enumerator.Run(t.Context(), hourly(3), enumeratee.Transform(panics, slowly[int](100*time.Hour)))
			})
		},
	})
}

// splitHourly runs hourly(n) through adapter. It returns the elements that adapter hands on, and those that are
// left for the next consumer.
func splitHourly(t *testing.T, n int, adapter tee) (got, rest []int, err error) {
	consumer := iteratee.FlatMap(enumeratee.Transform(adapter, iteratee.Collect[int]()), func(es []int) iteratee.Iteratee[int, []int] {
		got = es
		return iteratee.Collect[int]()
	})
	rest, err = enumerator.Run(t.Context(), hourly(n), consumer)
	return got, rest, err
}

func TestMisuseOfBuffersPanics(t *testing.T) {
	for want, f := range map[string]func(){
		"enumeratee: Buffer: n must not be negative, got -1":                 func() { enumeratee.Buffer[int](-1) },
		"enumeratee: BufferOrFail: n must not be negative, got -1":           func() { enumeratee.BufferOrFail[int](-1) },
		"enumeratee: BufferFunc: max must not be negative, got -1":           func() { enumeratee.BufferFunc(-1, func(int) int { return 1 }) },
		"enumeratee: LazyAndErrIfNotReady: d must not be negative, got -1ns": func() { enumeratee.LazyAndErrIfNotReady[int](-1) },
		"enumeratee: DropInputIfNotReady: d must not be negative, got -1ns":  func() { enumeratee.DropInputIfNotReady[int](-1) },
		"enumeratee: Throttle: d must be positive, got 0s":                   func() { enumeratee.Throttle[int](0) },
		"enumeratee: Debounce: d must be positive, got 0s":                   func() { enumeratee.Debounce[int](0) },
		"enumeratee: Sample: d must be positive, got 0s":                     func() { enumeratee.Sample[int](0) },
		"enumeratee: Timeout: d must be positive, got 0s":                    func() { enumeratee.Timeout[int](0) },
		"enumeratee: Delay: d must be positive, got 0s":                      func() { enumeratee.Delay[int](0) },
		"enumeratee: GroupedWithin: d must be positive, got 0s":              func() { enumeratee.GroupedWithin[int](1, 0) },
		"enumeratee: GroupedWithin: n must be positive, got 0":               func() { enumeratee.GroupedWithin[int](0, 1) },
		"enumeratee: MapConcurrent: limit must be positive, got 0":           func() { enumeratee.MapConcurrent(0, sameAfter(0)) },
		"enumeratee: MapConcurrentUnordered: limit must be positive, got -1": func() { enumeratee.MapConcurrentUnordered(-1, sameAfter(0)) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
}
