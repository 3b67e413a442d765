package enumeratee

import "github.com/halley-go/halley/iteratee"

// Grouped returns the adapter that runs folder again and again over the elements
// and hands on its results.
//
// What folder leaves over starts the next group. At EOF the group that has begun,
// if any, is ended and handed on. If the consumer is done, what is not grouped yet
// is left over. An error of folder ends the run; so does
// [iteratee.ErrNoProgress], if a group consumes nothing.
//
// It is Play's Enumeratee.grouped, without its empty last group.
func Grouped[From, To any](folder iteratee.Iteratee[From, To]) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		return iteratee.Rounds(stage.Context(), folder, stage.Stop(), inner.Next), iteratee.StepCont
	})
}
