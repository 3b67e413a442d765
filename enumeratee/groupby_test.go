package enumeratee_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func tens(e int) int { return e / 10 }

// perKey has the same adapter for each key.
func perKey(adapter tee) func(int) tee { return func(int) tee { return adapter } }

func TestGroupBy(t *testing.T) {
	held := enumeratee.TakeLast[int](9) // hands on all elements at the end of its key
	by := func(limit int, adapter tee) tee { return enumeratee.GroupBy(limit, tens, perKey(adapter)) }
	checkEdges(t, map[string]edge{
		"none":                       {by(9, held), nil, nil, 0, nil, nil},
		"each key has its own":       {by(9, enumeratee.Drop[int](1)), []int{10, 20, 11, 21, 12}, []int{11, 21, 12}, 2, []int{12}, []int{21, 12}},
		"in order of appearance":     {by(9, held), []int{20, 10, 21, 11}, []int{20, 21, 10, 11}, 1, []int{21}, []int{20, 21}},
		"the oldest key is ended":    {by(2, held), []int{10, 20, 11, 30, 12}, []int{20, 10, 11, 12, 30}, 1, []int{30, 12}, []int{20, 30, 12}},
		"one key at a time":          {by(1, held), []int{10, 11, 20, 12}, []int{10, 11, 20, 12}, 3, []int{12}, []int{20, 12}},
		"a key that stops":           {by(9, enumeratee.Take[int](1)), []int{10, 11, 20, 12, 21}, []int{10, 20}, 2, []int{12, 21}, []int{20, 12, 21}},
		"a forgotten key begins":     {by(1, enumeratee.Take[int](1)), []int{10, 11, 20, 12}, []int{10, 20, 12}, 3, nil, []int{12}},
		"a dropped element is a use": {by(2, enumeratee.Take[int](1)), []int{10, 20, 11, 30, 12}, []int{10, 20, 30}, 3, []int{12}, []int{30, 12}},
		"a key that stops at once":   {by(9, enumeratee.Take[int](0)), []int{10, 11}, nil, 0, nil, nil},
		"a key that hands on first":  {by(9, enumeratee.Heading(0)), []int{10, 11}, []int{0, 10, 11}, 1, []int{10, 11}, []int{10, 11}},
		"a key that stops and holds": {by(9, enumeratee.Compose(enumeratee.Take[int](2), held)), []int{10, 20, 11, 12}, []int{10, 11, 20}, 1, []int{11, 12}, []int{10, 11, 12}},
		"within another": {enumeratee.GroupBy(9, func(e int) int { return e / 100 }, perKey(by(1, held))),
			[]int{110, 210, 111, 120, 211}, []int{110, 111, 120, 210, 211}, 1, []int{111, 120, 211}, []int{110, 111, 120, 211}},
	})
	assert.PanicsWithValue(t, "enumeratee: GroupBy: limit must be positive, got 0", func() { by(0, held) })
	assert.PanicsWithValue(t, "enumeratee: GroupByWithin: limit must be positive, got -1", func() {
		enumeratee.GroupByWithin(-1, time.Second, tens, perKey(held))
	})
	assert.PanicsWithValue(t, "enumeratee: GroupByWithin: d must be positive, got 0s", func() {
		enumeratee.GroupByWithin(1, 0, tens, perKey(held))
	})
}

// With room for all keys, the elements of each key are handed on as if they were a stream of their own.
func TestGroupByIsAStreamPerKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		some := someOf(rt, lossless, others)
		trs := []tee{some(), some(), some()}
		in := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 12).Draw(rt, "in")
		key := func(e int) int { return e % 3 }
		type keyed struct{ K, E int }
		of := func(k int) enumeratee.Enumeratee[int, keyed] {
			return enumeratee.Compose(trs[k], enumeratee.Map(func(e int) keyed { return keyed{k, e} }))
		}
		all, err := enumerator.Run(t.Context(), enumerator.FromSlice(in), enumeratee.Transform(enumeratee.GroupBy(3, key, of), iteratee.Collect[keyed]()))
		for k := range 3 {
			mine := slices.DeleteFunc(slices.Clone(in), func(e int) bool { return key(e) != k })
			if len(mine) == 0 {
				continue
			}
			want, alone := enumerator.Run(t.Context(), enumerator.FromSlice(mine), enumeratee.Transform(of(k), iteratee.Collect[keyed]()))
			if alone != nil {
				assert.Error(rt, err)
			}
			if err != nil {
				continue
			}
			var got []keyed
			for _, e := range all {
				if e.K == k {
					got = append(got, e)
				}
			}
			assert.Equal(rt, want, got)
		}
	})
}

