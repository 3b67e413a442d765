package iteratee_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

var errBoom = errors.New("boom")

func run[E, A any](t *testing.T, consumer iteratee.Iteratee[E, A], es ...E) A {
	t.Helper()
	a, err := enumerator.Run(t.Context(), enumerator.Of(es...), consumer)
	require.NoError(t, err)
	return a
}

// withRest ends with the result of consumer and the elements that are left for the next consumer.
func withRest[E, A any](consumer iteratee.Iteratee[E, A]) iteratee.Iteratee[E, pair[A, []E]] {
	return iteratee.FlatMap(consumer, func(a A) iteratee.Iteratee[E, pair[A, []E]] {
		return iteratee.Map(iteratee.Collect[E](), func(rest []E) pair[A, []E] { return pair[A, []E]{a, rest} })
	})
}

type pair[A, B any] struct {
	A A
	B B
}

func add(a, b int) int { return a + b }

// peek ends with the first element, which it leaves over, or with 0 at EOF.
func peek() iteratee.Iteratee[int, int] {
	return iteratee.Cont(func(in iteratee.Input[int]) iteratee.Iteratee[int, int] {
		if e, ok := in.El(); ok {
			return iteratee.Done(e, in)
		}
		if in.IsEOF() {
			return iteratee.Done(0, in)
		}
		return peek()
	})
}

func TestFold(t *testing.T) {
	sum := iteratee.Fold(0, add)
	assert.Equal(t, 10, run(t, sum, 1, 2, 3, 4))
	assert.Equal(t, 10, run(t, sum, 1, 2, 3, 4), "a second run starts afresh")
	assert.Equal(t, 0, run(t, sum), "an empty stream gives the zero")
	assert.Equal(t, "ab", run(t, iteratee.Fold("", func(a, b string) string { return a + b }), "a", "b"))
}

func TestFoldM(t *testing.T) {
	sum := iteratee.FoldM(0, func(_ context.Context, a, e int) (int, error) { return a + e, nil })
	assert.Equal(t, 10, run(t, sum, 1, 2, 3, 4))
	assert.Equal(t, 10, run(t, sum, 1, 2, 3, 4), "a second run starts afresh")
	assert.Equal(t, 0, run(t, sum))
}

func TestFoldMStopsAtTheFirstError(t *testing.T) {
	var seen []int
	_, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3), iteratee.FoldM(0, func(_ context.Context, a, e int) (int, error) {
		seen = append(seen, e)
		if e == 2 {
			return 0, errBoom
		}
		return a, nil
	}))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1, 2}, seen)
}

func TestForEach(t *testing.T) {
	var seen []int
	run(t, iteratee.ForEach(func(_ context.Context, e int) error { seen = append(seen, e); return nil }), 1, 2, 3)
	assert.Equal(t, []int{1, 2, 3}, seen)
}

func TestForEachHasTheContextOfTheRun(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "here")
	_, err := enumerator.Run(ctx, enumerator.Of(1), iteratee.ForEach(func(ctx context.Context, _ int) error {
		assert.Equal(t, "here", ctx.Value(key{}))
		return nil
	}))
	require.NoError(t, err)
}

func TestForEachGetsNothingAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var seen []int
	_, err := enumerator.Run(ctx, enumerator.Of(1, 2, 3, 4), iteratee.ForEach(func(_ context.Context, e int) error {
		seen = append(seen, e)
		if e == 2 {
			cancel(errBoom)
		}
		return nil
	}))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1, 2}, seen)
}

func TestCollect(t *testing.T) {
	collect := iteratee.Collect[int]()
	first := run(t, collect, 1, 2, 3)
	second := run(t, collect, 4, 5)
	assert.Equal(t, []int{1, 2, 3}, first, "a later run does not write into an earlier result")
	assert.Equal(t, []int{4, 5}, second)
	assert.Nil(t, run(t, collect))
}

func TestHead(t *testing.T) {
	head := iteratee.Head[string]()
	require.NotNil(t, run(t, head, "foo", "bar"))
	assert.Equal(t, "foo", *run(t, head, "foo", "bar"))
	assert.Nil(t, run(t, head))
	assert.Equal(t, []string{"bar"}, run(t, withRest(head), "foo", "bar").B)
}

func TestIgnore(t *testing.T) {
	assert.Equal(t, struct{}{}, run(t, iteratee.Ignore[int](), 1, 2, 3))
	assert.Empty(t, run(t, withRest(iteratee.Ignore[int]()), 1, 2, 3).B, "it consumes all")
}

func TestMap(t *testing.T) {
	text := iteratee.Map(iteratee.Fold(0, add), strconv.Itoa)
	assert.Equal(t, "10", run(t, text, 1, 2, 3, 4))
	assert.Equal(t, []int{1, 2}, run(t, withRest(iteratee.Map(peek(), strconv.Itoa)), 1, 2).B, "the rest is kept")

	t.Run("f is not called on failure", func(t *testing.T) {
		for name, consumer := range map[string]iteratee.Iteratee[int, int]{
			"leaf": iteratee.Error[int, int](errBoom, iteratee.Empty[int]()),
			"chain": iteratee.FlatMap(iteratee.Head[int](), func(*int) iteratee.Iteratee[int, int] {
				return iteratee.Error[int, int](errBoom, iteratee.Empty[int]())
			}),
		} {
			_, err := enumerator.Run(t.Context(), enumerator.Of(1), iteratee.Map(consumer, func(int) int { t.Error("called: " + name); return 0 }))
			assert.ErrorIs(t, err, errBoom, name)
		}
	})
}

