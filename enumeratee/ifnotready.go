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

// LazyAndErrIfNotReady returns the adapter that runs its consumer in a goroutine of its own
// and ends the run with [ErrNotReady] if an element comes and the consumer is not ready for
// it within d. Before EOF the consumer has all the time that it wants.
//
// The source is told at once, and the context of the consumer ends. The run is not over before
// the consumer has returned from what it is busy with: it waits for a function that ignores its
// context. In all other respects LazyAndErrIfNotReady behaves like [Buffer](0). It panics if d is
// negative.
//
// It is Play's Concurrent.lazyAndErrIfNotReady.
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

// DropInputIfNotReady returns the adapter that runs its consumer in a goroutine of its own
// and, if an element comes and the consumer is not ready for it within d, drops that one
// and all that come before the consumer is ready again, without waiting for it any more.
//
// What was dropped is lost, and nothing tells how much it was. Nothing else is, and EOF
// waits for the consumer: for the rest it is as [Buffer](0). DropInputIfNotReady panics if d
// is negative. With a d of 0 the source never waits.
//
// It is Play's Concurrent.dropInputIfNotReady, whose uses share what they know of their
// consumers, and can drop everything for ever.
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