func TestGroupByEndsTheAdapterOfAKeyOnce(t *testing.T) {
	var log []string
	of := func(k int) tee {
		log = append(log, fmt.Sprint("open ", k))
		return enumeratee.Compose(enumeratee.OnDone[int](func() { log = append(log, fmt.Sprint("close ", k)) }), enumeratee.Take[int](2))
	}
	assert.Equal(t, []int{10, 20, 11, 30}, through(t, enumeratee.GroupBy(2, tens, of), 10, 20, 11, 12, 30))
	assert.Equal(t, []string{"open 1", "open 2", "close 1", "close 2", "open 3", "close 3"}, log)
	log = nil
	_, err := enumerator.Run(t.Context(), enumerator.Of(10, 20).AndThen(failing()), enumeratee.Transform(enumeratee.GroupBy(2, tens, of), sum()))
	assert.Equal(t, errBoom, err)
	assert.ElementsMatch(t, []string{"open 1", "open 2", "close 1", "close 2"}, log)
}

func TestGroupByFails(t *testing.T) {
	for name, c := range map[string]struct {
		of   tee
		want []int
	}{
		"on an element": {failFrom(20), []int{10, 11}},
		"at EOF":        {enumeratee.OnEOF[int](func(context.Context) error { return errBoom }), []int{10, 11, 20, 30}},
		"when attached": {enumeratee.Defer(func(context.Context) (tee, error) { return tee{}, errBoom }), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			tap := enumeratee.Tap(func(e int) { got = append(got, e) }, nil)
			adapter := enumeratee.Compose(enumeratee.GroupBy(9, tens, perKey(c.of)), tap)
			_, err := enumerator.Run(t.Context(), enumerator.Of(10, 11, 20, 30), enumeratee.Transform(adapter, sum()))
			assert.Equal(t, errBoom, err)
			assert.Equal(t, c.want, got)
		})
	}
	drop := func(context.Context, error, iteratee.Input[int]) error { return nil }
	skip := enumeratee.GroupBy(9, tens, perKey(enumeratee.Recover(failFrom(20), drop)))
	assert.Equal(t, []int{10, 12}, through(t, skip, 10, 20, 12), "recovered within a key")
	anew := enumeratee.Recover(enumeratee.GroupBy(9, tens, perKey(enumeratee.Compose(enumeratee.Drop[int](1), failFrom(20)))), drop)
	assert.Equal(t, []int{11, 11}, through(t, anew, 10, 11, 20, 21, 10, 11), "recovered around all")
}

func TestGroupByRefusesAKeyThatDoesNotEqualItself(t *testing.T) {
	key := func(float64) float64 { return math.NaN() }
	of := func(float64) enumeratee.Enumeratee[float64, float64] { return enumeratee.PassAlong[float64]() }
	_, err := enumerator.Run(t.Context(), enumerator.Of(1.0), enumeratee.Transform(enumeratee.GroupBy(1, key, of), iteratee.Ignore[float64]()))
	assert.EqualError(t, err, "enumeratee: GroupBy: the key NaN does not equal itself; key must return another")
}

// alone checks that no two goroutines call a consumer at once.
func alone(t *testing.T, takes time.Duration) tee {
	var busy atomic.Bool
	return enumeratee.MapM(func(ctx context.Context, e int) (int, error) {
		assert.False(t, busy.Swap(true), "two goroutines")
		defer busy.Store(false)
		return sameAfter(takes)(ctx, e)
	})
}

// both are GroupBy and GroupByWithin.
func bothGroupBys(of func(int) tee) map[string]tee {
	return map[string]tee{
		"GroupBy":       enumeratee.GroupBy(9, tens, of),
		"GroupByWithin": enumeratee.GroupByWithin(9, 1000*time.Hour, tens, of),
	}
}

