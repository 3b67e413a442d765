package enumeratee

import (
	"errors"
	"fmt"
	"time"

	"github.com/halley-go/halley/iteratee"
)

// ErrTimeout is the error of [Timeout] and [TimeoutFirst].
var ErrTimeout = errors.New("enumeratee: Timeout: no element came")

// Timeout returns the adapter that changes nothing, but ends the run with [ErrTimeout] if
// the source lets d pass before its first element, or between the consumer's answer to one
// and the next. The time that the consumer takes does not count.
//
// A source that waits is stopped; see [iteratee.Interruptible] for the exceptions, which
// fail when they go on. The consumer runs in the goroutine of the run. What it leaves over
// is left over. Timeout panics if d is not positive.
//
// It is the Timeout of ReactiveX.
func Timeout[E any](d time.Duration) Enumeratee[E, E] {
	checkDuration("Timeout", d)
	return timeout[E](d, false)
}

// TimeoutFirst returns the adapter that changes nothing, but ends the run with [ErrTimeout] if the source
// lets d pass before its first element. Later elements can take any time.
//
// In all other respects TimeoutFirst behaves like [Timeout].
//
// ReactiveX: timeout, with a time for the first element only.
func TimeoutFirst[E any](d time.Duration) Enumeratee[E, E] {
	checkDuration("TimeoutFirst", d)
	return timeout[E](d, true)
}

// timeout is [TimeoutFirst] if first is true, and [Timeout] if not.
func timeout[E any](d time.Duration, first bool) Enumeratee[E, E] {
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		own, interrupt := stage.Interruptible()
		stage.passOn(own, interrupt)
		late := iteratee.StepError(fmt.Errorf("%w within %v", ErrTimeout, d))
		fired := make(chan struct{})
		timer := time.AfterFunc(d, func() {
			defer close(fired)
			interrupt(late)
		})
		runs := true // the timer
		end := iteratee.StepCont
		stop := func() {
			if runs && !timer.Stop() {
				<-fired
				end = late
			}
			runs = false
		}
		stage.AtEnd(stop)
		return iteratee.Sink[E]{
			Next: func(e E) iteratee.Step {
				if stop(); !end.IsCont() {
					return end
				}
				if end = inner.Next(e); end.IsCont() && !first {
					timer.Reset(d)
					runs = true
				}
				return end
			},
			EOF: func() iteratee.Step {
				if stop(); end.IsCont() {
					end = stage.Stop()
				}
				return end
			},
			Rest: inner.Rest,
		}, iteratee.StepCont
	})
}
