package enumeratee

import (
	"time"

	"github.com/halley-go/halley/internal/check"
)

// Audit returns the adapter that opens a window when an element comes, and hands on the newest element when
// the window closes, after d. It drops the other elements of the window. The next element opens the next
// window. So Audit hands on at most one element per d, as [Throttle] does, but never loses the last element.
// At EOF the newest element is handed on at once.
//
// In all other respects Audit behaves like [Debounce].
//
// ReactiveX: auditTime, throttleLatest, or throttle with the trailing edge.
func Audit[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Audit: d", d)
	return newest[E](func() (due <-chan time.Time, came func(first bool), stop func()) {
		window := time.NewTimer(d)
		window.Stop()
		return window.C, func(first bool) {
			if first {
				window.Reset(d)
			}
		}, func() { window.Stop() }
	})
}
