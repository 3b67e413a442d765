package enumeratee

import (
	"time"

	"github.com/halley-go/halley/internal/check"
)

// Audit returns the adapter that waits for an element, and d later hands on the newest element that has come
// by then. It drops the others. Then it waits for an element again. So it hands on at most one element in d,
// as [Throttle] does, but never drops the last one. At EOF the newest is handed on at once.
//
// In all other respects Audit behaves like [Debounce].
//
// ReactiveX: auditTime, throttle with the trailing edge, or throttleLatest.
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
