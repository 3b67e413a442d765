package iteratee

import (
	"context"
	"sync/atomic"
)

// Fold returns an Iteratee that starts with zero, replaces it with f of it and
// each element, and ends with what it has at EOF: zero if there was no element.
// Every run starts with the same zero, so it must not be something that f changes
// in place, such as a map; [Defer] can make one per run.
//
// It is Play's Iteratee.fold.
func Fold[E, A any](zero A, f func(A, E) A) Iteratee[E, A] {
	nothing := Empty[E] // a generic function as a value is memory of its own
	return New(func(context.Context) Running[E, A] {
		a := zero
		return Running[E, A]{
			Sink: Sink[E]{
				Next:  func(e E) Step { a = f(a, e); return Step{} },
				EOF:   done,
				Rest:  nothing,
				Reset: func() Step { a = zero; return StepCont },
				Batch: func(es []E, over *atomic.Bool) (int, Step) {
					for i, e := range es {
						if over.Load() {
							return i, Step{}
						}
						a = f(a, e)
					}
					return len(es), Step{}
				},
			},
			Result: func() (A, error) { return a, nil },
		}
	})
}

func done() Step { return StepDone }

// FoldM is [Fold] with a function that takes the run's context and can fail. The
// first error ends the run; f is not called again, nor once the context has ended.
//
// It is Play's Iteratee.foldM.
func FoldM[E, A any](zero A, f func(context.Context, A, E) (A, error)) Iteratee[E, A] {
	return FoldUntil(zero, func(ctx context.Context, a A, e E) (A, bool, error) {
		a, err := f(ctx, a, e)
		return a, false, err
	})
}

// FoldUntil is [FoldM] with a function that can also end it: with stop it is done at
// once, and that element counts as consumed.
//
// It is Play's Iteratee.fold2.
func FoldUntil[E, A any](zero A, f func(context.Context, A, E) (a A, stop bool, err error)) Iteratee[E, A] {
	return New(func(ctx context.Context) Running[E, A] {
		a, end := zero, StepCont
		return Running[E, A]{
			Sink: Sink[E]{
				Next: func(e E) Step {
					if end.IsCont() {
						end = Cancelled(ctx)
					}
					if !end.IsCont() {
						return end
					}
					next, stop, err := f(ctx, a, e)
					switch {
					case err != nil:
						end = StepError(err)
						return end
					case stop:
						end = StepDone
					}
					a = next
					return end
				},
				EOF:  func() Step { return StepDone },
				Rest: Empty[E],
			},
			Result: func() (A, error) { return a, nil },
		}
	})
}

// ForEach returns an Iteratee that calls f with each element, one at a time, up to
// EOF. The first error ends the run; f is not called again, nor once the context
// has ended.
//
// It is Play's Iteratee.foreach.
func ForEach[E any](f func(context.Context, E) error) Iteratee[E, struct{}] {
	return FoldM(struct{}{}, func(ctx context.Context, none struct{}, e E) (struct{}, error) {
		return none, f(ctx, e)
	})
}

// Collect returns an Iteratee that ends with all elements up to EOF, nil if there
// were none. It keeps them all in memory; bound the stream with enumeratee.Take
// if it can be long.
//
// It is Play's Iteratee.getChunks.
func Collect[E any]() Iteratee[E, []E] {
	// The zero is nil, so append starts a new array in each run.
	return Fold(nil, func(es []E, e E) []E { return append(es, e) })
}

// Ignore returns an Iteratee that drops every element up to EOF.
//
// It is Play's Iteratee.ignore.
func Ignore[E any]() Iteratee[E, struct{}] {
	return Fold(struct{}{}, func(none struct{}, _ E) struct{} { return none })
}
