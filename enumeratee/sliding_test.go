package enumeratee_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

type couple = iteratee.Pair[int, int]

func TestPairwise(t *testing.T) {
	pairwise := enumeratee.Pairwise[int]()
	for range 2 {
		assert.Equal(t, []couple{{First: 1, Second: 2}, {First: 2, Second: 3}}, through(t, pairwise, 1, 2, 3))
		assert.Nil(t, through(t, pairwise, 1))
		assert.Nil(t, through(t, pairwise))
	}
	_, rest := split(t, pairwise, iteratee.Head[couple](), 1, 2, 3, 4)
	assert.Equal(t, []int{3, 4}, rest)
	_, rest = split(t, pairwise, peek[couple](), 1, 2, 3, 4)
	assert.Equal(t, []int{2, 3, 4}, rest)
}

func TestSliding(t *testing.T) {
	for name, c := range map[string]struct {
		n, step, of int
		want        [][]int
	}{
		"overlapping":                      {3, 1, 5, [][]int{{1, 2, 3}, {2, 3, 4}, {3, 4, 5}}},
		"overlapping, the last is shorter": {3, 2, 6, [][]int{{1, 2, 3}, {3, 4, 5}, {5, 6}}},
		"overlapping, none is shorter":     {3, 2, 5, [][]int{{1, 2, 3}, {3, 4, 5}}},
		"in a row":                         {2, 2, 5, [][]int{{1, 2}, {3, 4}, {5}}},
		"in a row, none is shorter":        {2, 2, 4, [][]int{{1, 2}, {3, 4}}},
		"with gaps":                        {2, 3, 7, [][]int{{1, 2}, {4, 5}, {7}}},
		"with gaps, the end in a gap":      {2, 3, 6, [][]int{{1, 2}, {4, 5}}},
		"of one":                           {1, 1, 3, [][]int{{1}, {2}, {3}}},
		"of one, with gaps":                {1, 2, 3, [][]int{{1}, {3}}},
		"shorter than a window":            {4, 1, 2, [][]int{{1, 2}}},
		"as long as a window":              {4, 1, 4, [][]int{{1, 2, 3, 4}}},
		"none":                             {2, 1, 0, nil},
		"large numbers":                    {1 << 40, 1 << 40, 2, [][]int{{1, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			adapter := enumeratee.Sliding[int](c.n, c.step)
			for range 2 {
				assert.Equal(t, c.want, through(t, adapter, ints(1, c.of)...))
			}
		})
	}
	assert.PanicsWithValue(t, "enumeratee: Sliding: n must be positive, got 0", func() { enumeratee.Sliding[int](0, 1) })
	assert.PanicsWithValue(t, "enumeratee: Sliding: step must be positive, got -1", func() { enumeratee.Sliding[int](1, -1) })
}

func TestSlidingGivesBackTheElementsThatWereInNoOtherWindow(t *testing.T) {
	second := func(leaves bool) iteratee.Iteratee[[]int, bool] {
		then := iteratee.Map(iteratee.Head[[]int](), func(*[]int) bool { return true })
		if leaves {
			then = peek[[]int]()
		}
		return iteratee.FlatMap(iteratee.Head[[]int](), func(*[]int) iteratee.Iteratee[[]int, bool] { return then })
	}
	for name, c := range map[string]struct {
		n, step    int
		in         []int
		rest, left []int
	}{
		"overlapping":      {3, 1, ints(1, 5), []int{5}, []int{4, 5}},
		"overlapping by 1": {3, 2, ints(1, 6), []int{6}, []int{4, 5, 6}},
		"in a row":         {2, 2, ints(1, 6), []int{5, 6}, []int{3, 4, 5, 6}},
		"with gaps":        {2, 3, ints(1, 6), []int{6}, []int{4, 5, 6}},
		"shorter, at EOF":  {3, 2, ints(1, 4), nil, []int{4}},
	} {
		t.Run(name, func(t *testing.T) {
			_, rest := split(t, enumeratee.Sliding[int](c.n, c.step), second(false), c.in...)
			assert.Equal(t, c.rest, rest)
			_, rest = split(t, enumeratee.Sliding[int](c.n, c.step), second(true), c.in...)
			assert.Equal(t, c.left, rest)
		})
	}
}

// The consumer may keep and change the windows.
func TestTheConsumerMayChangeAWindow(t *testing.T) {
	spoil := enumeratee.Map(func(es []int) []int {
		clear(es[1:])
		return append(es[:1:cap(es)], -1)
	})
	assert.Equal(t, [][]int{{1, -1}, {2, -1}, {3, -1}}, through(t, enumeratee.Compose(enumeratee.Sliding[int](3, 1), spoil), 1, 2, 3, 4, 5))
}

func TestSlidingAgreesWithTheOthers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, n := someInts(rt, 9), 1+someInt(rt)
		groups := through(t, enumeratee.Grouped(enumeratee.Transform(enumeratee.Take[int](n), iteratee.Collect[int]())), in...)
		assert.Equal(rt, groups, through(t, enumeratee.Sliding[int](n, n), in...))
		if len(in) > 1 {
			pair := enumeratee.Map(func(p couple) []int { return []int{p.First, p.Second} })
			assert.Equal(rt, through(t, enumeratee.Compose(enumeratee.Pairwise[int](), pair), in...), through(t, enumeratee.Sliding[int](2, 1), in...))
		}
		// Each element is in a window, unless it is between two windows.
		step := 1 + someInt(rt)
		var all []int
		for i, window := range through(t, enumeratee.Sliding[int](n, step), in...) {
			all = append(all[:i*min(step, n)], window...)
		}
		var want []int
		for i, e := range in {
			if i%step < n || step < n {
				want = append(want, e)
			}
		}
		assert.Equal(rt, want, all)
	})
}
