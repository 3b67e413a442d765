package enumeratee_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestOnEOF(t *testing.T) {
	for name, c := range map[string]struct {
		before   enumeratee.Enumeratee[int, int]
		consumer iteratee.Iteratee[int, []int]
		in       []int
		calls    int
		want     []int
	}{
		"ran out":           {enumeratee.PassAlong[int](), iteratee.Collect[int](), []int{1, 2, 3}, 1, []int{1, 2, 3}},
		"EOF at once":       {enumeratee.PassAlong[int](), iteratee.Collect[int](), nil, 1, nil},
		"the one before it": {enumeratee.Take[int](1), iteratee.Collect[int](), []int{1, 2}, 1, []int{1}},
		"consumer is done":  {enumeratee.PassAlong[int](), iteratee.TakeUpTo[int](1), []int{1, 2}, 0, []int{1}},
		"done on the last":  {enumeratee.PassAlong[int](), iteratee.TakeUpTo[int](1), []int{1}, 0, []int{1}},
		"done in the flush": {enumeratee.Grouped(sum()), iteratee.TakeUpTo[int](1), []int{1, 2}, 0, []int{3}},
		"after the flush":   {enumeratee.Grouped(sum()), iteratee.Collect[int](), []int{1, 2}, 1, []int{3}},
		"done at once":      {enumeratee.PassAlong[int](), iteratee.TakeUpTo[int](0), []int{1}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			adapter := enumeratee.Compose(c.before, enumeratee.OnEOF[int](func(context.Context) error { calls++; return nil }))
			for i := range 2 {
				got, err := enumerator.Run(t.Context(), enumerator.Of(c.in...), enumeratee.Transform(adapter, c.consumer))
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.calls*(2*i+1), calls, "in Transform")
				got, err = enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(c.in...), adapter), c.consumer)
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.calls*(2*i+2), calls, "in Through")
			}
		})
	}
	_, rest := split(t, enumeratee.OnEOF[int](func(context.Context) error { return errBoom }), peek[int](), 1, 2)
	assert.Equal(t, []int{1, 2}, rest)
}

func TestOnEOFErrors(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "here")
	failing := enumeratee.OnEOF[int](func(ctx context.Context) error {
		assert.Equal(t, "here", ctx.Value(key{}))
		return errBoom
	})
	_, err := enumerator.Run(ctx, enumerator.Through(enumerator.Of(1), failing), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom)
	_, err = enumerator.Run(ctx, enumerator.Of(1), enumeratee.Transform(failing, iteratee.Collect[int]()))
	assert.ErrorIs(t, err, errBoom)
}

// placements has the places where an adapter can be attached, each of them once.
func placements(adapter enumeratee.Enumeratee[int, int]) map[string]func(context.Context, enumerator.Enumerator[int], iteratee.Iteratee[int, int]) (int, error) {
	pass := enumeratee.PassAlong[int]()
	through := func(adapter enumeratee.Enumeratee[int, int]) func(context.Context, enumerator.Enumerator[int], iteratee.Iteratee[int, int]) (int, error) {
		return func(ctx context.Context, source enumerator.Enumerator[int], consumer iteratee.Iteratee[int, int]) (int, error) {
			return enumerator.Run(ctx, enumerator.Through(source, adapter), consumer)
		}
	}
	return map[string]func(context.Context, enumerator.Enumerator[int], iteratee.Iteratee[int, int]) (int, error){
		"Through":       through(adapter),
		"first of two":  through(enumeratee.Compose(adapter, pass)),
		"second of two": through(enumeratee.Compose(pass, adapter)),
		"deferred":      through(enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[int, int], error) { return adapter, nil })),
		"recovered":     through(enumeratee.Recover(adapter, func(_ context.Context, err error, _ iteratee.Input[int]) error { return err })),
		"Transform": func(ctx context.Context, source enumerator.Enumerator[int], consumer iteratee.Iteratee[int, int]) (int, error) {
			return enumerator.Run(ctx, source, enumeratee.Transform(adapter, consumer))
		},
		"ApplyOn": func(ctx context.Context, source enumerator.Enumerator[int], consumer iteratee.Iteratee[int, int]) (int, error) {
			return enumerator.Run(ctx, source, iteratee.Join(enumeratee.ApplyOn(adapter, consumer)))
		},
		"one of a zip": func(ctx context.Context, source enumerator.Enumerator[int], consumer iteratee.Iteratee[int, int]) (int, error) {
			return enumerator.Run(ctx, source, iteratee.ZipWith(iteratee.Done(0, iteratee.Empty[int]()), enumeratee.Transform(adapter, consumer), func(_, a int) int { return a }))
		},
		"Apply": func(ctx context.Context, source enumerator.Enumerator[int], consumer iteratee.Iteratee[int, int]) (int, error) {
			return enumerator.Run(ctx, enumerator.Empty[int](), enumerator.Apply(ctx, source, enumeratee.Transform(adapter, consumer)))
		},
	}
}

