package iteratee_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestJoin(t *testing.T) {
	el, empty, eof := iteratee.El[int], iteratee.Empty[int](), iteratee.EOF[int]()
	failing := iteratee.Error[int, int](errBoom, el(9))
	var never func(iteratee.Input[int]) ints
	never = func(iteratee.Input[int]) ints { return iteratee.Cont(never) }
	for _, c := range []struct {
		name         string
		inner        ints
		outerRest    iteratee.Input[int]
		want         int
		join, concat []int // the leftovers of Join and JoinConcat, before 1, 2
		err          error
		failed       []int // the leftovers if it fails
	}{
		{name: "both leave over", inner: iteratee.Done(5, el(9)), outerRest: el(8), want: 5, join: []int{8, 1, 2}, concat: []int{9, 8, 1, 2}},
		{name: "inner leaves over", inner: iteratee.Done(5, el(9)), outerRest: empty, want: 5, join: []int{1, 2}, concat: []int{9, 1, 2}},
		{name: "outer leaves over", inner: iteratee.Done(5, empty), outerRest: el(8), want: 5, join: []int{8, 1, 2}, concat: []int{8, 1, 2}},
		{name: "no leftovers", inner: iteratee.Done(5, empty), outerRest: empty, want: 5, join: []int{1, 2}, concat: []int{1, 2}},
		{name: "inner wants EOF", inner: iteratee.Fold(7, add), outerRest: el(8), want: 7, join: []int{8, 1, 2}, concat: []int{8, 1, 2}},
		{name: "inner leaves EOF over", inner: peek(), outerRest: el(8), want: 0, join: []int{8, 1, 2}, concat: []int{8, 1, 2}},
		{name: "outer leaves EOF over", inner: iteratee.Done(5, el(9)), outerRest: eof, want: 5, join: nil, concat: []int{9}},
		{name: "inner has failed", inner: failing, outerRest: el(8), err: errBoom, failed: []int{8, 1, 2}},
		{name: "inner fails at EOF", inner: failsAtOnce(), outerRest: el(8), err: errBoom, failed: []int{8, 1, 2}},
		{name: "inner is divergent", inner: iteratee.Cont(never), outerRest: el(8), err: iteratee.ErrDivergent, failed: []int{8, 1, 2}},
	} {
		for how, outer := range map[string]iteratee.Iteratee[int, ints]{
			"at once": iteratee.Done(c.inner, c.outerRest),
			"after an element": iteratee.FlatMap(head(), func(int) iteratee.Iteratee[int, ints] {
				return iteratee.Done(c.inner, c.outerRest)
			}),
		} {
			t.Run(c.name+" "+how, func(t *testing.T) {
				in := []int{0, 1, 2}
				if how == "at once" {
					in = in[1:]
				}
				for name, j := range map[string]struct {
					consumer ints
					rest     []int
				}{"Join": {iteratee.Join(outer), c.join}, "JoinConcat": {iteratee.JoinConcat(outer), c.concat}} {
					if c.err != nil {
						assert.ErrorIs(t, failure(t, j.consumer, in...), c.err, name)
						left := iteratee.Recover(j.consumer, func(error) (int, error) { return -1, nil })
						assert.Equal(t, pair[int, []int]{-1, c.failed}, run(t, withRest(left), in...), name)
						continue
					}
					assert.Equal(t, pair[int, []int]{c.want, j.rest}, run(t, withRest(j.consumer), in...), name)
					assert.Equal(t, pair[int, []int]{c.want, j.rest}, run(t, withRest(j.consumer), in...), name+", a second time")
				}
			})
		}
	}
}

func TestJoinOfAFailureStartsNothing(t *testing.T) {
	outer := iteratee.Map(failsAtOnce(), func(int) ints { t.Error("called"); return head() })
	for _, in := range [][]int{{1}, nil} {
		assert.ErrorIs(t, failure(t, iteratee.Join(outer), in...), errBoom)
		assert.ErrorIs(t, failure(t, iteratee.JoinConcat(outer), in...), errBoom)
	}
}

func TestJoinSendsEOFOnce(t *testing.T) {
	inner := &probe.Counted[int, int]{It: iteratee.Fold(0, add)}
	assert.Equal(t, 0, run(t, iteratee.Join(iteratee.Done(inner.Iteratee(), iteratee.Empty[int]())), 1))
	assert.EqualValues(t, 1, inner.EOFs.Load())
	assert.Zero(t, inner.Nexts.Load(), "it is of another stream")
}

func TestJoinConcatLosesNothing(t *testing.T) {
	// Play loses 3 and 4 here.
	behind := enumeratee.ApplyOn(enumeratee.Take[int](4), iteratee.Map(lookAhead(3), func([]int) int { return 0 }))
	assert.Equal(t, []int{1, 2, 3, 4, 5}, run(t, withRest(iteratee.JoinConcat(behind)), 1, 2, 3, 4, 5).B)
}

