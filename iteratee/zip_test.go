package iteratee_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// failAt adds the elements to seen, and fails on e.
func failAt(e int, seen *[]int) ints {
	return iteratee.FoldM(0, func(_ context.Context, a, got int) (int, error) {
		*seen = append(*seen, got)
		if got == e {
			return 0, errBoom
		}
		return a + got, nil
	})
}

// failsAtOnce fails on the first element, which it leaves over.
func failsAtOnce() ints {
	return iteratee.Cont(func(in iteratee.Input[int]) ints { return iteratee.Error[int, int](errBoom, in) })
}

func TestZip(t *testing.T) {
	assert.Equal(t, iteratee.Pair[int, int]{First: 2, Second: 3},
		run(t, iteratee.Zip(iteratee.Done(2, iteratee.Empty[int]()), iteratee.Done(3, iteratee.Empty[int]())), 1))

	both := iteratee.Zip(head(), iteratee.Collect[int]())
	for range 2 {
		assert.Equal(t, iteratee.Pair[int, []int]{First: 1, Second: []int{1, 2, 3}}, run(t, both, 1, 2, 3))
		assert.Equal(t, iteratee.Pair[int, []int]{}, run(t, both), "EOF at once")
	}
}

func TestZipWith(t *testing.T) {
	product := func(a, b int) int { return a * b }
	assert.Equal(t, 6, run(t, iteratee.ZipWith(iteratee.Done(2, iteratee.Empty[int]()), iteratee.Done(3, iteratee.Empty[int]()), product)))
	assert.Equal(t, 20, run(t, iteratee.ZipWith(head(), iteratee.Fold(0, add), product), 2, 3, 5))
	assert.Equal(t, 20, run(t, iteratee.ZipWith(iteratee.Fold(0, add), head(), product), 2, 3, 5))
}

func TestZipLeavesOverElementsThatNeitherHasConsumed(t *testing.T) {
	take := func(n int) ints {
		return iteratee.Map(iteratee.TakeUpTo[int](n), func(es []int) int { return len(es) })
	}
	empty := iteratee.Map(iteratee.IsEmpty[int](), func(bool) int { return 0 })
	looks := func(n int) ints { return iteratee.Map(lookAhead(n), func(es []int) int { return len(es) }) }
	for name, c := range map[string]struct {
		a, b ints
		in   []int
		rest []int
	}{
		"isEmpty, head":              {empty, head(), []int{5, 6}, []int{6}}, // Play leaves 5 too
		"isEmpty, isEmpty":           {empty, empty, []int{5, 6}, []int{5, 6}},
		"isEmpty, take 2":            {empty, take(2), []int{5, 6, 7}, []int{7}},
		"isEmpty, done":              {empty, iteratee.Done(1, iteratee.Empty[int]()), []int{5, 6}, []int{5, 6}},
		"looks 2 ahead, isEmpty":     {looks(2), empty, []int{5, 6, 7}, []int{5, 6, 7}},
		"looks 2 ahead, 3 ahead":     {looks(2), looks(3), []int{5, 6, 7}, []int{5, 6, 7}},
		"looks 2 ahead, head":        {looks(2), head(), []int{5, 6, 7}, []int{6, 7}},
		"looks 3 ahead, take 2":      {looks(3), take(2), []int{5, 6, 7}, []int{7}},
		"take 1, take 3":             {take(1), take(3), []int{5, 6, 7, 8}, []int{8}},
		"all, head":                  {iteratee.Fold(0, add), head(), []int{5, 6}, nil},
		"all, isEmpty":               {iteratee.Fold(0, add), empty, []int{5, 6}, nil},
		"done, done":                 {iteratee.Done(1, iteratee.Empty[int]()), iteratee.Done(1, iteratee.Empty[int]()), []int{5}, []int{5}},
		"isEmpty, head, EOF at once": {empty, head(), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.rest, run(t, withRest(iteratee.Zip(c.a, c.b)), c.in...).B)
			assert.Equal(t, c.rest, run(t, withRest(iteratee.Zip(c.b, c.a)), c.in...).B, "the other way round")
		})
	}
}

func TestZipOfConsumersThatAreDoneStartsNoSource(t *testing.T) {
	source := &probe.Source{N: -1}
	got, err := enumerator.Run(t.Context(), source.Enumerator(),
		iteratee.Zip(iteratee.Done(2, iteratee.Empty[int]()), iteratee.Done(3, iteratee.Empty[int]())))
	require.NoError(t, err)
	assert.Equal(t, iteratee.Pair[int, int]{First: 2, Second: 3}, got)
	assert.Zero(t, source.Starts.Load())
}

func TestZipOffersNothingToAConsumerThatIsDone(t *testing.T) {
	first := &probe.Counted[int, int]{It: head()}
	third := &probe.Counted[int, []int]{It: iteratee.TakeUpTo[int](3)}
	source := &probe.Source{N: -1}
	_, err := enumerator.Run(t.Context(), source.Enumerator(), iteratee.Zip(first.Iteratee(), third.Iteratee()))
	require.NoError(t, err)
	assert.EqualValues(t, 1, first.Nexts.Load())
	assert.EqualValues(t, 3, third.Nexts.Load())
	assert.EqualValues(t, 3, source.Pulls.Load())
}

func TestZipFailsAtOnce(t *testing.T) {
	for name, zip := range map[string]func(a, b ints) iteratee.Iteratee[int, iteratee.Pair[int, int]]{
		"left":  func(a, b ints) iteratee.Iteratee[int, iteratee.Pair[int, int]] { return iteratee.Zip(a, b) },
		"right": func(a, b ints) iteratee.Iteratee[int, iteratee.Pair[int, int]] { return iteratee.Zip(b, a) },
	} {
		t.Run(name, func(t *testing.T) {
			var seen []int
			other := &probe.Counted[int, int]{It: iteratee.Fold(0, add)}
			source := &probe.Source{N: -1}
			_, err := enumerator.Run(t.Context(), source.Enumerator(), zip(failAt(2, &seen), other.Iteratee()))
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, []int{1, 2}, seen)
			assert.EqualValues(t, 2, source.Pulls.Load())
			assert.LessOrEqual(t, other.Nexts.Load(), int64(2))

			assert.ErrorIs(t, failure(t, zip(failsAtOnce(), iteratee.Fold(0, add))), errBoom, "on EOF")
			assert.ErrorIs(t, failure(t, zip(iteratee.Error[int, int](errBoom, iteratee.Empty[int]()), iteratee.Fold(0, add)), 1), errBoom, "from the start")
			late := iteratee.MapM(head(), func(context.Context, int) (int, error) { return 0, errBoom })
			assert.ErrorIs(t, failure(t, zip(late, iteratee.Fold(0, add)), 1), errBoom, "in its result")
		})
	}
}

func TestZipDoesNotCallFAfterAFailure(t *testing.T) {
	var seen []int
	consumer := iteratee.ZipWith(head(), failAt(2, &seen), func(int, int) int { t.Error("called"); return 0 })
	assert.ErrorIs(t, failure(t, consumer, 1, 2, 3), errBoom)
}

func TestZipIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var seen []int
	consumer := iteratee.Zip(iteratee.ForEach(func(_ context.Context, e int) error {
		seen = append(seen, e)
		cancel(errBoom)
		return nil
	}), iteratee.Collect[int]())
	_, err := enumerator.Run(ctx, probe.Naturals(), consumer)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1}, seen)
}
