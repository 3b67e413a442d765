package enumeratee

import (
	"time"

	"github.com/halley-go/halley/internal/check"
)

// Sample returns the adapter that hands on, after each period of d, the newest element of the period, if one
// has come. It drops the other elements. At EOF the newest element is handed on at once.
//
// In all other respects Sample behaves like [Debounce].
//
// ReactiveX: Sample or throttleLast, which drops the newest element at EOF.
func Sample[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Sample: d", d)
	return newest[E](func() (due <-chan time.Time, came func(first bool), stop func()) {
		ticker := time.NewTicker(d)
		return ticker.C, func(bool) {}, ticker.Stop
	})
}