func TestMapM(t *testing.T) {
	chain := func() ints { return iteratee.FlatMap(head(), func(int) ints { return iteratee.Fold(0, add) }) }
	for name, c := range map[string]struct {
		consumer ints
		in       []int
		want     int
		rest     []int
	}{
		"leaf":        {iteratee.Fold(0, add), []int{1, 2, 3, 4}, 20, nil},
		"chain":       {chain(), []int{1, 2, 3, 4}, 18, nil},
		"early":       {head(), []int{4, 5}, 8, []int{5}},
		"with a rest": {peek(), []int{4, 5}, 8, []int{4, 5}},
		"done":        {iteratee.Done(4, iteratee.Empty[int]()), []int{5}, 8, []int{5}},
		"at EOF":      {iteratee.Fold(0, add), nil, 0, nil},
		"again":       {iteratee.MapM(head(), func(_ context.Context, a int) (int, error) { return a + 1, nil }), []int{4, 5}, 10, []int{5}},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			double := iteratee.MapM(c.consumer, func(_ context.Context, a int) (int, error) { calls++; return 2 * a, nil })
			assert.Equal(t, c.want, run(t, double, c.in...))
			assert.Equal(t, 1, calls)
			assert.Equal(t, pair[int, []int]{c.want, c.rest}, run(t, withRest(double), c.in...))
			assert.Equal(t, 2, calls, "once per run")

			failing := iteratee.MapM(c.consumer, func(context.Context, int) (int, error) { return 0, errBoom })
			assert.ErrorIs(t, failure(t, failing, c.in...), errBoom)
			next := iteratee.FlatMap(failing, func(int) ints { t.Error("called"); return head() })
			assert.ErrorIs(t, failure(t, next, c.in...), errBoom, "the next one is not started")
		})
	}
}

func TestMapMDoesNotCallFAfterAFailure(t *testing.T) {
	for name, consumer := range map[string]ints{
		"leaf":  iteratee.Error[int, int](errBoom, iteratee.Empty[int]()),
		"chain": iteratee.FlatMap(head(), func(int) ints { return failsAtOnce() }),
	} {
		mapped := iteratee.MapM(consumer, func(context.Context, int) (int, error) { t.Error("called: " + name); return 0, nil })
		assert.ErrorIs(t, failure(t, mapped, 1, 2), errBoom, name)
	}
}

func TestFunctionsHaveTheContextOfTheRun(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "here")
	calls := 0
	see := func(ctx context.Context) {
		calls++
		assert.Equal(t, "here", ctx.Value(key{}))
	}
	mapM := func(ctx context.Context, a int) (int, error) { see(ctx); return a, nil }
	for name, consumer := range map[string]ints{
		"MapM of a leaf":  iteratee.MapM(head(), mapM),
		"MapM of a chain": iteratee.MapM(iteratee.FlatMap(head(), func(int) ints { return peek() }), mapM),
		"FoldUntil":       iteratee.FoldUntil(0, func(ctx context.Context, _, _ int) (int, bool, error) { see(ctx); return 0, true, nil }),
		"Defer":           iteratee.Defer(func(ctx context.Context) (ints, error) { see(ctx); return head(), nil }),
	} {
		calls = 0
		_, err := enumerator.Run(ctx, enumerator.Of(1, 2), consumer)
		require.NoError(t, err, name)
		assert.Equal(t, 1, calls, name)
	}
}

func TestDefer(t *testing.T) {
	builds := 0
	// Counts each element in a map, which runs of a Fold cannot share.
	count := iteratee.Defer(func(context.Context) (iteratee.Iteratee[int, map[int]int], error) {
		builds++
		return iteratee.Fold(map[int]int{}, func(m map[int]int, e int) map[int]int { m[e]++; return m }), nil
	})
	assert.Zero(t, builds, "nothing is built before a run")
	assert.Equal(t, map[int]int{1: 2, 2: 1}, run(t, count, 1, 2, 1))
	assert.Equal(t, map[int]int{1: 1}, run(t, count, 1), "a second run starts afresh")
	assert.Equal(t, map[int]int{}, run(t, count))
	assert.Equal(t, 3, builds, "once per run")
}

func TestDeferRunsTheIterateeThatItBuilds(t *testing.T) {
	for name, consumer := range map[string]ints{
		"peek": peek(), "head": head(), "sum": iteratee.Fold(0, add),
		"done":     iteratee.Done(1, iteratee.El(9)),
		"deferred": iteratee.Defer(func(context.Context) (ints, error) { return peek(), nil }),
	} {
		deferred := iteratee.Defer(func(context.Context) (ints, error) { return consumer, nil })
		assert.Equal(t, run(t, withRest(consumer), 1, 2), run(t, withRest(deferred), 1, 2), name)
		assert.Equal(t, run(t, withRest(consumer)), run(t, withRest(deferred)), name+" at EOF")
	}
}

func TestDeferThatFails(t *testing.T) {
	for name, built := range map[string]ints{"with nothing": {}, "with something": head()} {
		source := &probe.Source{N: -1}
		_, err := enumerator.Run(t.Context(), source.Enumerator(), iteratee.Defer(func(context.Context) (ints, error) { return built, errBoom }))
		assert.ErrorIs(t, err, errBoom, name)
		assert.Zero(t, source.Starts.Load(), name)
	}
	errs := errors.Join(errBoom, errors.New("other"))
	assert.ErrorIs(t, failure(t, iteratee.Defer(func(context.Context) (ints, error) { return ints{}, errs })), errBoom, "its cause stays in sight")
}
