package enumeratee

import (
	"errors"
	"fmt"
	"time"

	"github.com/halley-go/halley/iteratee"
)

// ErrTimeout is the error of [Timeout].
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
				if end = inner.Next(e); end.IsCont() {
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
