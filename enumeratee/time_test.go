package enumeratee_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// at is a source that has 1 after the first of these times, 2 after the second, and so on,
// and ends with the last. The times are seconds from its start.
func at(seconds ...int) enumerator.Enumerator[int] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		start := time.Now()
		for i, s := range seconds {
			select {
			case <-time.After(time.Until(start.Add(time.Duration(s) * time.Second))):
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			}
			if i == len(seconds)-1 {
				break
			}
			if step := sink.Next(i + 1); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// seen is an element and the second at which it came.
type seen[E any] struct {
	E  E
	At int
}

// timed is a consumer of all that tells when each came, and takes so long for each.
func timed[E any](takes time.Duration) iteratee.Iteratee[E, []seen[E]] {
	return iteratee.Defer(func(context.Context) (iteratee.Iteratee[E, []seen[E]], error) {
		passed := since()
		return iteratee.Fold(nil, func(es []seen[E], e E) []seen[E] {
			es = append(es, seen[E]{e, int(passed() / time.Second)})
			time.Sleep(takes)
			return es
		}), nil
	})
}

type timing[To any] struct {
	tr    enumeratee.Enumeratee[int, To]
	in    []int // when elements come, and the end
	takes time.Duration
	want  []seen[To]
	end   int // when the run ends
}

func checkTimes[To any](t *testing.T, cases map[string]timing[To]) {
	for name, c := range cases {
		bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
			for range 2 {
				passed := since()
				got, err := enumerator.Run(t.Context(), enumerator.Through(at(c.in...), c.tr), timed[To](c.takes))
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				assert.Equal(t, time.Duration(c.end)*time.Second, passed())
			}
		}})
	}
}

func TestAudit(t *testing.T) {
	five := enumeratee.Audit[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"the newest of each window":       {five, []int{1, 2, 3, 7, 8, 20}, 0, []seen[int]{{3, 6}, {5, 12}}, 20},
		"a window begins with an element": {five, []int{1, 10, 20}, 0, []seen[int]{{1, 6}, {2, 15}}, 20},
		"at EOF at once":                  {five, []int{1, 2, 3}, 0, []seen[int]{{2, 3}}, 3},
		"none":                            {five, []int{9}, 0, nil, 9},
		"a slow consumer":                 {five, []int{0, 1, 6, 7, 40}, 10 * time.Second, []seen[int]{{2, 5}, {4, 20}}, 40},
	})
	assert.PanicsWithValue(t, "enumeratee: Audit: d must be positive, got 0s", func() { enumeratee.Audit[int](0) })
}

// Elements that always wait do not put off the end of a window.
func TestAuditIsNotPutOff(t *testing.T) {
	bubbles(t, map[string]func(*testing.T){"dense": func(t *testing.T) {
		second := enumerator.Map(enumerator.Interval(time.Second), func(time.Time) int { return 1 })
		got, err := enumerator.Run(t.Context(), enumerator.Through(second, enumeratee.Compose(enumeratee.Audit[int](time.Second), enumeratee.Take[int](100))), timed[int](0))
		require.NoError(t, err)
		assert.LessOrEqual(t, got[99].At, 202, "%v", got)
	}})
}

func TestThrottle(t *testing.T) {
	five := enumeratee.Throttle[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                            {five, []int{7}, 0, nil, 7},
		"the first of a window":              {five, []int{1, 2, 5, 6}, 0, []seen[int]{{1, 1}}, 6},
		"a window begins with its element":   {five, []int{1, 2, 6, 7, 10, 12, 20}, 0, []seen[int]{{1, 1}, {3, 6}, {6, 12}}, 20},
		"after long there is no window":      {five, []int{0, 100, 101, 104, 105, 106}, 0, []seen[int]{{1, 0}, {2, 100}, {5, 105}}, 106},
		"all, if they come slowly":           {five, []int{5, 10, 15, 15}, 0, []seen[int]{{1, 5}, {2, 10}, {3, 15}}, 15},
		"the consumer's time is time, too":   {five, []int{0, 1, 2, 3}, 5 * time.Second, []seen[int]{{1, 0}, {2, 5}, {3, 10}}, 15},
		"all that comes while it is open is": {five, []int{0, 1, 2, 3}, 3 * time.Second, []seen[int]{{1, 0}}, 3},
	})
}

func TestDebounce(t *testing.T) {
	five := enumeratee.Debounce[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                    {five, []int{20}, 0, nil, 20},
		"one":                        {five, []int{3, 20}, 0, []seen[int]{{1, 8}}, 20},
		"the last of each burst":     {five, []int{1, 2, 3, 10, 14, 18, 30}, 0, []seen[int]{{3, 8}, {6, 23}}, 30},
		"one that waits at EOF":      {five, []int{1, 2, 3}, 0, []seen[int]{{2, 3}}, 3},
		"none that waits at EOF":     {five, []int{1, 7}, 0, []seen[int]{{1, 6}}, 7},
		"a consumer that takes long": {five, []int{0, 6, 7, 8, 50}, 20 * time.Second, []seen[int]{{1, 5}, {4, 30}}, 50},
	})
}

