package enumerator

import (
	"context"
	"slices"

	"github.com/halley-go/halley/iteratee"
)

// Of returns the Enumerator of the given elements. It keeps a copy of them.
//
// It is Play's Enumerator.apply.
func Of[E any](es ...E) Enumerator[E] { return FromSlice(slices.Clone(es)) }

// FromSlice returns the Enumerator of the elements of es, which must not change
// while it runs.
func FromSlice[E any](es []E) Enumerator[E] {
	// Asking the context costs as much as an element: ask once per so many.
	const batch = 128
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		for es := range slices.Chunk(es, batch) {
			if _, step := sink.Offer(es); !step.IsCont() {
				return step
			}
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}
