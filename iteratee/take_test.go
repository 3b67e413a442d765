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

// failure returns the error of a run that must fail.
func failure[E, A any](t *testing.T, consumer iteratee.Iteratee[E, A], es ...E) error {
	t.Helper()
	_, err := enumerator.Run(t.Context(), enumerator.Of(es...), consumer)
	require.Error(t, err)
	return err
}

// atEOF returns the leftovers of consumer if EOF comes at once.
func atEOF[E, A any](t *testing.T, consumer iteratee.Iteratee[E, A]) iteratee.Input[E] {
	t.Helper()
	r, step := consumer.Start(t.Context())
	require.True(t, step.IsCont())
	_, err := iteratee.Finish(r, step)
	require.NoError(t, err)
	return r.Rest()
}

func TestFoldUntil(t *testing.T) {
	sum := iteratee.FoldUntil(0, func(_ context.Context, a, e int) (int, bool, error) { return a + e, e > 2, nil })
	for name, c := range map[string]struct {
		in   []int
		want pair[int, []int]
	}{
		"stops at 3, which counts": {[]int{1, 2, 3, 4}, pair[int, []int]{6, []int{4}}},
		"stops at the first":       {[]int{3, 4, 5}, pair[int, []int]{3, []int{4, 5}}},
		"stops at the last":        {[]int{1, 3}, pair[int, []int]{4, nil}},
		"never stops":              {[]int{1, 2}, pair[int, []int]{3, nil}},
		"EOF at once":              {nil, pair[int, []int]{0, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, run(t, withRest(sum), c.in...))
			assert.Equal(t, c.want, run(t, withRest(sum), c.in...), "a second run starts afresh")
		})
	}
}

func TestFoldUntilAsksForNoMoreThanItNeeds(t *testing.T) {
	source := &probe.Source{N: -1}
	_, err := enumerator.Run(t.Context(), source.Enumerator(),
		iteratee.FoldUntil(0, func(_ context.Context, a, e int) (int, bool, error) { return a + e, e == 3, nil }))
	require.NoError(t, err)
	assert.EqualValues(t, 3, source.Pulls.Load())
	assert.EqualValues(t, 1, source.Closes.Load())
}

func TestFoldUntilStopsAtTheFirstError(t *testing.T) {
	for _, stop := range []bool{false, true} { // stop has no effect beside an error
		var seen []int
		r, _ := iteratee.FoldUntil(0, func(_ context.Context, a, e int) (int, bool, error) {
			seen = append(seen, e)
			if e == 2 {
				return 0, stop, errBoom
			}
			return a, false, nil
		}).Start(t.Context())
		assert.True(t, r.Next(1).IsCont())
		step := r.Next(2)
		assert.ErrorIs(t, step.Err(), errBoom)
		assert.Equal(t, step, r.Next(3), "it stays failed")
		assert.Equal(t, []int{1, 2}, seen)
		assert.True(t, r.Rest().IsEmpty())
	}
}

func TestFoldUntilGetsNothingAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var seen []int
	// The source does not look at the context, so the fold must.
	careless := enumerator.New(func(_ context.Context, sink iteratee.Sink[int]) iteratee.Step {
		_, step := iteratee.Offer(sink, []int{1, 2, 3})
		return step
	})
	_, err := enumerator.Run(ctx, careless, iteratee.FoldUntil(0, func(_ context.Context, a, e int) (int, bool, error) {
		seen = append(seen, e)
		if e == 2 {
			cancel(errBoom)
		}
		return a, false, nil
	}))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1, 2}, seen)
}

