package enumerator

import (
	"context"
	"iter"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// FromSeq returns an Enumerator of the elements of seq. It can be run as often as seq can be ranged
// over.
func FromSeq[E any](seq iter.Seq[E]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step { return fromSeq(ctx, seq, sink) })
}

// fromSeq is not a closure, for the reason that generate gives.
func fromSeq[E any](ctx context.Context, seq iter.Seq[E], sink iteratee.Sink[E]) iteratee.Step {
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
}

// FromSeq2 returns an Enumerator of the elements of seq up to the first error, which ends the run. The
// element beside that error is dropped. FromSeq2 can be run as often as seq can be ranged over.
// [All] is its inverse.
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

// All returns the elements of source for a range loop. The error of each pair is nil, except that a
// failed run ends with a pair of the zero value and the error. Leaving the loop ends the run and closes
// whatever source has opened. An error of closing is dropped then, because the loop is over. Everything
// runs in the goroutine of the loop. The sequence can be used as often as source can.
func All[E any](ctx context.Context, source Enumerator[E]) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		left := false // whether the loop was left
		_, err := Run(ctx, source, iteratee.FoldUntil(struct{}{}, func(_ context.Context, none struct{}, e E) (struct{}, bool, error) {
			left = !yield(e, nil)
			return none, left, nil
		}))
		if err != nil && !left {
			var zero E
			yield(zero, err)
		}
	}
}
