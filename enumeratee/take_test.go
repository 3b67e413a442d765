package enumeratee_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestDropWhile(t *testing.T) {
	for name, c := range map[string]struct{ in, want []int }{
		"some":        {[]int{1, 2, 3, 1, 4}, []int{3, 1, 4}},
		"none":        {[]int{3, 1}, []int{3, 1}},
		"all":         {[]int{1, 2}, nil},
		"EOF at once": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			small := enumeratee.DropWhile(below(3))
			assert.Equal(t, c.want, through(t, small, c.in...))
			assert.Equal(t, c.want, through(t, small, c.in...), "a second run starts afresh")
		})
	}
	_, rest := split(t, enumeratee.DropWhile(below(3)), peek[int](), 1, 2, 3, 4)
	assert.Equal(t, []int{3, 4}, rest, "the leftovers of the consumer")
}

func TestDropWhileDoesNotCallDropAfterFalse(t *testing.T) {
	var asked []int
	through(t, enumeratee.DropWhile(func(e int) bool { asked = append(asked, e); return e < 2 }), 1, 2, 3, 1)
	assert.Equal(t, []int{1, 2}, asked)
}

func TestBreakE(t *testing.T) {
	above := func(n int) func(int) bool { return func(e int) bool { return e > n } }
	for name, c := range map[string]struct {
		stop       func(int) bool
		consumer   iteratee.Iteratee[int, []int]
		in         []int
		want, rest []int
	}{
		"stops":                        {above(2), iteratee.Collect[int](), []int{1, 2, 3, 2, 1}, []int{1, 2}, []int{3, 2, 1}},
		"at the first":                 {above(0), iteratee.Collect[int](), []int{1, 2}, nil, []int{1, 2}},
		"never":                        {above(9), iteratee.Collect[int](), []int{1, 2}, []int{1, 2}, nil},
		"EOF at once":                  {above(9), iteratee.Collect[int](), nil, nil, nil},
		"takes 1":                      {above(9), iteratee.TakeUpTo[int](1), []int{1, 2, 3}, []int{1}, []int{2, 3}}, // Play: none, and 1 again
		"takes 2":                      {above(9), iteratee.TakeUpTo[int](2), []int{1, 2, 3}, []int{1, 2}, []int{3}}, // Play: [1], and 2 again
		"takes just those that come":   {above(2), iteratee.TakeUpTo[int](2), []int{1, 2, 3}, []int{1, 2}, []int{3}},
		"leaves over its last element": {above(2), iteratee.Map(peek[int](), func(bool) []int { return nil }), []int{1, 2, 3}, nil, []int{1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			adapter := enumeratee.BreakE(c.stop)
			for range 2 {
				got, rest := split(t, adapter, c.consumer, c.in...)
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.rest, rest)
			}
		})
	}
}

func TestBreakEAsksForNoMoreThanItNeeds(t *testing.T) {
	source := &probe.Source{N: -1}
	got, err := enumerator.Run(t.Context(), enumerator.Through(source.Enumerator(), enumeratee.BreakE(func(e int) bool { return e == 3 })), iteratee.Collect[int]())
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2}, got)
	assert.EqualValues(t, 3, source.Pulls.Load())
}
