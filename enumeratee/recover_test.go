package enumeratee_test

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

// eighth maps x to 8/x, which fails on 0.
func eighth() enumeratee.Enumeratee[int, int] {
	return enumeratee.MapM(func(_ context.Context, e int) (int, error) {
		if e == 0 {
			return 0, errBoom
		}
		return 8 / e, nil
	})
}

func TestRecover(t *testing.T) {
	for name, c := range map[string]struct {
		in, want []int
		calls    int
	}{
		"on the first": {[]int{0, 2, 4}, []int{4, 2}, 1},
		"in between":   {[]int{2, 0, 4}, []int{4, 2}, 1},
		"on the last":  {[]int{2, 4, 0}, []int{4, 2}, 1},
		"on all":       {[]int{0, 0}, nil, 2},
		"never":        {[]int{2, 4}, []int{4, 2}, 0},
		"EOF at once":  {nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			adapter := enumeratee.Recover(eighth(), func(_ context.Context, err error, at iteratee.Input[int]) error {
				calls++
				assert.ErrorIs(t, err, errBoom)
				assert.Equal(t, iteratee.El(0), at)
				return nil
			})
			assert.Equal(t, c.want, through(t, adapter, c.in...))
			assert.Equal(t, c.calls, calls)
			got, rest := split(t, adapter, iteratee.Collect[int](), c.in...)
			assert.Equal(t, c.want, got)
			assert.Empty(t, rest)
			assert.Equal(t, 2*c.calls, calls, "a second run starts afresh")
		})
	}
}

// pass is a callback that must not be called.
func pass(t *testing.T) func(context.Context, error, iteratee.Input[int]) error {
	return func(_ context.Context, err error, _ iteratee.Input[int]) error { t.Error("called"); return err }
}

func TestRecoverGivesUp(t *testing.T) {
	errOther := errors.New("other")
	calls := 0
	source := &probe.Source{N: -1}
	failing := enumeratee.MapM(func(context.Context, int) (int, error) { return 0, errBoom })
	_, err := enumerator.Run(t.Context(), enumerator.Through(source.Enumerator(), enumeratee.Recover(failing, func(context.Context, error, iteratee.Input[int]) error {
		if calls++; calls == 2 {
			return errOther
		}
		return nil
	})), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errOther)
	assert.Equal(t, 2, calls)
	assert.EqualValues(t, 2, source.Pulls.Load())
}

func TestRecoverLetsTheErrorsOfOthersPass(t *testing.T) {
	failing := iteratee.FoldM(0, func(context.Context, int, int) (int, error) { return 0, errBoom })
	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1, 2), enumeratee.Recover(eighth(), pass(t))), failing)
	assert.ErrorIs(t, err, errBoom, "of the consumer")
	_, err = enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(0), enumeratee.Compose(eighth(), enumeratee.Recover(eighth(), pass(t)))), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom, "of an adapter before it")
	_, err = enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(8, 16), enumeratee.Compose(enumeratee.Recover(eighth(), pass(t)), eighth())), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom, "of an adapter behind it")
	broken := enumerator.Generate(func(context.Context) (int, bool, error) { return 0, false, errBoom })
	_, err = enumerator.Run(t.Context(), enumerator.Through(broken, enumeratee.Recover(eighth(), pass(t))), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom, "of the source")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancelling := enumeratee.MapM(func(ctx context.Context, e int) (int, error) { cancel(errBoom); return e, context.Cause(ctx) })
	_, err = enumerator.Run(ctx, enumerator.Through(enumerator.Of(1, 2), enumeratee.Recover(cancelling, pass(t))), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom, "of the context")

	panicking := enumeratee.Map(func(int) int { panic("map") })
	assert.PanicsWithValue(t, "map", func() {
		_, _ = enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1), enumeratee.Recover(panicking, pass(t))), iteratee.Collect[int]())
	})
}