func TestGroupByOfAdaptersWithGoroutines(t *testing.T) {
	for name, adapter := range bothGroupBys(perKey(enumeratee.Debounce[int](5 * time.Second))) {
		checkTimes(t, map[string]timing[int]{
			name: {enumeratee.Compose(enumeratee.Map(func(e int) int { return 10*(e%2) + e }), adapter), // 11 2 13 4 15 6
				[]int{1, 2, 3, 20, 21, 22, 30}, 0, []seen[int]{{2, 7}, {13, 8}, {15, 26}, {6, 27}}, 30},
		})
	}
	in := ints(10, 59)
	for name, adapter := range bothGroupBys(perKey(enumeratee.Buffer[int](3))) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, behind := range []tee{alone(t, time.Second), enumeratee.Compose(alone(t, time.Second), enumeratee.Buffer[int](2))} {
					got := through(t, enumeratee.Compose(adapter, behind), in...)
					assert.ElementsMatch(t, in, got)
					for k := 1; k < 6; k++ {
						mine := slices.DeleteFunc(slices.Clone(got), func(e int) bool { return tens(e) != k })
						assert.True(t, slices.IsSorted(mine), "%v", got)
					}
				}
			})
		})
	}
}

// The source waits forever. In a bubble, a run that does not end is a deadlock.
func TestGroupByEndsWhileTheSourceWaits(t *testing.T) {
	debounce := enumeratee.Debounce[int](time.Second)
	panics := enumeratee.Map(func(int) int { panic("in a goroutine") })
	for name, c := range map[string]struct {
		of, behind tee
		err        error
		panics     any
	}{
		"the consumer is done":        {of: debounce, behind: enumeratee.Take[int](2)},
		"the consumer fails":          {of: debounce, behind: failFrom(20), err: errBoom},
		"the adapter of a key fails":  {of: enumeratee.Compose(debounce, failFrom(20)), behind: enumeratee.PassAlong[int](), err: errBoom},
		"the adapter of a key panics": {of: enumeratee.Compose(debounce, panics), behind: enumeratee.PassAlong[int](), panics: "in a goroutine"},
		"the consumer panics":         {of: debounce, behind: panics, panics: "in a goroutine"},
		"one behind ends":             {of: debounce, behind: enumeratee.Compose(enumeratee.Buffer[int](1), enumeratee.Take[int](2))},
		"a function waits": {of: enumeratee.MapConcurrent(2, func(ctx context.Context, e int) (int, error) {
			if e == 20 {
				time.Sleep(time.Second)
				return 0, errBoom
			}
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}), behind: enumeratee.PassAlong[int](), err: errBoom},
		"the consumer waits for its context": {of: enumeratee.MapConcurrent(2, func(ctx context.Context, e int) (int, error) {
			if e == 20 {
				time.Sleep(time.Second)
				return 0, errBoom
			}
			return e, nil
		}), behind: enumeratee.MapM(func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, context.Cause(ctx) }), err: errBoom},
		"none has room": {of: enumeratee.BufferOrFail[int](0), behind: enumeratee.MapM(func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}), err: enumeratee.ErrOverflow},
	} {
		for by, adapter := range bothGroupBys(perKey(c.of)) {
			for _, place := range []string{"Through", "Transform", "a part"} {
				t.Run(name+", "+by+", "+place, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						source := at(0, 0, 0, 1) // 1 2 3
						source = enumerator.Through(source, enumeratee.Map(func(e int) int { return []int{10, 20, 20}[e-1] })).AndThen(stuck(0))
						adapter, consumer := enumeratee.Compose(adapter, c.behind), iteratee.Ignore[int]()
						run := func() (err error) {
							switch place {
							case "Through":
								_, err = enumerator.Run(t.Context(), enumerator.Through(source, adapter), consumer)
							case "Transform":
								_, err = enumerator.Run(t.Context(), source, enumeratee.Transform(adapter, consumer))
							default: // another part goes on: the source is stopped at its next element
								source = enumerator.Interleave(source, enumerator.Through(hourly(1000), enumeratee.Map(func(int) int { return 30 })))
								first := iteratee.FlatMap(enumeratee.Transform(adapter, consumer), func(struct{}) iteratee.Iteratee[int, struct{}] {
									return iteratee.Map(iteratee.Head[int](), func(*int) struct{} { return struct{}{} })
								})
								_, err = enumerator.Run(t.Context(), source, first)
							}
							return err
						}
						if c.panics != nil {
							assert.PanicsWithValue(t, c.panics, func() { run() })
							return
						}
						assert.ErrorIs(t, run(), c.err)
					})
				})
			}
		}
	}
}

