package enumeratee_test

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// after returns a consumer that ends on its n-th element, and one that also leaves that element over.
func after(n int) (done, leaving iteratee.Iteratee[int, []int]) {
	left := n
	return iteratee.TakeUpTo[int](n), iteratee.Defer(func(context.Context) (iteratee.Iteratee[int, []int], error) {
		left = n
		return enumeratee.Transform(enumeratee.TakeWhile(func(int) bool { left--; return left > 0 }), iteratee.Collect[int]()), nil
	})
}

// edge holds the elements that an adapter makes of a stream, and its leftovers when the consumer ends on the
// element number done, or leaves that element over.
type edge struct {
	adapter  tee
	in, want []int
	done     int
	rest     []int // when the consumer is done
	left     []int // when it leaves over the element on which it is done
}

func checkEdges(t *testing.T, cases map[string]edge) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for range 3 { // used several times, and at once
				all.Go(func() { assert.Equal(t, c.want, through(t, c.adapter, c.in...)) })
			}
			all.Wait()
			assert.Nil(t, through(t, enumeratee.Compose(c.adapter, enumeratee.Take[int](0)), c.in...), "done at once")
			_, rest := split(t, c.adapter, iteratee.TakeUpTo[int](0), c.in...)
			assert.Equal(t, c.in, rest, "done at once")
			if len(c.want) == 0 {
				return
			}

			both, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(c.in...), enumeratee.Compose(c.adapter, enumeratee.Take[int](1))).AndThen(enumerator.Of(9)), iteratee.Collect[int]())
			require.NoError(t, err)
			assert.Equal(t, []int{c.want[0], 9}, both, "before AndThen")

			fails := failFrom(math.MinInt)
			_, err = enumerator.Run(t.Context(), enumerator.Of(c.in...), enumeratee.Transform(enumeratee.Compose(c.adapter, fails), iteratee.Collect[int]()))
			assert.Equal(t, errBoom, err, "the consumer fails")

			recovered := enumeratee.Recover(enumeratee.Compose(c.adapter, failFrom(slices.Max(c.want)+1)), giveUp)
			assert.Equal(t, c.want, through(t, recovered, c.in...), "within Recover")
			if len(c.in) > 0 {
				group := enumeratee.Grouped(enumeratee.Transform(c.adapter, iteratee.Collect[int]()))
				assert.Equal(t, [][]int{c.want}, through(t, group, c.in...), "within Grouped")
			}

			if c.done == 0 {
				return
			}
			done, leaving := after(c.done)
			got, rest := split(t, c.adapter, done, c.in...)
			assert.Equal(t, c.want[:c.done], got)
			assert.Equal(t, c.rest, rest)
			_, rest = split(t, c.adapter, leaving, c.in...)
			assert.Equal(t, c.left, rest, "the consumer leaves it over")
		})
	}
}

func TestDistinctUntilChanged(t *testing.T) {
	ones := enumeratee.DistinctUntilChanged[int]()
	checkEdges(t, map[string]edge{
		"changes":   {ones, []int{1, 1, 2, 2, 2, 1}, []int{1, 2, 1}, 2, []int{2, 2, 1}, []int{2, 2, 2, 1}},
		"no change": {ones, []int{1, 1}, []int{1}, 1, []int{1}, []int{1, 1}},
		"zeros":     {ones, []int{0, 0, 1}, []int{0, 1}, 1, []int{0, 1}, []int{0, 0, 1}},
		"one":       {ones, []int{1}, []int{1}, 1, nil, []int{1}},
		"none":      {ones, nil, nil, 0, nil, nil},
		"with the element that was handed on": {enumeratee.DistinctUntilChangedFunc(func(last, e int) bool { return e-last < 3 }),
			[]int{1, 2, 3, 4, 5}, []int{1, 4}, 1, []int{2, 3, 4, 5}, []int{1, 2, 3, 4, 5}},
	})
	nan := math.NaN()
	assert.Len(t, through(t, enumeratee.DistinctUntilChanged[float64](), nan, nan), 2)
}

func TestDistinct(t *testing.T) {
	two, halves := enumeratee.Distinct(2, same), enumeratee.Distinct(9, func(e int) int { return e / 2 })
	checkEdges(t, map[string]edge{
		"within n keys":               {two, []int{1, 2, 1, 2}, []int{1, 2}, 2, []int{1, 2}, []int{2, 1, 2}},
		"the oldest is forgotten":     {two, []int{1, 2, 3, 1}, []int{1, 2, 3, 1}, 3, []int{1}, []int{3, 1}},
		"a key that comes is younger": {two, []int{1, 2, 1, 3, 1}, []int{1, 2, 3}, 3, []int{1}, []int{3, 1}},
		"so another is forgotten":     {two, []int{1, 2, 1, 3, 2}, []int{1, 2, 3, 2}, 4, nil, []int{2}},
		"by key":                      {halves, []int{4, 5, 6, 5, 7, 0}, []int{4, 6, 0}, 1, []int{5, 6, 5, 7, 0}, []int{4, 5, 6, 5, 7, 0}},
		"none":                        {two, nil, nil, 0, nil, nil},
	})
	for _, n := range []int{0, -1} {
		assert.Panics(t, func() { enumeratee.Distinct(n, same) })
	}
	assert.PanicsWithValue(t, "enumeratee: Distinct: n must be positive, got 0", func() { enumeratee.Distinct(0, same) })
}

// The model is a slice of keys, beginning with the one that came last.
func TestDistinctRemembersTheKeysThatCameLast(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(rt, "n")
		in := rapid.SliceOfN(rapid.IntRange(0, 6), 0, 30).Draw(rt, "in")
		var keys, want []int
		for _, e := range in {
			if at := slices.Index(keys, e); at >= 0 {
				keys = slices.Delete(keys, at, at+1)
			} else {
				want = append(want, e)
			}
			keys = append([]int{e}, keys...)
			keys = keys[:min(len(keys), n)]
		}
		assert.Equal(rt, want, through(t, enumeratee.Distinct(n, same), in...))
		if n == 1 {
			assert.Equal(rt, want, through(t, enumeratee.DistinctUntilChanged[int](), in...))
		}
	})
}

func TestDistinctKeepsNoKeyThatDoesNotEqualItself(t *testing.T) {
	nan := func(float64) float64 { return math.NaN() }
	assert.Equal(t, []float64{1, 1, 1}, through(t, enumeratee.Distinct(1, nan), 1, 1, 1))
}

func TestDistinctAllocatesNothingPerElement(t *testing.T) {
	allocs := func(n int) float64 {
		return testing.AllocsPerRun(5, func() {
			source := enumerator.Through((&probe.Source{N: n}).Enumerator(), enumeratee.Distinct(8, same))
			enumerator.Run(context.Background(), source, iteratee.Ignore[int]())
		})
	}
	assert.InDelta(t, allocs(1000), allocs(10000), 20, "every key is new")
}
