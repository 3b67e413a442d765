package iteratee_test

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

func TestAtEndIsCalledLastFirst(t *testing.T) {
	ctx, end := iteratee.NewRun(t.Context())
	var calls []int
	for i := range 3 {
		iteratee.AtEnd(ctx, func() { calls = append(calls, i) })
	}
	assert.Empty(t, calls)
	end()
	assert.Equal(t, []int{2, 1, 0}, calls)
	end()
	assert.Equal(t, []int{2, 1, 0}, calls, "once")
}

func TestAtEndNow(t *testing.T) {
	ctx, end := iteratee.NewRun(t.Context())
	var calls []string
	iteratee.AtEnd(ctx, func() { calls = append(calls, "first") })
	now := iteratee.AtEnd(ctx, func() { calls = append(calls, "second") })
	iteratee.AtEnd(ctx, func() { calls = append(calls, "third") })
	now()
	assert.Equal(t, []string{"second"}, calls)
	now()
	assert.Equal(t, []string{"second"}, calls, "once")
	end()
	assert.Equal(t, []string{"second", "third", "first"}, calls)
	now()
	assert.Len(t, calls, 3, "not after the end either")
}

func TestAtEndIsCalledEvenIfAnotherPanics(t *testing.T) {
	ctx, end := iteratee.NewRun(t.Context())
	var calls []int
	for i := range 4 {
		iteratee.AtEnd(ctx, func() {
			calls = append(calls, i)
			if i == 2 {
				panic("close")
			}
		})
	}
	assert.PanicsWithValue(t, "close", end)
	assert.Equal(t, []int{3, 2, 1, 0}, calls)
	end()
	assert.Len(t, calls, 4, "once")
}

func TestAtEndPanicsWithoutARun(t *testing.T) {
	const advice = "iteratee: AtEnd: the context does not come from a run; to drive an Iteratee by hand, make one with NewRun"
	assert.PanicsWithValue(t, advice, func() { iteratee.AtEnd(t.Context(), func() { t.Error("called") }) })
}

func TestAtEndFindsItsRun(t *testing.T) {
	type key struct{}
	outer, endOuter := iteratee.NewRun(context.WithValue(t.Context(), key{}, "here"))
	derived, cancel := context.WithCancel(outer)
	defer cancel()
	inner, endInner := iteratee.NewRun(derived)
	assert.Equal(t, "here", inner.Value(key{}))

	var calls []string
	iteratee.AtEnd(derived, func() { calls = append(calls, "outer") })
	iteratee.AtEnd(inner, func() { calls = append(calls, "inner") })
	endInner()
	assert.Equal(t, []string{"inner"}, calls)
	endOuter()
	assert.Equal(t, []string{"inner", "outer"}, calls)

	cancel()
	assert.ErrorIs(t, inner.Err(), context.Canceled, "it ends with its parent")
}

func TestAtEndFromSeveralGoroutines(t *testing.T) {
	ctx, end := iteratee.NewRun(t.Context())
	var calls atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				now := iteratee.AtEnd(ctx, func() { calls.Add(1) })
				if i%2 == 0 {
					now()
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 400, calls.Load())
	end()
	assert.EqualValues(t, 800, calls.Load())
}

func TestAtEndHoweverTheRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	failing := enumerator.Generate(func(context.Context) (int, bool, error) { return 0, false, errBoom })
	each := func(f func() error) iteratee.Iteratee[int, struct{}] {
		return iteratee.ForEach(func(context.Context, int) error { return f() })
	}
	unit := func(consumer ints) iteratee.Iteratee[int, struct{}] {
		return iteratee.Map(consumer, func(int) struct{} { return struct{}{} })
	}
	for name, c := range map[string]struct {
		ctx      context.Context
		source   enumerator.Enumerator[int]
		consumer iteratee.Iteratee[int, struct{}]
		err      error
		panics   any
	}{
		"done early":       {source: enumerator.Of(1, 2), consumer: unit(head())},
		"ran out":          {source: enumerator.Of(1, 2), consumer: iteratee.Ignore[int]()},
		"empty":            {source: enumerator.Empty[int](), consumer: iteratee.Ignore[int]()},
		"done at once":     {source: enumerator.Of(1, 2), consumer: unit(iteratee.Done(1, iteratee.Empty[int]()))},
		"source fails":     {source: failing, consumer: iteratee.Ignore[int](), err: errBoom},
		"consumer fails":   {source: enumerator.Of(1, 2), consumer: each(func() error { return errBoom }), err: errBoom},
		"failed at once":   {source: enumerator.Of(1, 2), consumer: unit(iteratee.Error[int, int](errBoom, iteratee.Empty[int]())), err: errBoom},
		"result fails":     {source: enumerator.Of(1, 2), consumer: iteratee.MapM(head(), func(context.Context, int) (struct{}, error) { return struct{}{}, errBoom }), err: errBoom},
		"cancelled":        {ctx: ctx, source: enumerator.Of(1, 2), consumer: each(func() error { cancel(errBoom); return nil }), err: errBoom},
		"consumer panics":  {source: enumerator.Of(1, 2), consumer: each(func() error { panic("next") }), panics: "next"},
		"source panics":    {source: enumerator.Repeat(func() int { panic("pull") }), consumer: iteratee.Ignore[int](), panics: "pull"},
		"start panics":     {source: enumerator.Of(1), consumer: iteratee.Defer(func(context.Context) (iteratee.Iteratee[int, struct{}], error) { panic("start") }), panics: "start"},
		"recovered within": {source: enumerator.Of(1, 2), consumer: unit(iteratee.Recover(failsAtOnce(), func(error) (int, error) { return 0, nil }))},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []string
			consumer := iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[int, struct{}], error) {
				iteratee.AtEnd(ctx, func() { calls = append(calls, "first") })
				iteratee.AtEnd(ctx, func() { calls = append(calls, "second") })
				return c.consumer, nil
			})
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			var err error
			drive := func() { _, err = enumerator.Run(c.ctx, c.source, consumer) }
			if c.panics != nil {
				assert.PanicsWithValue(t, c.panics, drive)
			} else {
				drive()
			}
			assert.ErrorIs(t, err, c.err)
			assert.Equal(t, []string{"second", "first"}, calls, "before Run returns")
		})
	}
}

