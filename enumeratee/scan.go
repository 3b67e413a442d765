package enumeratee

import "github.com/halley-go/halley/iteratee"

// ScanLeft returns the adapter that folds the elements with f, from seed on, and hands on each state but the
// seed. Every attachment starts with the same seed, so seed must not be something that f changes in place.
// Leftovers are as with [Map].
//
// Play calls it Enumeratee.scanLeft.
func ScanLeft[From, To any](seed To, f func(To, From) To) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		state := seed
		return Map(func(e From) To {
			state = f(state, e)
			return state
		}).Attach(stage, out)
	})
}
