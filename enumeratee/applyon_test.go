package enumeratee_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func toInt() enumeratee.Enumeratee[string, int] {
	return enumeratee.MapM(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
}

// fedOn feeds es to consumer through adapter, then more to the Iteratee that ApplyOn ends with.
func fedOn[From, A any](t *testing.T, adapter enumeratee.Enumeratee[From, int], consumer iteratee.Iteratee[int, A], es []From, more ...int) (A, error) {
	t.Helper()
	applied := enumeratee.ApplyOn(adapter, consumer)
	return enumerator.Run(t.Context(), enumerator.Of(es...), iteratee.Join(iteratee.Map(applied, func(inner iteratee.Iteratee[int, A]) iteratee.Iteratee[int, A] {
		return iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[int, A], error) {
			return enumerator.Apply(ctx, enumerator.Of(more...), inner), nil
		})
	})))
}

func TestApplyOn(t *testing.T) {
	consumer := &probe.Counted[int, int]{It: sum()}
	got, err := fedOn(t, toInt(), consumer.Iteratee(), []string{"1", "2", "3", "4"}, 5, 6, 7)
	require.NoError(t, err)
	assert.Equal(t, 28, got)
	assert.EqualValues(t, 1, consumer.EOFs.Load(), "EOF comes at the end only")

	got, err = fedOn(t, toInt(), sum(), nil, 5)
	require.NoError(t, err)
	assert.Equal(t, 5, got, "EOF at once")
	got, err = fedOn(t, enumeratee.Take[int](0), sum(), []int{1, 2}, 5)
	require.NoError(t, err)
	assert.Equal(t, 5, got, "stopped at once")
	got, err = fedOn(t, enumeratee.PassAlong[int](), iteratee.Done(3, iteratee.Empty[int]()), []int{1, 2}, 5)
	require.NoError(t, err)
	assert.Equal(t, 3, got, "done at once")
}

func TestApplyOnLeftovers(t *testing.T) {
	for name, c := range map[string]struct {
		adapter  enumeratee.Enumeratee[int, int]
		consumer iteratee.Iteratee[int, []int]
		want     []int
		rest     []int
	}{
		"stopped":         {enumeratee.TakeWhile(below(3)), iteratee.Collect[int](), []int{1, 2}, []int{3, 4}},
		"taken":           {enumeratee.Take[int](1), iteratee.Collect[int](), []int{1}, []int{2, 3, 4}},
		"done":            {enumeratee.PassAlong[int](), iteratee.TakeUpTo[int](1), []int{1}, []int{2, 3, 4}},
		"done at once":    {enumeratee.PassAlong[int](), iteratee.TakeUpTo[int](0), nil, []int{1, 2, 3, 4}},
		"inner leaves it": {enumeratee.PassAlong[int](), iteratee.Map(peek[int](), func(bool) []int { return nil }), nil, []int{1, 2, 3, 4}},
		"all":             {enumeratee.PassAlong[int](), iteratee.Collect[int](), []int{1, 2, 3, 4}, nil},
		"two, one behind": {enumeratee.Compose(enumeratee.PassAlong[int](), enumeratee.TakeWhile(below(3))), iteratee.Collect[int](), []int{1, 2}, []int{3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				var got []int
				rest, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3, 4),
					iteratee.FlatMap(iteratee.Join(enumeratee.ApplyOn(c.adapter, c.consumer)), func(es []int) iteratee.Iteratee[int, []int] {
						got = es
						return iteratee.Collect[int]()
					}))
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.rest, rest)
			}
		})
	}
}

