package enumeratee

import (
	"slices"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// Heading returns the adapter that hands on es when it is attached, before it has
// been handed anything, and then changes nothing. If the consumer ends on one of
// them, the rest of es is not handed on. Every attachment hands on the same es.
//
// It is Play's Enumeratee.heading, of values instead of a source; enumerator.Heading
// takes a source.
func Heading[E any](es ...E) Enumeratee[E, E] {
	es = slices.Clone(es)
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		ask := prompt.Ask(stage.Context())
		defer ask.Forget()
		_, step := prompt.Offer(&ask, inner, es)
		if !step.IsCont() {
			inner.Rest = iteratee.Empty[E] // what it leaves over of es never came from the stream
		}
		inner.EOF = stage.EOF
		inner.Reset = nil // it would have to hand on es again
		return inner, step
	})
}
