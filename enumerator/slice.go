package enumerator

import (
	"context"
	"slices"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// Of returns an Enumerator of the given elements. It keeps a copy of them.
//
// Play calls it Enumerator.apply.
func Of[E any](es ...E) Enumerator[E] { return FromSlice(slices.Clone(es)) }

// FromSlice returns an Enumerator of the elements of es, which must not change during a run.
func FromSlice[E any](es []E) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		ask := prompt.Ask(ctx)
		defer ask.Forget()
		_, step := prompt.Offer(&ask, sink, es)
		return step
	})
}

// FromInput returns an Enumerator of the elements of in. If in ends the stream, the Enumerator sends
// EOF after them, and no source can follow it.
//
// Play calls it Enumerator.enumInput, and Enumerator.eof if in is EOF.
func FromInput[E any](in iteratee.Input[E]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		step := FromSlice(in.Els()).Into(ctx, sink)
		if step.IsCont() && in.IsEOF() {
			step = sink.EOF()
		}
		return step
	})
}