func TestApplyOnKeepsTheFailureOfTheConsumer(t *testing.T) {
	failing := iteratee.FoldM(0, func(context.Context, int, int) (int, error) { return 0, errBoom })
	var ended iteratee.Step
	rest, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3), iteratee.FlatMap(enumeratee.ApplyOn(enumeratee.PassAlong[int](), failing), func(inner iteratee.Iteratee[int, int]) iteratee.Iteratee[int, []int] {
		_, ended = inner.Start(t.Context())
		return iteratee.Collect[int]()
	}))
	require.NoError(t, err, "its failure is its own")
	assert.ErrorIs(t, ended.Err(), errBoom)
	assert.Equal(t, []int{2, 3}, rest)
	_, err = fedOn(t, enumeratee.PassAlong[int](), failing, []int{1}, 2)
	assert.ErrorIs(t, err, errBoom)
	_, err = fedOn(t, enumeratee.PassAlong[int](), iteratee.Error[int, int](errBoom, iteratee.Empty[int]()), []int{1}, 2)
	assert.ErrorIs(t, err, errBoom, "from the start")
}

func TestApplyOnFailsWithTheAdapter(t *testing.T) {
	_, err := fedOn(t, toInt(), sum(), []string{"1", "two"}, 5)
	assert.ErrorIs(t, err, strconv.ErrSyntax)
	_, err = fedOn(t, enumeratee.OnEOF[int](func(context.Context) error { return errBoom }), sum(), []int{1})
	assert.ErrorIs(t, err, errBoom, "at the end")
}

func TestDefer(t *testing.T) {
	builds := 0
	// Drops elements that were seen before. Attachments cannot share the map.
	distinct := enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[int, int], error) {
		builds++
		seen := map[int]bool{}
		return enumeratee.Filter(func(e int) bool { was := seen[e]; seen[e] = true; return !was }), nil
	})
	for range 2 {
		assert.Equal(t, []int{1, 2, 3}, through(t, distinct, 1, 2, 1, 3, 2))
	}
	assert.Nil(t, through(t, distinct))
	assert.Equal(t, 3, builds, "once per attachment")
	_, rest := split(t, distinct, peek[int](), 1, 2)
	assert.Equal(t, []int{1, 2}, rest)

	source := &probe.Source{N: -1}
	failing := enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[int, int], error) { return distinct, errBoom })
	_, err := enumerator.Run(t.Context(), enumerator.Through(source.Enumerator(), failing), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom)
	_, err = enumerator.Run(t.Context(), source.Enumerator(), enumeratee.Transform(failing, iteratee.Collect[int]()))
	assert.ErrorIs(t, err, errBoom)
	assert.Zero(t, source.Starts.Load())
}

func TestComposeOfSeveral(t *testing.T) {
	app := func(s string) enumeratee.Enumeratee[string, string] {
		return enumeratee.Map(func(e string) string { return e + s })
	}
	a, b, c, d, e := enumeratee.Map(strconv.Itoa), app("b"), app("c"), app("d"), app("e")
	length := enumeratee.Map(func(s string) int { return len(s) })
	assert.Equal(t, []string{"1bc", "2bc"}, through(t, enumeratee.Compose3(a, b, c), 1, 2))
	assert.Equal(t, []string{"1bcd", "2bcd"}, through(t, enumeratee.Compose4(a, b, c, d), 1, 2))
	assert.Equal(t, []string{"1bcde", "2bcde"}, through(t, enumeratee.Compose5(a, b, c, d, e), 1, 2))
	assert.Equal(t, []int{5, 6}, through(t, enumeratee.Compose6(a, b, c, d, e, length), 1, 22))

	one, pass := enumeratee.Take[int](1), enumeratee.PassAlong[int]()
	small := enumeratee.TakeWhile(below(2))
	for name, adapter := range map[string]enumeratee.Enumeratee[int, int]{
		"3": enumeratee.Compose3(pass, small, pass), "4": enumeratee.Compose4(pass, pass, small, pass),
		"5": enumeratee.Compose5(pass, pass, pass, pass, one), "6": enumeratee.Compose6(one, pass, pass, pass, pass, small),
	} {
		for range 2 {
			got, rest := split(t, adapter, iteratee.Collect[int](), 1, 2, 3)
			assert.Equal(t, []int{1}, got, name)
			assert.Equal(t, []int{2, 3}, rest, name)
		}
		_, rest := split(t, adapter, peek[int](), 1, 2, 3)
		assert.Equal(t, []int{1, 2, 3}, rest, name)
		assert.Nil(t, through(t, adapter), name)
	}
}
