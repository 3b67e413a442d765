package enumeratee

import (
	"time"

	"github.com/halley-go/halley/internal/check"
)

// Sample returns the adapter that hands on the newest element each time that d has passed,
// if one has come since, and drops the others. At EOF the newest is handed on at once.
//
// In all other respects Sample behaves like [Debounce].
//
// It is the Sample of ReactiveX, also called throttleLast, which drops the newest at EOF.
func Sample[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Sample: d", d)
	return newest[E](func() (due <-chan time.Time, came, stop func()) {
		ticker := time.NewTicker(d)
		return ticker.C, func() {}, ticker.Stop
	})
}
