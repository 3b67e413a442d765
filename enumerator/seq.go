package enumerator

import (
	"context"
	"iter"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// FromSeq returns the Enumerator of the elements of seq. It can be run as often as
// seq can be ranged over.
func FromSeq[E any](seq iter.Seq[E]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		ask := prompt.Ask(ctx)
		defer ask.Forget()
		for e := range seq {
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
			if step := ask.Cancelled(); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// FromSeq2 returns the Enumerator of the elements of seq up to the first error, which ends the run
// and is not handed on; nor is the element beside it. It can be run as often as seq can be ranged
// over. [All] is the way back.
func FromSeq2[E any](seq iter.Seq2[E, error]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		ask := prompt.Ask(ctx)
		defer ask.Forget()
		for e, err := range seq {
			if err != nil {
				return iteratee.StepError(err)
			}
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
			if step := ask.Cancelled(); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// All returns the elements of e for a range loop. If the run fails, the last pair
// is the zero value and the error; every other pair has a nil error. Leaving the
// loop ends the run, and closes what the source has opened; an error of that is
// dropped, since there is no loop any more to tell. Everything runs in the loop's
// goroutine. The sequence can be used as often as e can.
func All[E any](ctx context.Context, e Enumerator[E]) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		left := false // the loop
		_, err := Run(ctx, e, iteratee.FoldUntil(struct{}{}, func(_ context.Context, none struct{}, e E) (struct{}, bool, error) {
			left = !yield(e, nil)
			return none, left, nil
		}))
		if err != nil && !left {
			var zero E
			yield(zero, err)
		}
	}
}
