package enumeratee

import "github.com/halley-go/halley/iteratee"

// ScanLeft returns the adapter that folds the elements with f, from seed on, and
// hands on each state but the seed. Every attachment starts with the same seed, so it
// must not be something that f changes in place. What is left over is as with [Map].
//
// It is Play's Enumeratee.scanLeft.
func ScanLeft[From, To any](seed To, f func(To, From) To) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		state := seed
		return Map(func(e From) To {
			state = f(state, e)
			return state
		}).Attach(stage, inner)
	})
}
