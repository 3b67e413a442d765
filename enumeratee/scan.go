package enumeratee

import "github.com/halley-go/halley/iteratee"

// ScanLeft returns the adapter that keeps a state, which is seed at first. f replaces the state for each
// element, and ScanLeft hands on the new state. Every attachment starts with the same seed, so f must not change
// seed in place. The leftovers are those of [Map].
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
