package enumeratee_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// inputOf returns the Input that holds es.
func inputOf(es ...int) (in iteratee.Input[int]) {
	for _, e := range es {
		in = in.Then(iteratee.El(e))
	}
	return in
}

// severals has the adapters that hand on what f returns.
func severals(f func(int) []int) map[string]enumeratee.Enumeratee[int, int] {
	of := func(in iteratee.Input[int]) iteratee.Input[int] { return inputOf(f(in.Els()[0])...) }
	return map[string]enumeratee.Enumeratee[int, int]{
		"MapConcat": enumeratee.MapConcat(f),
		"MapInput":  enumeratee.MapInput(of),
		"MapInputM": enumeratee.MapInputM(func(_ context.Context, in iteratee.Input[int]) (iteratee.Input[int], error) { return of(in), nil }),
	}
}

func TestMapConcatAndMapInput(t *testing.T) {
	for name, adapter := range severals(func(e int) []int { return []int{e, e} }) {
		for range 2 {
			assert.Equal(t, []int{1, 1, 2, 2}, through(t, adapter, 1, 2), name)
			assert.Nil(t, through(t, adapter), name)
		}
		got, rest := split(t, adapter, iteratee.TakeUpTo[int](3), 1, 2, 3)
		assert.Equal(t, []int{1, 1, 2}, got, name)
		assert.Equal(t, []int{3}, rest, name+": the others of a sequence are dropped")
		_, rest = split(t, adapter, peek[int](), 1, 2)
		assert.Equal(t, []int{1, 2}, rest, name+": the very first gives back its element")
		second := iteratee.FlatMap(iteratee.Head[int](), func(*int) iteratee.Iteratee[int, bool] { return peek[int]() })
		_, rest = split(t, adapter, second, 1, 2)
		assert.Equal(t, []int{2}, rest, name+": but no other does")
	}
	for name, adapter := range severals(func(e int) []int { return ints(1, e) }) {
		assert.Equal(t, []int{1, 2, 1, 2, 3}, through(t, adapter, 0, 2, 0, 3), name+": no element is handed on for an empty slice")
		assert.Nil(t, through(t, adapter, 0, 0), name)
	}
}

func TestMapConcatCallsFNoMoreThanItNeeds(t *testing.T) {
	calls := 0
	for name, adapter := range severals(func(e int) []int { calls++; return []int{e, e} }) {
		calls = 0
		source := &probe.Source{N: -1}
		_, err := enumerator.Run(t.Context(), enumerator.Through(source.Enumerator(), adapter), iteratee.TakeUpTo[int](3))
		require.NoError(t, err, name)
		assert.Equal(t, 2, calls, name)
		assert.EqualValues(t, 2, source.Pulls.Load(), name)
	}
}

func TestMapInputStopsAtEOF(t *testing.T) {
	for name, c := range map[string]struct {
		last       iteratee.Input[int] // the result for 3
		in         []int
		want, rest []int
	}{
		"EOF":                    {iteratee.EOF[int](), []int{1, 3, 4}, []int{1}, []int{4}},
		"elements, then EOF":     {inputOf(7, 8).Then(iteratee.EOF[int]()), []int{1, 3, 4}, []int{1, 7, 8}, []int{4}},
		"EOF among the elements": {inputOf(7).Then(iteratee.EOF[int]()).Then(inputOf(8)), []int{1, 3, 4}, []int{1, 7, 8}, []int{4}},
		"Empty":                  {iteratee.Empty[int](), []int{1, 3, 4}, []int{1, 4}, nil},
		"EOF for the very first": {iteratee.EOF[int](), []int{3, 4}, nil, []int{4}},
		"EOF for the very last":  {iteratee.EOF[int](), []int{1, 3}, []int{1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := func(in iteratee.Input[int]) iteratee.Input[int] {
				require.Len(t, in.Els(), 1)
				require.False(t, in.IsEOF())
				if in.Els()[0] == 3 {
					return c.last
				}
				return in
			}
			for _, adapter := range []enumeratee.Enumeratee[int, int]{
				enumeratee.MapInput(f),
				enumeratee.MapInputM(func(_ context.Context, in iteratee.Input[int]) (iteratee.Input[int], error) { return f(in), nil }),
			} {
				for range 2 {
					got, rest := split(t, adapter, iteratee.Collect[int](), c.in...)
					assert.Equal(t, c.want, got)
					assert.Equal(t, c.rest, rest)
				}
				open, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(c.in...), adapter).AndThen(enumerator.Of(99)), iteratee.Collect[int]())
				require.NoError(t, err)
				assert.Equal(t, append(append([]int{}, c.want...), 99), open, "the consumer stays open")
			}
		})
	}
}

func TestMapInputM(t *testing.T) {
	type key struct{}
	double := enumeratee.MapInputM(func(ctx context.Context, in iteratee.Input[int]) (iteratee.Input[int], error) {
		assert.Equal(t, "here", ctx.Value(key{}))
		return iteratee.El(2 * in.Els()[0]), nil
	})
	got, err := enumerator.Run(context.WithValue(t.Context(), key{}, "here"), enumerator.Through(enumerator.Of(1, 2), double), iteratee.Collect[int]())
	require.NoError(t, err)
	assert.Equal(t, []int{2, 4}, got)
}

func TestMapInputMStopsAtTheFirstError(t *testing.T) {
	var calls []int
	failing := enumeratee.MapInputM(func(_ context.Context, in iteratee.Input[int]) (iteratee.Input[int], error) {
		calls = append(calls, in.Els()[0])
		if len(calls) == 2 {
			return in, errBoom
		}
		return in, nil
	})
	source := &probe.Source{N: -1}
	consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
	_, err := enumerator.Run(t.Context(), enumerator.Through(source.Enumerator(), failing), consumer.Iteratee())
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1, 2}, calls)
	assert.EqualValues(t, 1, consumer.Nexts.Load(), "nothing is handed on with an error")
	assert.EqualValues(t, 2, source.Pulls.Load())
	assert.EqualValues(t, 1, source.Closes.Load())
}

func TestMapInputMGetsNothingAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	calls := 0
	careless := enumerator.New(func(_ context.Context, sink iteratee.Sink[int]) iteratee.Step {
		_, step := iteratee.Offer(sink, []int{1, 2, 3})
		return step
	})
	_, err := enumerator.Run(ctx, enumerator.Through(careless, enumeratee.MapInputM(func(_ context.Context, in iteratee.Input[int]) (iteratee.Input[int], error) {
		calls++
		cancel(errBoom)
		return in, nil
	})), iteratee.Ignore[int]())
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, 1, calls)
}