func TestError(t *testing.T) {
	var closed bool
	source := enumerator.Generate(func(context.Context) (int, bool, error) { closed = true; return 1, true, nil })
	_, err := enumerator.Run(t.Context(), source, iteratee.Error[int, int](errBoom, iteratee.El(1)))
	assert.ErrorIs(t, err, errBoom)
	assert.False(t, closed, "the source is not asked for anything")
	assert.PanicsWithValue(t, "iteratee: StepError: err must not be nil", func() { iteratee.Error[int, int](nil, iteratee.Empty[int]()) })
}

func TestDone(t *testing.T) {
	assert.Equal(t, 3, run(t, iteratee.Done(3, iteratee.Empty[int]()), 1, 2))
	assert.Equal(t, pair[int, []int]{3, []int{1, 2}}, run(t, withRest(iteratee.Done(3, iteratee.Empty[int]())), 1, 2))
	assert.Equal(t, pair[int, []int]{3, []int{9, 1, 2}}, run(t, withRest(iteratee.Done(3, iteratee.El(9))), 1, 2))
	assert.Equal(t, pair[int, []int]{3, nil}, run(t, withRest(iteratee.Done(3, iteratee.EOF[int]())), 1, 2), "EOF in a rest ends the stream")
	var nothing error
	assert.NoError(t, run(t, iteratee.FlatMap(iteratee.Done(nothing, iteratee.Empty[int]()), func(err error) iteratee.Iteratee[int, error] {
		return iteratee.Done(err, iteratee.Empty[int]())
	})), "a nil of an interface type passes")
}

func TestContGetsEachInput(t *testing.T) {
	var step func(seen []string) iteratee.Iteratee[int, []string]
	step = func(seen []string) iteratee.Iteratee[int, []string] {
		return iteratee.Cont(func(in iteratee.Input[int]) iteratee.Iteratee[int, []string] {
			if in.IsEOF() {
				return iteratee.Done(append(seen, "EOF"), in)
			}
			e, ok := in.El()
			assert.True(t, ok)
			assert.Len(t, in.Els(), 1)
			return step(append(seen, strconv.Itoa(e)))
		})
	}
	assert.Equal(t, []string{"1", "2", "EOF"}, run(t, step(nil), 1, 2))
	assert.Equal(t, []string{"EOF"}, run(t, step(nil)))
}

func TestDivergence(t *testing.T) {
	var never func(iteratee.Input[int]) iteratee.Iteratee[int, int]
	never = func(iteratee.Input[int]) iteratee.Iteratee[int, int] { return iteratee.Cont(never) }
	rude := iteratee.New(func(context.Context) (iteratee.Running[int, int], iteratee.Step) {
		return iteratee.WithResult(iteratee.Ended(iteratee.StepCont, iteratee.Empty[int]()), func() (int, error) { return 0, nil }), iteratee.StepCont
	})
	for name, consumer := range map[string]iteratee.Iteratee[int, int]{
		"pure":             iteratee.Cont(never),
		"running":          rude,
		"first of a chain": iteratee.FlatMap(rude, func(int) iteratee.Iteratee[int, int] { return rude }),
		"repeated":         iteratee.Map(iteratee.Repeat(rude), func([]int) int { return 0 }),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := enumerator.Run(t.Context(), enumerator.Of(1), consumer)
			assert.ErrorIs(t, err, iteratee.ErrDivergent)
		})
	}
}

func TestFeed(t *testing.T) {
	el, eof := iteratee.El[int], iteratee.EOF[int]()
	sum := iteratee.Fold(0, add)
	assert.Equal(t, 6, run(t, iteratee.Feed(t.Context(), iteratee.Feed(t.Context(), sum, el(1)), el(2)), 3))
	assert.Equal(t, 3, run(t, iteratee.Feed(t.Context(), sum, el(1).Then(el(2)).Then(eof)), 9), "it is at its end")
	assert.Equal(t, 3, run(t, iteratee.Feed(t.Context(), sum, iteratee.Empty[int]()), 3), "nothing was fed")
	_, err := enumerator.Run(t.Context(), enumerator.Of(1), iteratee.Feed(t.Context(), iteratee.ForEach(func(context.Context, int) error { return errBoom }), el(1)))
	assert.ErrorIs(t, err, errBoom)
}

func TestZeroIterateePanicsWithAdvice(t *testing.T) {
	assert.PanicsWithValue(t, "iteratee: Start: the zero Iteratee cannot run; make one with Fold, Done or another constructor",
		func() { iteratee.Iteratee[int, int]{}.Start(t.Context()) })
}

func TestIterateesAreRecipes(t *testing.T) {
	two := iteratee.FlatMap(iteratee.Head[int](), func(*int) iteratee.Iteratee[int, int] { return peek() })
	for name, consumer := range map[string]iteratee.Iteratee[int, int]{
		"Fold":    iteratee.Fold(0, add),
		"Head":    iteratee.Map(iteratee.Head[int](), func(e *int) int { return *e }),
		"Cont":    peek(),
		"FlatMap": two,
		"Repeat":  iteratee.Map(iteratee.Repeat(two), func(as []int) int { return len(as) }),
	} {
		t.Run(name, func(t *testing.T) {
			want := run(t, consumer, 1, 2, 3, 4)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					got, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3, 4), consumer)
					assert.NoError(t, err)
					assert.Equal(t, want, got)
				})
			}
			wg.Wait()
		})
	}
}
