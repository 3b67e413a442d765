package enumerator

import (
	"context"
	"iter"

	"github.com/halley-go/halley/iteratee"
)

// Generate returns the Enumerator of what next returns, until ok is false, which
// ends it, or err is not nil, which fails it. next is called when an element is
// wanted, with the run's context; it should return when that ends. What it keeps
// between calls is shared by all runs.
//
// It is Play's Enumerator.generateM.
func Generate[E any](next func(context.Context) (e E, ok bool, err error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		for {
			e, ok, err := next(ctx)
			if err != nil {
				return iteratee.StepError(err)
			}
			if !ok {
				return iteratee.StepCont
			}
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
		}
	})
}

// Unfold returns the Enumerator that starts with the state s and calls f for an
// element and the next state, until ok is false. f is called when an element is
// wanted; each run starts with s again.
//
// It is Play's Enumerator.unfold.
func Unfold[S, E any](s S, f func(S) (e E, next S, ok bool)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		ask := asker{ctx: ctx}
		for s := s; ; {
			e, next, ok := f(s)
			if !ok {
				return iteratee.StepCont
			}
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
			if step := ask.cancelled(); !step.IsCont() {
				return step
			}
			s = next
		}
	})
}

// FromSeq returns the Enumerator of the elements of seq. It can be run as often as
// seq can be ranged over.
func FromSeq[E any](seq iter.Seq[E]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		ask := asker{ctx: ctx}
		for e := range seq {
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
			if step := ask.cancelled(); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// All returns the elements of e for a range loop. If the run fails, the last pair
// is the zero value and the error; every other pair has a nil error. Leaving the
// loop ends the run, and closes what the source has opened. Everything runs in the
// loop's goroutine. The sequence can be used as often as e can.
func All[E any](ctx context.Context, e Enumerator[E]) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		_, err := Run(ctx, e, iteratee.New(func(context.Context) iteratee.Running[E, struct{}] {
			end := iteratee.StepCont
			return iteratee.Running[E, struct{}]{
				Sink: iteratee.Sink[E]{
					Next: func(e E) iteratee.Step {
						if end.IsCont() && !yield(e, nil) {
							end = iteratee.StepDone
						}
						return end
					},
					EOF:  func() iteratee.Step { return iteratee.StepDone },
					Rest: iteratee.Empty[E],
				},
				Result: func() (none struct{}, err error) { return },
			}
		}))
		if err != nil {
			var zero E
			yield(zero, err)
		}
	}
}
