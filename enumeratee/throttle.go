package enumeratee

import (
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Throttle returns the adapter that hands on an element and then drops those that come
// within d of it: the first of each window, which begins with it. It needs no goroutine.
// What the consumer leaves over is left over; what was dropped is not. It panics if d is not
// positive.
//
// It is the throttleFirst of ReactiveX, and not the throttle that also hands on the last element of
// a window. [Sample] hands on the last of each window.
func Throttle[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Throttle: d", d)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		var end time.Time // of the window
		return Filter(func(E) bool {
			now := time.Now()
			if now.Before(end) {
				return false
			}
			end = now.Add(d)
			return true
		}).Attach(stage, out)
	})
}
