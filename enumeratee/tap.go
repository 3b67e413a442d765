package enumeratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// Tap returns the adapter that changes nothing. It calls onNext with each element before it hands on the
// element, and onEnd once when the adapter is no longer needed. onEnd may be nil.
//
// err is nil if the elements have run out, if the consumer is done, or if an adapter has stopped. If the
// run fails before that, err is the error of the run: the error of the source, of an adapter or of the
// consumer, or the cause of the end of the context. So one Tap can log each element, the end and the
// error. err is nil if the consumer fails after EOF. It is also nil if an adapter before the Tap fails and
// one [Recover] is around both. It may be nil after a panic. If the consumer is done from the start, the
// adapter is not attached, and onEnd is not called.
//
// The leftovers of the consumer are left over. onNext is called in the goroutine that drives the adapter.
// onEnd is called before the run is over.
//
// ReactiveX: Do, which RxJS calls tap.
func Tap[E any](onNext func(E), onEnd func(err error)) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		t := &tap[E]{stage: stage, Outlet: out, onNext: onNext}
		if onEnd != nil {
			stage.asks = true // so that the failure of a source ends Stage.Context
			stage.AtEnd(func() { onEnd(t.failure()) })
		}
		return t, iteratee.StepCont
	})
}

type tap[E any] struct {
	stage Stage
	iteratee.Outlet[E]
	onNext func(E)
	end    iteratee.Step
}

func (t *tap[E]) Next(e E) iteratee.Step {
	if t.end.IsCont() {
		t.onNext(e)
		t.end = t.Outlet.Next(e)
	}
	return t.end
}

func (t *tap[E]) EOF() iteratee.Step {
	if t.end.IsCont() {
		t.end = t.stage.Stop()
	}
	return t.end
}

// failure returns the error with which the run has ended, or nil if it has not failed.
func (t *tap[E]) failure() error {
	err := t.end.Err()
	if t.end.IsCont() {
		err = context.Cause(t.stage.Context())
	}
	if errors.Is(err, stop.Err) {
		return nil // the run was stopped, or is over
	}
	return err
}
