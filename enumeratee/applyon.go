package enumeratee

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// ApplyOn returns the Iteratee that feeds it through t and ends with it as it is then,
// without EOF: it can go on with something else. It is done when t stops, when it is
// done or has failed, or at EOF. What t was handed and did not consume is left over.
//
// The iteratee with which it ends can be used once, and in the same run: it is a part
// of that, not a recipe.
//
// It is Play's applyOn; [Transform] is what that is used for nearly always.
func ApplyOn[From, To, A any](t Enumeratee[From, To], it iteratee.Iteratee[To, A]) iteratee.Iteratee[From, iteratee.Iteratee[To, A]] {
	return iteratee.New(func(ctx context.Context) iteratee.Running[From, iteratee.Iteratee[To, A]] {
		ctx, _ = iteratee.Failable(ctx)
		inner := it.Start(ctx)
		if !inner.Step.IsCont() {
			return iteratee.Running[From, iteratee.Iteratee[To, A]]{
				Sink:   iteratee.Ended(iteratee.StepDone, iteratee.Empty[From]()),
				Step:   iteratee.StepDone,
				Result: func() (iteratee.Iteratee[To, A], error) { return iteratee.Resume(inner, inner.Step), nil },
			}
		}
		stage := NewStage(ctx)
		answer := iteratee.StepCont // inner's last one
		note := func(step iteratee.Step) iteratee.Step {
			answer = step
			if step.Err() != nil {
				return iteratee.StepDone // its failure is its own
			}
			return step
		}
		outer, step := t.Attach(stage, iteratee.Sink[To]{
			Next: func(e To) iteratee.Step { return note(inner.Next(e)) },
			EOF:  func() iteratee.Step { return note(inner.EOF()) },
			Rest: inner.Rest,
		})
		outer = endedByFailure(stage, outer)
		outer.Rest = ofTheStream(outer.Rest)
		return iteratee.Running[From, iteratee.Iteratee[To, A]]{
			Sink: outer,
			Step: step,
			Result: func() (a iteratee.Iteratee[To, A], err error) {
				defer stage.End()
				if err := outer.EOF().Err(); err != nil {
					return a, err
				}
				if !answer.IsCont() {
					inner.Rest = iteratee.Empty[To] // t has given back what it can
				}
				return iteratee.Resume(inner, answer), nil
			},
		}
	})
}
