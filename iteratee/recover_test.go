package iteratee_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// failures has the ways to fail, with their leftovers.
func failures() map[string]struct {
	consumer ints
	in       []int
	rest     []int
} {
	rude := iteratee.New(func(context.Context) (iteratee.Running[int, int], iteratee.Step) {
		return iteratee.WithResult(iteratee.Ended(iteratee.StepCont, iteratee.Empty[int]()), func() (int, error) { return 0, nil }), iteratee.StepCont
	})
	return map[string]struct {
		consumer ints
		in       []int
		rest     []int
	}{
		"on the second":                   {failAt(2, new([]int)), []int{1, 2, 3}, []int{3}},
		"puts it back":                    {failsAtOnce(), []int{1, 2}, []int{1, 2}},
		"at EOF":                          {failsAtOnce(), nil, nil},
		"from the start":                  {iteratee.Error[int, int](errBoom, iteratee.Empty[int]()), []int{1, 2}, []int{1, 2}},
		"with an element that never came": {iteratee.Error[int, int](errBoom, iteratee.El(9)), []int{1, 2}, []int{9, 1, 2}},
		"in its result":                   {iteratee.MapM(peek(), func(context.Context, int) (int, error) { return 0, errBoom }), []int{1, 2}, []int{1, 2}},
		"in a chain":                      {iteratee.FlatMap(head(), func(int) ints { return failsAtOnce() }), []int{1, 2, 3}, []int{2, 3}},
		"deferred":                        {iteratee.Defer(func(context.Context) (ints, error) { return ints{}, errBoom }), []int{1}, []int{1}},
		"in one of two":                   {iteratee.ZipWith(failsAtOnce(), iteratee.Fold(0, add), add), []int{1, 2}, []int{1, 2}},
		"divergent": {iteratee.MapM(iteratee.Recover(rude, func(err error) (int, error) {
			if !errors.Is(err, iteratee.ErrDivergent) {
				return 0, err
			}
			return 0, errBoom
		}), func(_ context.Context, a int) (int, error) { return a, nil }), []int{1}, nil},
	}
}

func TestRecover(t *testing.T) {
	for name, c := range failures() {
		t.Run(name, func(t *testing.T) {
			calls := 0
			consumer := iteratee.Recover(c.consumer, func(err error) (int, error) {
				calls++
				assert.ErrorIs(t, err, errBoom)
				return -1, nil
			})
			for range 2 {
				assert.Equal(t, pair[int, []int]{-1, c.rest}, run(t, withRest(consumer), c.in...))
			}
			assert.Equal(t, 2, calls, "once per run")
		})
	}
}

func TestRecoverWith(t *testing.T) {
	for name, c := range failures() {
		t.Run(name, func(t *testing.T) {
			calls := 0
			consumer := iteratee.RecoverWith(c.consumer, func(err error) ints {
				calls++
				assert.ErrorIs(t, err, errBoom)
				return iteratee.Fold(100, add)
			})
			want := 100
			for _, e := range c.rest {
				want += e
			}
			for range 2 {
				assert.Equal(t, want, run(t, consumer, c.in...), "leftovers are offered to the replacement")
			}
			assert.Equal(t, 2, calls, "once per run")
		})
	}
	assert.Equal(t, 105, run(t, iteratee.RecoverWith(failAt(1, new([]int)), func(error) ints { return iteratee.Fold(100, add) }), 1, 2, 3))
}

func TestRecoverDoesNotCallFWithoutAFailure(t *testing.T) {
	for name, consumer := range map[string]ints{
		"Recover":     iteratee.Recover(peek(), func(error) (int, error) { t.Error("called"); return 0, nil }),
		"RecoverWith": iteratee.RecoverWith(peek(), func(error) ints { t.Error("called"); return peek() }),
	} {
		assert.Equal(t, pair[int, []int]{1, []int{1, 2}}, run(t, withRest(consumer), 1, 2), name)
		assert.Equal(t, pair[int, []int]{0, nil}, run(t, withRest(consumer)), name)
	}
}

func TestRecoverLetsErrorsPass(t *testing.T) {
	errOther := errors.New("other")
	pass := iteratee.Recover(failAt(2, new([]int)), func(err error) (int, error) { return 5, err })
	assert.ErrorIs(t, failure(t, pass, 1, 2, 3), errBoom)
	assert.ErrorIs(t, failure(t, iteratee.Recover(failAt(2, new([]int)), func(error) (int, error) { return 5, errOther }), 1, 2, 3), errOther)
	assert.Equal(t, pair[int, []int]{-1, []int{3}},
		run(t, withRest(iteratee.Recover(pass, func(error) (int, error) { return -1, nil })), 1, 2, 3), "to the next that recovers")

	calls := 0
	twice := iteratee.RecoverWith(failAt(1, new([]int)), func(error) ints { calls++; return failAt(2, new([]int)) })
	assert.ErrorIs(t, failure(t, twice, 1, 2, 3), errBoom, "a replacement is not replaced")
	assert.Equal(t, 1, calls)
}

func TestRecoverCoversAWholeChain(t *testing.T) {
	chain := iteratee.FlatMap(head(), func(first int) ints {
		return iteratee.FlatMap(failAt(3, new([]int)), func(int) ints { t.Error("called"); return head() })
	})
	consumer := iteratee.FlatMap(iteratee.Recover(chain, func(error) (int, error) { return -1, nil }), func(a int) ints {
		return iteratee.Map(head(), func(e int) int { return 10*a + e })
	})
	assert.Equal(t, pair[int, []int]{-6, []int{5}}, run(t, withRest(consumer), 1, 2, 3, 4, 5))
	after := iteratee.FlatMap(iteratee.Recover(head(), func(error) (int, error) { t.Error("called"); return 0, nil }), func(int) ints { return failAt(2, new([]int)) })
	assert.ErrorIs(t, failure(t, after, 1, 2), errBoom, "not a failure of the next one")
}

func TestRecoverActsAtOnce(t *testing.T) {
	source := &probe.Source{N: -1}
	got, err := enumerator.Run(t.Context(), source.Enumerator(), iteratee.Recover(failAt(2, new([]int)), func(error) (int, error) { return -1, nil }))
	require.NoError(t, err)
	assert.Equal(t, -1, got)
	assert.EqualValues(t, 2, source.Pulls.Load())
	assert.EqualValues(t, 1, source.Closes.Load())
}

func TestRecoverDoesNotRecoverFromCancellation(t *testing.T) {
	for name, recovered := range map[string]func(*testing.T, ints) ints{
		"Recover": func(t *testing.T, consumer ints) ints {
			return iteratee.Recover(consumer, func(error) (int, error) { t.Error("called"); return 0, nil })
		},
		"RecoverWith": func(t *testing.T, consumer ints) ints {
			return iteratee.RecoverWith(consumer, func(error) ints { t.Error("called"); return head() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			consumer := recovered(t, iteratee.FoldM(0, func(context.Context, int, int) (int, error) { cancel(errBoom); return 0, nil }))
			r, _ := consumer.Start(ctx)
			assert.True(t, r.Next(1).IsCont())
			assert.ErrorIs(t, r.Next(2).Err(), errBoom)
		})
	}
}

func TestRecoverDoesNotRecoverFromAPanic(t *testing.T) {
	consumer := iteratee.Recover(iteratee.Fold(0, func(int, int) int { panic("fold") }), func(error) (int, error) { t.Error("called"); return 0, nil })
	assert.PanicsWithValue(t, "fold", func() { _, _ = enumerator.Run(t.Context(), enumerator.Of(1), consumer) })
}