func TestGroupByIsCancelledWhileAKeyIsBusy(t *testing.T) {
	for by, adapter := range bothGroupBys(perKey(enumeratee.Buffer[int](9))) {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Minute, func() { cancel(errBoom) })
				_, err := enumerator.Run(ctx, enumerator.Of(10, 20, 11).AndThen(stuck(0)), enumeratee.Transform(enumeratee.Compose(adapter, alone(t, time.Hour)), sum()))
				assert.Equal(t, errBoom, err)
				_, err = enumerator.Run(t.Context(), enumerator.Of(10, 20, 11).AndThen(failing()), enumeratee.Transform(enumeratee.Compose(adapter, alone(t, time.Hour)), sum()))
				assert.Equal(t, errBoom, err)
			})
		})
	}
}

// The consumer ends in the goroutine of one key. The source is told of that on an element of another key.
func TestGroupByLeavesOverTheElementThatFindsTheEnd(t *testing.T) {
	for by, adapter := range bothGroupBys(perKey(enumeratee.Buffer[int](9))) {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, rest := split(t, adapter, iteratee.FoldM(0, func(context.Context, int, int) (int, error) { return 1, nil }), 10, 20)
				assert.Equal(t, 1, got)
				assert.Empty(t, rest)
				var second []int
				source := enumerator.Through(at(0, 1, 2, 2), enumeratee.Map(func(e int) int { return 10 * e }))
				_, err := enumerator.Run(t.Context(), source, iteratee.FlatMap(enumeratee.Transform(adapter, iteratee.TakeUpTo[int](1)), func(first []int) iteratee.Iteratee[int, struct{}] {
					assert.Equal(t, []int{10}, first)
					return iteratee.Map(iteratee.Collect[int](), func(es []int) struct{} { second = es; return struct{}{} })
				}))
				require.NoError(t, err)
				assert.Equal(t, []int{20, 30}, second)
			})
		})
	}
}

func TestGroupByWithin(t *testing.T) {
	odd := func(e int) int { return e % 2 }
	group := func(limit int) enumeratee.Enumeratee[int, []int] {
		return enumeratee.GroupByWithin(limit, 5*time.Second, odd, func(int) enumeratee.Enumeratee[int, []int] {
			return enumeratee.Grouped(iteratee.Collect[int]())
		})
	}
	checkTimes(t, map[string]timing[[]int]{
		"nothing":                         {group(9), []int{20}, 0, nil, 20},
		"an idle key is ended":            {group(9), []int{1, 2, 3, 20}, 0, []seen[[]int]{{[]int{2}, 7}, {[]int{1, 3}, 8}}, 20},
		"and begins again":                {group(9), []int{1, 10, 11, 30}, 0, []seen[[]int]{{[]int{1}, 6}, {[]int{2}, 15}, {[]int{3}, 16}}, 30},
		"at EOF at once":                  {group(9), []int{1, 2, 3, 4}, 0, []seen[[]int]{{[]int{1, 3}, 4}, {[]int{2}, 4}}, 4},
		"more keys than the limit":        {group(1), []int{1, 2, 3, 20}, 0, []seen[[]int]{{[]int{1}, 2}, {[]int{2}, 3}, {[]int{3}, 8}}, 20},
		"elements of other keys go on":    {group(9), []int{0, 4, 4, 8, 8, 12, 30}, 0, []seen[[]int]{{[]int{1, 3, 5}, 13}, {[]int{2, 4, 6}, 17}}, 30},
		"the time of the consumer counts": {group(9), []int{1, 2, 8, 30}, 20 * time.Second, []seen[[]int]{{[]int{1}, 6}, {[]int{2}, 26}, {[]int{3}, 46}}, 66},
	})
	stops := enumeratee.GroupByWithin(9, 5*time.Second, odd, perKey(enumeratee.Take[int](1)))
	checkTimes(t, map[string]timing[int]{
		"a key that has stopped is forgotten": {stops, []int{1, 2, 3, 4, 20, 21, 22, 30}, 0, []seen[int]{{1, 1}, {2, 2}, {5, 20}, {6, 21}}, 30},
	})
}

func TestGroupByWithinStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the end of a key ends the consumer, while the source waits
		adapter := enumeratee.GroupByWithin(9, time.Second, tens, perKey(enumeratee.TakeLast[int](1)))
		got, err := enumerator.Run(t.Context(), enumerator.Of(10, 11, 20).AndThen(stuck(0)), enumeratee.Transform(adapter, iteratee.TakeUpTo[int](1)))
		assert.NoError(t, err)
		assert.Equal(t, []int{11}, got)
	})
}

func TestGroupByOfManyKeys(t *testing.T) {
	const n = 10000
	attached := 0
	of := func(int) tee {
		return enumeratee.Defer(func(context.Context) (tee, error) { attached++; return enumeratee.Take[int](1), nil })
	}
	assert.Len(t, through(t, enumeratee.GroupBy(10, same, of), ints(1, n)...), n)
	assert.Equal(t, n, attached)
}

// An adapter of a key without a goroutine ends the run too while the source waits.
func TestGroupByOfTimeouts(t *testing.T) {
	for by, adapter := range bothGroupBys(perKey(enumeratee.Timeout[int](time.Second))) {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				for _, run := range []func() error{
					func() error {
						_, err := enumerator.Run(ctx, enumerator.Of(10, 20).AndThen(stuck(0)), enumeratee.Transform(adapter, sum()))
						return err
					},
					func() error {
						_, err := enumerator.Run(ctx, enumerator.Through(enumerator.Of(10, 20).AndThen(stuck(0)), adapter), sum())
						return err
					},
				} {
					start := time.Now()
					assert.ErrorIs(t, run(), enumeratee.ErrTimeout)
					assert.Equal(t, time.Second, time.Since(start))
				}
				got, err := enumerator.Run(ctx, enumerator.Through(enumerator.Of(10, 20, 11), adapter), iteratee.Collect[int]())
				assert.NoError(t, err)
				assert.Equal(t, []int{10, 20, 11}, got)
			})
		})
	}
}

// A source within the adapter of a key waits when the consumer ends in a goroutine.
func TestGroupByOfSourcesThatWait(t *testing.T) {
	for by, adapter := range bothGroupBys(perKey(flattenAndWait)) {
		t.Run(by, func(t *testing.T) { endsBehindABuffer(t, adapter) })
	}
}

var flattenAndWait = enumerator.MapFlatten(func(e int) enumerator.Enumerator[int] { return enumerator.Of(e).AndThen(stuck(0)) })

// endsBehindABuffer checks that a run of adapter ends when a consumer ends in a goroutine.
func endsBehindABuffer(t *testing.T, adapter tee) {
	adapter = enumeratee.Compose(adapter, enumeratee.Buffer[int](1))
	for _, want := range []error{nil, errBoom} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			consumer := iteratee.FoldUntil(0, func(_ context.Context, _, e int) (int, bool, error) {
				time.Sleep(time.Second) // the source waits by then
				return e, true, want
			})
			_, err := enumerator.Run(ctx, enumerator.Of(10), enumeratee.Transform(adapter, consumer))
			assert.Equal(t, want, err)
			_, err = enumerator.Run(ctx, enumerator.Through(enumerator.Of(10), adapter), consumer)
			assert.Equal(t, want, err)
		})
	}
}

// The goroutine of another key waits for its turn while the consumer is about to panic.
func TestGroupByDoesNotCallAConsumerThatHasPanicked(t *testing.T) {
	for by, adapter := range bothGroupBys(perKey(enumeratee.Debounce[int](time.Second))) {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				panics := enumeratee.Map(func(int) int {
					calls++
					time.Sleep(time.Hour)
					panic("in a goroutine")
				})
				assert.PanicsWithValue(t, "in a goroutine", func() {
					_, _ = enumerator.Run(t.Context(), enumerator.Of(10, 20, 30).AndThen(stuck(0)), enumeratee.Transform(enumeratee.Compose(adapter, panics), sum()))
				})
				assert.Equal(t, 1, calls)
			})
		})
	}
}