// The contexts of one run, from the inside out.
func TestFail(t *testing.T) {
	type contexts struct{ run, part, ofPart, sub, derived, failable context.Context }
	fresh := func() contexts {
		run, end := iteratee.NewRun(t.Context())
		t.Cleanup(end)
		var c contexts
		c.run = run
		part := scope.NewPart(run, nil)
		t.Cleanup(part.End)
		c.part = part
		ofPart := scope.NewPart(run, part)
		t.Cleanup(ofPart.End)
		c.ofPart = ofPart
		sub := scope.NewWithin(run, true)
		t.Cleanup(sub.End)
		c.sub = sub
		c.derived = context.WithValue(run, errBoom, nil)
		c.failable, end = scope.Failable(c.derived)
		t.Cleanup(end)
		return c
	}
	for name, tt := range map[string]struct {
		which func(contexts) context.Context
		ended func(contexts) []context.Context
		lives func(contexts) []context.Context
	}{
		"a run": {
			func(c contexts) context.Context { return c.run },
			func(c contexts) []context.Context {
				return []context.Context{c.run, c.part, c.ofPart, c.sub, c.derived, c.failable}
			},
			func(contexts) []context.Context { return nil },
		},
		"a part": {
			func(c contexts) context.Context { return c.part },
			func(c contexts) []context.Context { return []context.Context{c.part} },
			func(c contexts) []context.Context {
				return []context.Context{c.run, c.ofPart, c.sub, c.derived, c.failable}
			},
		},
		"a part of a part": {
			func(c contexts) context.Context { return c.ofPart },
			func(c contexts) []context.Context { return []context.Context{c.ofPart, c.part} },
			func(c contexts) []context.Context { return []context.Context{c.run, c.sub, c.derived} },
		},
		"a run within": {
			func(c contexts) context.Context { return c.sub },
			func(c contexts) []context.Context { return []context.Context{c.sub, c.run, c.derived} },
			func(contexts) []context.Context { return nil },
		},
		"a context made of that of the run": {
			func(c contexts) context.Context { return c.derived },
			func(contexts) []context.Context { return nil },
			func(c contexts) []context.Context { return []context.Context{c.run, c.derived} },
		},
		"one made failable": {
			func(c contexts) context.Context { return c.failable },
			func(c contexts) []context.Context { return []context.Context{c.failable} },
			func(c contexts) []context.Context { return []context.Context{c.run, c.derived} },
		},
	} {
		for _, watched := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				c := fresh()
				if watched { // something waits for the context already
					for _, ctx := range append(tt.ended(c), tt.lives(c)...) {
						ctx.Done()
					}
				}
				scope.Fail(tt.which(c), errBoom)
				scope.Fail(tt.which(c), context.Canceled) // the first failure is the cause
				for i, ctx := range tt.ended(c) {
					assert.Equal(t, errBoom, context.Cause(ctx), "%d", i)
					assert.ErrorIs(t, ctx.Err(), context.Canceled, "%d", i)
					<-ctx.Done()
				}
				for i, ctx := range tt.lives(c) {
					assert.NoError(t, ctx.Err(), "%d", i)
					assert.NoError(t, context.Cause(ctx), "%d", i)
				}
			})
		}
	}
}

func TestFailOfARunThatWasStopped(t *testing.T) {
	outer, cancel := context.WithCancelCause(t.Context())
	run, end := iteratee.NewRun(t.Context())
	defer end()
	own, cancelOwn := context.WithCancel(run)
	part := scope.NewPart(own, run)
	defer part.End()
	cancelOwn()
	scope.Fail(part, errBoom)
	assert.NoError(t, run.Err(), "a run that was stopped has not failed")

	run, end = iteratee.NewRun(outer)
	defer end()
	cancel(io.EOF)
	scope.Fail(run, errBoom)
	assert.Equal(t, io.EOF, context.Cause(run))
}

// A wait for the context of a run ends with the run.
func TestAContextWithAWaiterEndsWithItsRun(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	run, end := iteratee.NewRun(parent)
	derived, cancelDerived := context.WithCancel(run)
	defer cancelDerived()
	end()
	<-run.Done()
	<-derived.Done()
	assert.NoError(t, parent.Err())
}

// A wait that begins when the run is over ends at once.
func TestAContextWithALateWaiterHasEnded(t *testing.T) {
	type key struct{}
	parent := context.WithValue(t.Context(), key{}, "value")
	run, end := iteratee.NewRun(parent)
	part := scope.NewPart(run, nil)
	part.End()
	assert.NoError(t, run.Err())
	end()
	for name, ctx := range map[string]context.Context{"run": run, "part": part} {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		<-ctx.Done()
		<-derived.Done()
		assert.ErrorIs(t, ctx.Err(), context.Canceled, name)
		assert.EqualError(t, context.Cause(ctx), "iteratee: the run is over", name)
		assert.Equal(t, "value", ctx.Value(key{}), name)
	}
	assert.NoError(t, parent.Err())
}

// A run whose context is only asked needs no other context.
func TestARunAllocatesOneContext(t *testing.T) {
	parent := t.Context()
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		run, end := iteratee.NewRun(parent)
		_ = iteratee.Cancelled(run)
		end()
	}), 2.0)
}