func TestOnDoneHoweverTheRunEnds(t *testing.T) {
	fold := func(f func() error) iteratee.Iteratee[int, int] {
		return iteratee.FoldM(0, func(_ context.Context, a, e int) (int, error) { return a + e, f() })
	}
	first := iteratee.Map(iteratee.Head[int](), func(e *int) int { return *e })
	for name, c := range map[string]struct {
		source   enumerator.Enumerator[int]
		consumer func(cancel func()) iteratee.Iteratee[int, int]
		err      error
		panics   any
	}{
		"done early":      {source: enumerator.Of(1, 2), consumer: func(func()) iteratee.Iteratee[int, int] { return first }},
		"ran out":         {source: enumerator.Of(1, 2), consumer: func(func()) iteratee.Iteratee[int, int] { return sum() }},
		"empty":           {source: enumerator.Empty[int](), consumer: func(func()) iteratee.Iteratee[int, int] { return sum() }},
		"source fails":    {source: enumerator.Generate(func(context.Context) (int, bool, error) { return 0, false, errBoom }), consumer: func(func()) iteratee.Iteratee[int, int] { return sum() }, err: errBoom},
		"consumer fails":  {source: enumerator.Of(1, 2), consumer: func(func()) iteratee.Iteratee[int, int] { return fold(func() error { return errBoom }) }, err: errBoom},
		"cancelled":       {source: enumerator.Of(1, 2), consumer: func(cancel func()) iteratee.Iteratee[int, int] { return fold(func() error { cancel(); return nil }) }, err: errBoom},
		"consumer panics": {source: enumerator.Of(1, 2), consumer: func(func()) iteratee.Iteratee[int, int] { return fold(func() error { panic("next") }) }, panics: "next"},
		"source panics":   {source: enumerator.Repeat(func() int { panic("pull") }), consumer: func(func()) iteratee.Iteratee[int, int] { return sum() }, panics: "pull"},
	} {
		calls := 0
		for place, drive := range placements(enumeratee.OnDone[int](func() { calls++ })) {
			t.Run(name+", "+place, func(t *testing.T) {
				calls = 0
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var err error
				run := func() { _, err = drive(ctx, c.source, c.consumer(func() { cancel(errBoom) })) }
				if c.panics != nil {
					assert.PanicsWithValue(t, c.panics, run)
				} else {
					run()
				}
				assert.ErrorIs(t, err, c.err)
				assert.Equal(t, 1, calls, "before Run returns")
			})
		}
	}
}

func TestOnDoneIsNotCalledBeforeAConsumerThatIsDone(t *testing.T) {
	for place, drive := range placements(enumeratee.OnDone[int](func() { t.Error("called") })) {
		got, err := drive(t.Context(), enumerator.Of(1, 2), iteratee.Done(5, iteratee.Empty[int]()))
		require.NoError(t, err, place)
		assert.Equal(t, 5, got, place)
	}
}

func TestOnDoneOncePerAttachment(t *testing.T) {
	calls := 0
	var at []int // the number of calls at each result
	two := enumeratee.Transform(enumeratee.Compose(enumeratee.OnDone[int](func() { calls++ }), enumeratee.Take[int](2)), iteratee.Collect[int]())
	rounds := iteratee.Repeat(iteratee.Map(two, func(es []int) []int { at = append(at, calls); return es }))
	got, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3, 4, 5), rounds)
	require.NoError(t, err)
	assert.Equal(t, [][]int{{1, 2}, {3, 4}, {5}}, got)
	assert.Equal(t, 3, calls)
	assert.Equal(t, []int{1, 2, 3}, at, "when its round is over")
}

func TestOnDoneChangesNothing(t *testing.T) {
	assert.Equal(t, []int{1, 2}, through(t, enumeratee.OnDone[int](func() {}), 1, 2))
	_, rest := split(t, enumeratee.OnDone[int](func() {}), peek[int](), 1, 2)
	assert.Equal(t, []int{1, 2}, rest)
}

func TestStageAtEnd(t *testing.T) {
	ctx, end := iteratee.NewRun(t.Context())
	var calls []int
	fill := func(panicAt int) enumeratee.Stage {
		calls = nil
		stage := enumeratee.NewStage(ctx)
		for i := range 3 {
			stage.AtEnd(func() {
				calls = append(calls, i)
				if i == panicAt {
					panic("close")
				}
			})
		}
		return stage
	}
	stage := fill(-1)
	assert.Empty(t, calls)
	stage.End()
	assert.Equal(t, []int{2, 1, 0}, calls, "last first")
	stage.End()
	assert.Len(t, calls, 3, "once")

	stage = fill(1)
	assert.PanicsWithValue(t, "close", stage.End)
	assert.Equal(t, []int{2, 1, 0}, calls, "the others too, if one panics")
	stage.End()
	assert.Len(t, calls, 3, "once")

	stage = fill(-1)
	end()
	assert.Equal(t, []int{2, 1, 0}, calls, "the end of the run does it too")
	stage.End()
	assert.Len(t, calls, 3, "once")

	enumeratee.NewStage(ctx).End() // nothing to call
	const advice = "iteratee: AtEnd: the context does not come from a run; to drive an Iteratee by hand, make one with NewRun"
	assert.PanicsWithValue(t, advice, func() { enumeratee.NewStage(t.Context()).AtEnd(func() {}) })
}