func TestSample(t *testing.T) {
	five := enumeratee.Sample[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                    {five, []int{21}, 0, nil, 21},
		"the newest of each period":  {five, []int{1, 2, 3, 6, 9, 11, 22}, 0, []seen[int]{{3, 5}, {5, 10}, {6, 15}}, 22},
		"none twice":                 {five, []int{1, 22}, 0, []seen[int]{{1, 5}}, 22},
		"the newest at EOF":          {five, []int{1, 6, 7, 8}, 0, []seen[int]{{1, 5}, {3, 8}}, 8},
		"a consumer that takes long": {five, []int{1, 2, 3, 31}, 12 * time.Second, []seen[int]{{3, 5}}, 31},
	})
}

func TestGroupedWithin(t *testing.T) {
	two := enumeratee.GroupedWithin[int](2, 5*time.Second)
	many := enumeratee.GroupedWithin[int](1000, 5*time.Second)
	checkTimes(t, map[string]timing[[]int]{
		"nothing, and no group of nothing":     {two, []int{21}, 0, nil, 21},
		"by number":                            {two, []int{1, 2, 3, 4, 9}, 0, []seen[[]int]{{[]int{1, 2}, 2}, {[]int{3, 4}, 4}}, 9},
		"by time, from the group's first":      {two, []int{3, 11, 30}, 0, []seen[[]int]{{[]int{1}, 8}, {[]int{2}, 16}}, 30},
		"each by what is first":                {two, []int{1, 2, 3, 10, 11, 30}, 0, []seen[[]int]{{[]int{1, 2}, 2}, {[]int{3}, 8}, {[]int{4, 5}, 11}}, 30},
		"a full group starts the time anew":    {two, []int{1, 4, 5, 20}, 0, []seen[[]int]{{[]int{1, 2}, 4}, {[]int{3}, 10}}, 20},
		"what has begun at EOF":                {two, []int{1, 2, 3, 4}, 0, []seen[[]int]{{[]int{1, 2}, 2}, {[]int{3}, 4}}, 4},
		"not by number":                        {many, []int{1, 2, 3, 4, 7, 8, 20}, 0, []seen[[]int]{{[]int{1, 2, 3, 4}, 6}, {[]int{5, 6}, 12}}, 20},
		"a consumer that takes longer than it": {many, []int{1, 2, 7, 8, 9, 40}, 20 * time.Second, []seen[[]int]{{[]int{1, 2}, 6}, {[]int{3, 4, 5}, 31}}, 51},
	})
	bubbles(t, map[string]func(*testing.T){
		"what was not consumed is left over": func(t *testing.T) {
			one := iteratee.Map(iteratee.TakeUpTo[[]int](1), func(es [][]int) []int { return es[0] })
			got, rest := split(t, two, one, ints(1, 5)...)
			assert.Equal(t, []int{1, 2}, got)
			assert.Equal(t, ints(3, 5), rest)
			_, rest = split(t, two, peek[[]int](), ints(1, 5)...)
			assert.Equal(t, ints(1, 5), rest)
			_, rest = split(t, enumeratee.Compose(two, enumeratee.Buffer[[]int](3)), one, ints(1, 9)...)
			assert.Equal(t, ints(3, 9), rest)
		},
	})
}

// splitOf is what tr makes of e, and what is left for a consumer that follows.
func splitOf(t *testing.T, e enumerator.Enumerator[int], tr tee) (got, rest []int, err error) {
	it := iteratee.FlatMap(enumeratee.Transform(tr, iteratee.Collect[int]()), func(es []int) iteratee.Iteratee[int, []int] {
		got = es
		return iteratee.Collect[int]()
	})
	rest, err = enumerator.Run(t.Context(), e, it)
	return got, rest, err
}

