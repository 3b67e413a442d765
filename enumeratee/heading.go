package enumeratee

import (
	"slices"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// Heading returns the adapter that hands on es when it is attached, before it has been handed anything, and
// then changes nothing. If the consumer ends on one of them, the rest of es is dropped. Every attachment
// hands on the same es.
//
// Play calls it Enumeratee.heading, of a source; enumerator.Heading takes a source.
func Heading[E any](es ...E) Enumeratee[E, E] {
	es = slices.Clone(es)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		ask := prompt.Ask(stage.Context())
		defer ask.Forget()
		if _, step := prompt.Offer(&ask, out, es); !step.IsCont() {
			return iteratee.Ended(step, iteratee.Empty[E]()), step // es never came from the stream
		}
		return &pass[E]{stage, out}, iteratee.StepCont
	})
}
