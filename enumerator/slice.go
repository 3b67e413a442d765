package enumerator

import (
	"context"
	"slices"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// Of returns the Enumerator of the given elements. It keeps a copy of them.
//
// It is Play's Enumerator.apply.
func Of[E any](es ...E) Enumerator[E] { return FromSlice(slices.Clone(es)) }

// FromSlice returns the Enumerator of the elements of es, which must not change
// while it runs.
func FromSlice[E any](es []E) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		ask := prompt.Ask(ctx)
		defer ask.Forget()
		_, step := prompt.Offer(&ask, sink, es)
		return step
	})
}