func TestRecoverStartsAfresh(t *testing.T) {
	goOn := func(context.Context, error, iteratee.Input[int]) error { return nil }
	sums := enumeratee.Compose(enumeratee.ScanLeft(0, func(a, e int) int { return a + e }), enumeratee.MapM(func(_ context.Context, e int) (int, error) {
		if e > 3 {
			return 0, errBoom
		}
		return e, nil
	}))
	assert.Equal(t, []int{1, 3, 1, 3}, through(t, enumeratee.Recover(sums, goOn), 1, 2, 9, 1, 2), "the elements that it held are lost")

	take := enumeratee.Compose(eighth(), enumeratee.Take[int](2))
	got, rest := split(t, enumeratee.Recover(take, goOn), iteratee.Collect[int](), 1, 0, 2, 4, 8)
	assert.Equal(t, []int{8, 4, 2}, got)
	assert.Equal(t, []int{8}, rest, "a Stop is not a failure")
	_, rest = split(t, enumeratee.Recover(eighth(), goOn), peek[int](), 0, 2, 4)
	assert.Equal(t, []int{2, 4}, rest, "its leftovers")
}

func TestRecoverAtTheEnd(t *testing.T) {
	failing := iteratee.FlatMap(sum(), func(int) iteratee.Iteratee[int, int] { return iteratee.Error[int, int](errBoom, iteratee.Empty[int]()) })
	calls := 0
	adapter := enumeratee.Recover(enumeratee.Grouped(failing), func(_ context.Context, err error, at iteratee.Input[int]) error {
		calls++
		assert.ErrorIs(t, err, errBoom)
		assert.Equal(t, iteratee.EOF[int](), at)
		return nil
	})
	got, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1, 2), adapter).AndThen(enumerator.Of(9)), iteratee.Collect[int]())
	require.NoError(t, err)
	assert.Equal(t, []int{9}, got, "the consumer stays open")
	assert.Equal(t, 1, calls)
	_, err = enumerator.Run(t.Context(), enumerator.Of(1, 2), enumeratee.Transform(adapter, iteratee.Collect[int]()))
	require.NoError(t, err)
	assert.Equal(t, 2, calls)
}

func TestRecoverOfAFailureAtTheEndHappensOnce(t *testing.T) {
	calls := 0
	adapter := enumeratee.Recover(enumeratee.OnEOF[int](func(context.Context) error { return errBoom }),
		func(context.Context, error, iteratee.Input[int]) error { calls++; return nil })
	got, err := enumerator.Run(t.Context(), enumerator.Of(1, 2), enumeratee.Transform(adapter, iteratee.Collect[int]()))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2}, got)
	assert.Equal(t, 1, calls)
}

func TestRecoverClosesAnAdapterThatHasFailed(t *testing.T) {
	open, most := 0, 0
	opening := enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[int, int], error) {
		open++
		most = max(most, open)
		fails := enumeratee.MapM(func(_ context.Context, e int) (int, error) { return e, errBoom })
		return enumeratee.Compose(enumeratee.OnDone[int](func() { open-- }), fails), nil
	})
	adapter := enumeratee.Recover(opening, func(context.Context, error, iteratee.Input[int]) error { return nil })
	assert.Empty(t, through(t, adapter, 1, 2, 3))
	assert.Zero(t, open)
	assert.Equal(t, 1, most, "one at a time")
}

// A source within the adapter sends EOF, on which the consumer fails.
func TestRecoverDoesNotRecoverFromAConsumerThatFailsAtEOF(t *testing.T) {
	ends := enumerator.MapFlatten(func(int) enumerator.Enumerator[int] { return enumerator.FromInput(iteratee.EOF[int]()) })
	adapter := enumeratee.Recover(ends, func(_ context.Context, err error, _ iteratee.Input[int]) error {
		t.Error("recovered from", err)
		return nil
	})
	fails := iteratee.Cont(func(in iteratee.Input[int]) iteratee.Iteratee[int, int] { return iteratee.Error[int, int](errBoom, in) })
	_, err := enumerator.Run(t.Context(), enumerator.Of(1, 2), enumeratee.Transform(adapter, fails))
	assert.Equal(t, errBoom, err)
}

// A source within the adapter waits when the consumer ends in a goroutine. That is not a failure of the adapter.
func TestRecoverOfASourceThatWaits(t *testing.T) {
	for name, adapter := range map[string]tee{
		"alone":           flattenAndWait,
		"before a Buffer": enumeratee.Compose(flattenAndWait, enumeratee.Buffer[int](1)),
		"behind a Buffer": enumeratee.Compose(enumeratee.Buffer[int](1), flattenAndWait),
	} {
		t.Run(name, func(t *testing.T) {
			endsBehindABuffer(t, enumeratee.Recover(adapter, func(_ context.Context, err error, _ iteratee.Input[int]) error {
				t.Error("recovered from", err)
				return nil
			}))
		})
	}
}
