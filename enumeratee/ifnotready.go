package enumeratee

import (
	"errors"
	"fmt"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// ErrNotReady is the error of [LazyAndErrIfNotReady] for a consumer that takes too long.
var ErrNotReady = errors.New("enumeratee: LazyAndErrIfNotReady: the consumer is not ready")

// LazyAndErrIfNotReady returns the adapter that runs its consumer in a goroutine of its own and ends the run
// with [ErrNotReady] if an element comes and the consumer is not ready for it within d. EOF waits until the
// consumer is ready.
//
// When the run ends with ErrNotReady, the source is told at once, and the context of the consumer ends. The
// run is not over before the consumer has returned, even if the consumer ignores its context. In all other
// respects LazyAndErrIfNotReady behaves like [Buffer] with n = 0. It panics if d is negative.
//
// Play calls it Concurrent.lazyAndErrIfNotReady.
func LazyAndErrIfNotReady[E any](d time.Duration) Enumeratee[E, E] {
	check.NotNegative("enumeratee: LazyAndErrIfNotReady: d", d)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		h := newHandover[E](0).start(stage, out)
		return intake[E]{h, func(e E) iteratee.Step {
			if h.offerFor(d, e) {
				return iteratee.StepCont
			}
			return h.refuse(e, fmt.Errorf("%w within %v", ErrNotReady, d))
		}}, iteratee.StepCont
	})
}

// DropInputIfNotReady returns the adapter that runs its consumer in a goroutine of its own and drops an element
// if the consumer is not ready for it within d. Then it drops, without waiting, all elements that come before
// the consumer is ready again. If d is 0, the source never waits for the consumer. EOF waits until the consumer
// is ready.
//
// Elements that were dropped are not left over, and are not counted. In all other respects
// DropInputIfNotReady behaves like [Buffer] with n = 0. It panics if d is negative.
//
// Play calls it Concurrent.dropInputIfNotReady.
func DropInputIfNotReady[E any](d time.Duration) Enumeratee[E, E] {
	check.NotNegative("enumeratee: DropInputIfNotReady: d", d)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		h := newHandover[E](0).start(stage, out)
		wait := d
		return intake[E]{h, func(e E) iteratee.Step {
			switch {
			case h.offerFor(wait, e):
				wait = d
			case h.ended():
				return h.refuse(e, nil)
			default:
				wait = 0
			}
			return iteratee.StepCont
		}}, iteratee.StepCont
	})
}