func TestDelay(t *testing.T) {
	ten := enumeratee.Delay[int](10 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                    {ten, []int{3}, 0, nil, 13},
		"nothing at once":            {ten, []int{0}, 0, nil, 10},
		"each, and the end":          {ten, []int{1, 2, 2, 7, 40, 41}, 0, []seen[int]{{1, 11}, {2, 12}, {3, 12}, {4, 17}, {5, 50}}, 51},
		"a consumer that takes long": {ten, []int{1, 2, 3, 4}, 4 * time.Second, []seen[int]{{1, 11}, {2, 15}, {3, 19}}, 23},
	})
	bubbles(t, map[string]func(*testing.T){
		"the source waits when 1024 do": func(t *testing.T) {
			var made, madeThen atomic.Int64
			e := enumerator.Map(enumerator.FromSlice(ints(1, 5000)), func(e int) int { made.Add(1); return e })
			time.AfterFunc(9*time.Second, func() { madeThen.Store(made.Load()) })
			got, err := enumerator.Run(t.Context(), enumerator.Through(e, ten), iteratee.Collect[int]())
			require.NoError(t, err)
			assert.Equal(t, ints(1, 5000), got)
			assert.EqualValues(t, 1024+2, madeThen.Load(), "one is due next, one is the source's")
		},
		"what waits is left over": func(t *testing.T) {
			got, rest, err := splitOf(t, at(1, 2, 3, 12, 13, 14), enumeratee.Compose(ten, enumeratee.Take[int](2)))
			require.NoError(t, err)
			assert.Equal(t, []int{1, 2}, got)
			assert.Equal(t, []int{3, 4, 5}, rest)
			got, rest, err = splitOf(t, at(1, 2, 3, 4), enumeratee.Compose(ten, enumeratee.Take[int](2)))
			require.NoError(t, err)
			assert.Equal(t, []int{1, 2}, got, "after the source has ended")
			assert.Equal(t, []int{3}, rest)
		},
	})
}

func TestTimeout(t *testing.T) {
	five := enumeratee.Timeout[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                            {five, []int{4}, 0, nil, 4},
		"in time":                            {five, []int{4, 8, 12, 16}, 0, []seen[int]{{1, 4}, {2, 8}, {3, 12}}, 16},
		"the consumer's time does not count": {five, []int{1, 2, 3, 4}, time.Minute, []seen[int]{{1, 1}, {2, 61}, {3, 121}}, 181},
	})
	for name, in := range map[string][]int{
		"before the first": {6, 6},
		"between two":      {1, 7, 8},
		"before the end":   {1, 4, 10},
	} {
		bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
			for _, run := range []func() ([]int, error){
				func() ([]int, error) {
					return enumerator.Run(t.Context(), enumerator.Through(at(in...), five), iteratee.Collect[int]())
				},
				func() ([]int, error) {
					return enumerator.Run(t.Context(), at(in...), enumeratee.Transform(five, iteratee.Collect[int]()))
				},
				func() ([]int, error) {
					tr := enumeratee.Compose3(relay(), five, relay())
					return enumerator.Run(t.Context(), at(in...), enumeratee.Transform(tr, iteratee.Collect[int]()))
				},
				func() ([]int, error) { // the source cannot be interrupted
					it := iteratee.FlatMap(enumeratee.Transform(five, iteratee.Collect[int]()), func([]int) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() })
					return enumerator.Run(t.Context(), at(in...), it)
				},
			} {
				_, err := run()
				assert.ErrorIs(t, err, enumeratee.ErrTimeout)
			}
		}})
	}
	bubbles(t, map[string]func(*testing.T){
		"a source that waits is stopped": func(t *testing.T) {
			passed := since()
			_, err := enumerator.Run(t.Context(), enumerator.Through(stuck(3), five), iteratee.Collect[int]())
			assert.EqualError(t, err, "enumeratee: Timeout: no element came within 5s")
			assert.Equal(t, 5*time.Second, passed())
		},
		"not after its stream has ended": func(t *testing.T) {
			e := enumerator.Through(at(1, 2), five).AndThen(at(100, 100)).AndThen(enumerator.Of(7))
			got, err := enumerator.Run(t.Context(), e, iteratee.Collect[int]())
			require.NoError(t, err)
			assert.Equal(t, []int{1, 1, 7}, got)
		},
		"the consumer panics": func(t *testing.T) {
			panics := enumeratee.Map(func(int) int { panic("map") })
			assert.PanicsWithValue(t, "map", func() {
				enumerator.Run(t.Context(), stuck(1), enumeratee.Transform(enumeratee.Compose(five, panics), iteratee.Collect[int]()))
			})
		},
		"the context ends": func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(4*time.Second, func() { cancel(errBoom) })
			_, err := enumerator.Run(ctx, enumerator.Through(stuck(3), five), iteratee.Collect[int]())
			assert.ErrorIs(t, err, errBoom)
		},
		"it can be recovered from": func(t *testing.T) {
			it := iteratee.Recover(enumeratee.Transform(five, iteratee.Collect[int]()), func(err error) ([]int, error) {
				assert.ErrorIs(t, err, enumeratee.ErrTimeout)
				return []int{-1}, nil
			})
			got, err := enumerator.Run(t.Context(), at(6, 6), it)
			require.NoError(t, err)
			assert.Equal(t, []int{-1}, got)
		},
	})
}
