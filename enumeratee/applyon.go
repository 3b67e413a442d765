package enumeratee

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// ApplyOn returns the Iteratee that feeds consumer through adapter. Its result is an Iteratee that goes on
// with consumer from there, because ApplyOn does not send EOF to it. ApplyOn is done when adapter stops, when
// consumer is done or has failed, or at EOF. The leftovers of adapter are left over. In most cases [Transform]
// is simpler.
//
// The resulting Iteratee is a part of the run, not a recipe. It can be used once, and only in the same run.
//
// Play calls it applyOn.
func ApplyOn[From, To, A any](adapter Enumeratee[From, To], consumer iteratee.Iteratee[To, A]) iteratee.Iteratee[From, iteratee.Iteratee[To, A]] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[From, iteratee.Iteratee[To, A]], iteratee.Step) {
		ctx, _ = scope.Failable(ctx)
		inner, step := consumer.Start(ctx)
		a := &applied[From, To, A]{consumer: noted[To, A]{inner, step}}
		if !step.IsCont() {
			a.Sink = iteratee.Ended(iteratee.StepDone, iteratee.Empty[From]())
			a.ended = true
			return a, iteratee.StepDone
		}
		a.stage = NewStage(ctx)
		a.Sink, step = adapter.Attach(a.stage, &a.consumer)
		a.Sink = endedByFailure(a.stage, a.Sink)
		return a, step
	})
}

type applied[From, To, A any] struct {
	iteratee.Sink[From] // the adapter
	stage               Stage
	consumer            noted[To, A]
	ended               bool // the consumer was done before any input
}

func (a *applied[From, To, A]) Rest() iteratee.Input[From] { return a.Sink.Rest().WithoutEOF() }

func (a *applied[From, To, A]) Result() (consumer iteratee.Iteratee[To, A], err error) {
	run := a.consumer.Running
	if !a.ended {
		defer a.stage.End()
		if err := a.Sink.EOF().Err(); err != nil {
			return consumer, err
		}
		if !a.consumer.last.IsCont() {
			run = restless[To, A]{run} // the adapter has given its leftovers back
		}
	}
	return iteratee.Resume(run, a.consumer.last), nil
}

// noted is a consumer that notes its last answer. Its failure is not a failure of the run.
type noted[E, A any] struct {
	iteratee.Running[E, A]
	last iteratee.Step
}

func (n *noted[E, A]) Next(e E) iteratee.Step { return n.note(n.Running.Next(e)) }
func (n *noted[E, A]) EOF() iteratee.Step     { return n.note(n.Running.EOF()) }

func (n *noted[E, A]) note(step iteratee.Step) iteratee.Step {
	n.last = step
	if step.Err() != nil {
		return iteratee.StepDone
	}
	return step
}

// restless is a run without leftovers.
type restless[E, A any] struct{ iteratee.Running[E, A] }

func (restless[E, A]) Rest() iteratee.Input[E] { return iteratee.Empty[E]() }
