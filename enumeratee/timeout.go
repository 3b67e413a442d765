package enumeratee

import (
	"errors"
	"fmt"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// ErrTimeout is the error of [Timeout] and [TimeoutFirst].
var ErrTimeout = errors.New("enumeratee: timeout: no element came")

// Timeout returns the adapter that changes nothing, but ends the run with [ErrTimeout] if the source takes
// longer than d to make an element or to end. The time that the consumer takes does not count.
//
// A source that waits for its next element is stopped. If other parts of the run still need the source, as
// in an [iteratee.FlatMap], the run ends at the next element. The leftovers of the consumer are left over.
// The consumer runs in the goroutine of the run. Timeout panics if d is not positive.
//
// ReactiveX: Timeout.
func Timeout[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Timeout: d", d)
	return newTimeout[E](d, false)
}

// TimeoutFirst returns the adapter that changes nothing, but ends the run with [ErrTimeout] if the source
// takes longer than d to make its first element or to end without one. Later elements may take any time.
//
// In all other respects TimeoutFirst behaves like [Timeout].
//
// ReactiveX: Timeout with a time for the first element only.
func TimeoutFirst[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: TimeoutFirst: d", d)
	return newTimeout[E](d, true)
}

func newTimeout[E any](d time.Duration, first bool) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		own, interrupt := stage.interruptible()
		stage.passOn(own, interrupt)
		t := &timeout[E]{stage: stage, Outlet: out, d: d, first: first, fired: make(chan struct{}), runs: true}
		t.late = iteratee.StepError(fmt.Errorf("%w within %v", ErrTimeout, d))
		t.timer = time.AfterFunc(d, func() {
			defer close(t.fired)
			interrupt(t.late)
		})
		stage.AtEnd(t.stopTimer)
		return t, iteratee.StepCont
	})
}

type timeout[E any] struct {
	stage Stage
	iteratee.Outlet[E]
	d     time.Duration
	first bool // only the first element is timed
	late  iteratee.Step
	timer *time.Timer
	fired chan struct{}
	runs  bool // the timer runs
	end   iteratee.Step
}

func (t *timeout[E]) stopTimer() {
	if t.runs && !t.timer.Stop() {
		<-t.fired
		t.end = t.late
	}
	t.runs = false
}

func (t *timeout[E]) Next(e E) iteratee.Step {
	if t.stopTimer(); !t.end.IsCont() {
		return t.end
	}
	if t.end = t.Outlet.Next(e); t.end.IsCont() && !t.first {
		t.timer.Reset(t.d)
		t.runs = true
	}
	return t.end
}

func (t *timeout[E]) EOF() iteratee.Step {
	if t.stopTimer(); t.end.IsCont() {
		t.end = t.stage.Stop()
	}
	return t.end
}
