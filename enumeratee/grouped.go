package enumeratee

import "github.com/halley-go/halley/iteratee"

// Grouped returns the adapter that runs folder again and again over the elements and hands on each result. At
// EOF it sends EOF to a group that has begun, and hands on its result. An error of folder ends the run. A group
// that consumes nothing ends the run with [iteratee.ErrNoProgress].
//
// The next group is offered the leftovers of a group before new elements. If the consumer is done, elements
// that no group has consumed yet are left over.
//
// Play calls it Enumeratee.grouped, and hands on an empty last group too.
func Grouped[From, To any](folder iteratee.Iteratee[From, To]) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return iteratee.Rounds(stage.Context(), folder, stage.Stop(), out.Next), iteratee.StepCont
	})
}
