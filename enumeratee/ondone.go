package enumeratee

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// OnEOF returns the adapter that changes nothing and calls f at EOF, or when an adapter before it has stopped.
// It does not call f if the consumer has ended before. An error of f ends the run. The leftovers of the consumer
// are left over.
//
// Play calls it Enumeratee.onEOF.
func OnEOF[E any](f func(context.Context) error) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		return &onEOF[E]{stage: stage, Outlet: out, f: f}, iteratee.StepCont
	})
}

type onEOF[E any] struct {
	stage Stage
	iteratee.Outlet[E]
	f   func(context.Context) error
	end iteratee.Step
}

func (o *onEOF[E]) Next(e E) iteratee.Step {
	if o.end.IsCont() {
		o.end = o.Outlet.Next(e)
	}
	return o.end
}

func (o *onEOF[E]) EOF() iteratee.Step {
	if o.end.IsCont() {
		o.end = o.stage.Stop()
		if err := o.f(o.stage.Context()); err != nil {
			o.end = iteratee.StepError(err)
		}
	}
	return o.end
}

// OnDone returns the adapter that changes nothing and calls f once at its end. The end comes when the consumer is
// done, when the elements have run out, and when the run fails, is cancelled or panics. So f can close things that
// the functions of a pipeline use. If the consumer is done from the start, the adapter is not attached, and f is not
// called. f is called in the goroutine of the run, before the run is over.
//
// Play calls it Enumeratee.onIterateeDone, and does not call f on errors.
func OnDone[E any](f func()) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		stage.AtEnd(f)
		return PassAlong[E]().Attach(stage, out)
	})
}
