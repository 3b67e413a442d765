package enumeratee

import "github.com/halley-go/halley/iteratee"

// Grouped returns the adapter that runs folder again and again over the elements and hands on its results.
//
// What folder leaves over starts the next group. At EOF a group that has begun is ended and handed on. If the
// consumer is done, elements that are not grouped yet are left over. An error of folder ends the run. A group
// that consumes nothing ends it with [iteratee.ErrNoProgress].
//
// Play calls it Enumeratee.grouped, and hands on an empty last group too.
func Grouped[From, To any](folder iteratee.Iteratee[From, To]) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return iteratee.Rounds(stage.Context(), folder, stage.Stop(), out.Next), iteratee.StepCont
	})
}
