package enumeratee

import (
	"slices"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// Heading returns the adapter that hands on the elements es when it is attached, and then the elements that
// come. Every attachment hands on the same es. If the consumer ends on one of es, the others are dropped.
//
// Play calls it Enumeratee.heading, and takes a source, as enumerator.Heading does.
func Heading[E any](es ...E) Enumeratee[E, E] {
	es = slices.Clone(es)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		ask := prompt.Ask(stage.Context())
		defer ask.Forget()
		if _, step := prompt.Offer(&ask, out, es); !step.IsCont() {
			return iteratee.Ended(step, iteratee.Empty[E]()), step // es are not elements of the stream
		}
		return &pass[E]{stage, out}, iteratee.StepCont
	})
}
