package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/fast"
)

// Fold returns an Iteratee that keeps a value, which is zero at first. f replaces the value for each
// element. Fold ends at EOF with the last value, which is zero if there was no element. Every run starts
// with the same zero, so f must not change it in place. If zero is a map, for example, use [Defer] to make one
// for each run.
//
// Play calls it Iteratee.fold.
func Fold[E, A any](zero A, f func(A, E) A) Iteratee[E, A] {
	return New(func(context.Context) (Running[E, A], Step) {
		return &fold[E, A]{f: f, a: zero, zero: zero}, StepCont
	})
}

type fold[E, A any] struct {
	fast.Starts
	f       func(A, E) A
	a, zero A
}

func (f *fold[E, A]) Next(e E) Step {
	f.a = f.f(f.a, e)
	return Step{}
}

func (f *fold[E, A]) EOF() Step          { return StepDone }
func (f *fold[E, A]) Rest() Input[E]     { return Empty[E]() }
func (f *fold[E, A]) Result() (A, error) { return f.a, nil }

func (f *fold[E, A]) Reset() (Step, bool) {
	f.a = f.zero
	return StepCont, true
}

func (f *fold[E, A]) Batch(es []E, ended *fast.Flag) (int, Step) {
	a, fold, n := f.a, f.f, 0
	for ; n < len(es) && !ended.Load(); n++ {
		a = fold(a, es[n])
	}
	f.a = a
	return n, Step{}
}

// FoldM is [Fold] with a function that takes the context of the run and can fail. The first error ends the
// run. f is not called after that, nor once the context has ended.
//
// Play calls it Iteratee.foldM.
func FoldM[E, A any](zero A, f func(context.Context, A, E) (A, error)) Iteratee[E, A] {
	return FoldUntil(zero, func(ctx context.Context, a A, e E) (A, bool, error) {
		a, err := f(ctx, a, e)
		return a, false, err
	})
}

// FoldUntil is [FoldM] with a function that can also end the run. If f returns true for stop, the run is
// done at once, and the element counts as consumed.
//
// Play calls it Iteratee.fold2.
func FoldUntil[E, A any](zero A, f func(context.Context, A, E) (a A, stop bool, err error)) Iteratee[E, A] {
	return New(func(ctx context.Context) (Running[E, A], Step) {
		return &foldUntil[E, A]{ctx: ctx, f: f, a: zero}, StepCont
	})
}

type foldUntil[E, A any] struct {
	ctx context.Context
	f   func(context.Context, A, E) (A, bool, error)
	a   A
	end Step
}

func (f *foldUntil[E, A]) Next(e E) Step {
	if f.end.IsCont() {
		f.end = Cancelled(f.ctx)
	}
	if !f.end.IsCont() {
		return f.end
	}
	a, stop, err := f.f(f.ctx, f.a, e)
	switch {
	case err != nil:
		f.end = StepError(err)
		return f.end
	case stop:
		f.end = StepDone
	}
	f.a = a
	return f.end
}

func (f *foldUntil[E, A]) EOF() Step          { return StepDone }
func (f *foldUntil[E, A]) Rest() Input[E]     { return Empty[E]() }
func (f *foldUntil[E, A]) Result() (A, error) { return f.a, nil }

// ForEach returns an Iteratee that calls f with each element, one at a time, up to EOF. The first error
// ends the run. f is not called after that, nor once the context has ended.
//
// Play calls it Iteratee.foreach.
func ForEach[E any](f func(context.Context, E) error) Iteratee[E, struct{}] {
	return New(func(ctx context.Context) (Running[E, struct{}], Step) {
		return &forEach[E]{ctx: ctx, f: f}, StepCont
	})
}

type forEach[E any] struct {
	ctx context.Context
	f   func(context.Context, E) error
	end Step
}

func (f *forEach[E]) Next(e E) Step {
	if f.end.IsCont() {
		f.end = Cancelled(f.ctx)
	}
	if f.end.IsCont() {
		if err := f.f(f.ctx, e); err != nil {
			f.end = StepError(err)
		}
	}
	return f.end
}

func (f *forEach[E]) EOF() Step                     { return StepDone }
func (f *forEach[E]) Rest() Input[E]                { return Empty[E]() }
func (f *forEach[E]) Result() (s struct{}, _ error) { return s, nil }

// Collect returns an Iteratee that ends with a slice of all elements up to EOF. The slice is nil if there
// were none. Collect keeps all elements in memory. To bound a stream that can be long, use
// enumeratee.Take.
//
// Play calls it Iteratee.getChunks.
func Collect[E any]() Iteratee[E, []E] {
	// The zero is nil, so append starts a new array in each run.
	return Fold(nil, func(es []E, e E) []E { return append(es, e) })
}

// Ignore returns an Iteratee that drops every element up to EOF.
//
// Play calls it Iteratee.ignore.
func Ignore[E any]() Iteratee[E, struct{}] {
	return Fold(struct{}{}, func(none struct{}, _ E) struct{} { return none })
}
