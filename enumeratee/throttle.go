package enumeratee

import (
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Throttle returns the adapter that hands on an element and then drops the elements that come
// within d of it. [Audit] hands on the last element that comes within d instead. The leftovers of
// the consumer are left over, without the elements that were dropped. Throttle panics if d is not
// positive.
//
// ReactiveX: throttleFirst.
func Throttle[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Throttle: d", d)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		var end time.Time // the end of the window
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
