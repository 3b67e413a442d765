package enumeratee

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// OnEOF returns the adapter that changes nothing and calls f when the elements have
// run out, or an adapter before it has stopped; not if the consumer has ended before.
// An error of f ends the run. What the consumer leaves over is left over.
//
// It is Play's Enumeratee.onEOF.
func OnEOF[E any](f func(context.Context) error) Enumeratee[E, E] {
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		end := iteratee.StepCont
		return iteratee.Sink[E]{
			Next: func(e E) iteratee.Step {
				if end.IsCont() {
					end = inner.Next(e)
				}
				return end
			},
			EOF: func() iteratee.Step {
				if end.IsCont() {
					end = stage.Stop()
					if err := f(stage.Context()); err != nil {
						end = iteratee.StepError(err)
					}
				}
				return end
			},
			Rest: inner.Rest,
		}, iteratee.StepCont
	})
}

// OnDone returns the adapter that changes nothing and calls f once when it is not needed
// any more: the consumer is done, the elements have run out, the run has failed, was
// cancelled or has panicked. So f can close what the functions of a pipeline use. It is
// called in the goroutine of the run, and before that is over. Before a consumer that is
// done from the start nothing is attached, and f is not called.
//
// It is Play's Enumeratee.onIterateeDone, which is not called on errors.
func OnDone[E any](f func()) Enumeratee[E, E] {
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		stage.AtEnd(f)
		return PassAlong[E]().Attach(stage, inner)
	})
}