func TestTakeUpTo(t *testing.T) {
	type want = pair[[]int, []int]
	for name, c := range map[string]struct {
		n    int
		in   []int
		want want
	}{
		"1 of 2":      {1, []int{1, 2}, want{[]int{1}, []int{2}}},
		"2 of 2":      {2, []int{1, 2}, want{[]int{1, 2}, nil}},
		"3 of 2":      {3, []int{1, 2}, want{[]int{1, 2}, nil}},
		"0 of 2":      {0, []int{1, 2}, want{nil, []int{1, 2}}},
		"0 of 0":      {0, nil, want{nil, nil}},
		"EOF at once": {2, nil, want{nil, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			consumer := iteratee.TakeUpTo[int](c.n)
			first := run(t, withRest(consumer), c.in...)
			assert.Equal(t, c.want, first)
			assert.Equal(t, c.want, run(t, withRest(consumer), c.in...), "a second run starts afresh")
			assert.Equal(t, c.want, first, "a later run does not write into an earlier result")
		})
	}
	assert.PanicsWithValue(t, "iteratee: TakeUpTo: n must not be negative, got -2", func() { iteratee.TakeUpTo[int](-2) })
}

func TestTakeUpToAsksForNoMoreThanItNeeds(t *testing.T) {
	for n := range 4 {
		source := &probe.Source{N: -1}
		got, err := enumerator.Run(t.Context(), source.Enumerator(), iteratee.TakeUpTo[int](n))
		require.NoError(t, err)
		assert.Len(t, got, n)
		assert.EqualValues(t, n, source.Pulls.Load())
		assert.EqualValues(t, min(n, 1), source.Starts.Load(), "TakeUpTo(0) does not even start the source")
	}
}

func TestRepeatOfTakeUpTo(t *testing.T) {
	two := iteratee.Repeat(iteratee.TakeUpTo[int](2))
	assert.Equal(t, [][]int{{1, 2}, {3}}, run(t, two, 1, 2, 3))
	assert.Equal(t, [][]int{{1, 2}, {3, 4}}, run(t, two, 1, 2, 3, 4))
	assert.Nil(t, run(t, two))
	assert.ErrorIs(t, failure(t, iteratee.Repeat(iteratee.TakeUpTo[int](0)), 1), iteratee.ErrNoProgress)
}

func TestEOFOrElse(t *testing.T) {
	consumer := iteratee.EOFOrElse[int]("more", "end")
	for range 2 {
		assert.Equal(t, pair[string, []int]{"more", []int{1, 2}}, run(t, withRest(consumer), 1, 2), "the element is put back")
		assert.Equal(t, pair[string, []int]{"end", nil}, run(t, withRest(consumer)))
	}
	assert.Equal(t, iteratee.EOF[int](), atEOF(t, consumer), "the end is put back")
}

func TestIsEmpty(t *testing.T) {
	consumer := iteratee.IsEmpty[int]()
	for range 2 {
		assert.Equal(t, pair[bool, []int]{false, []int{1, 2}}, run(t, withRest(consumer), 1, 2), "the element is put back")
		assert.Equal(t, pair[bool, []int]{true, nil}, run(t, withRest(consumer)))
	}
	assert.Equal(t, iteratee.EOF[int](), atEOF(t, consumer), "the end is put back")

	source := &probe.Source{N: -1}
	_, err := enumerator.Run(t.Context(), source.Enumerator(), consumer)
	require.NoError(t, err)
	assert.EqualValues(t, 1, source.Pulls.Load())
}

func TestConsume(t *testing.T) {
	consume := iteratee.Consume[int]()
	for name, c := range map[string]struct {
		in   [][]int
		want []int
	}{
		"several":           {[][]int{{1, 2}, {3}, {4, 5}}, []int{1, 2, 3, 4, 5}},
		"one":               {[][]int{{1, 2}}, []int{1, 2}},
		"empty ones among":  {[][]int{{}, {1}, nil, {2}}, []int{1, 2}},
		"only an empty one": {[][]int{{}}, nil},
		"none":              {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, pair[[]int, [][]int]{c.want, nil}, run(t, withRest(consume), c.in...))
			assert.Equal(t, c.want, run(t, consume, c.in...), "a second run starts afresh")
		})
	}
}

func TestConsumeWritesIntoNoChunk(t *testing.T) {
	backing := []int{1, 2, 3}
	assert.Equal(t, []int{1, 9}, run(t, iteratee.Consume[int](), backing[:1], []int{9}))
	assert.Equal(t, []int{1, 2, 3}, backing)
	joined := run(t, iteratee.Consume[int](), backing)
	joined[0] = 7
	assert.Equal(t, []int{1, 2, 3}, backing, "the result is a copy")
}
