package chunk

import (
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// ComposeConcat is like [enumeratee.Compose], but joins the leftovers of second and of
// first, in this order, into one chunk. The items are the same as with Compose. It helps a
// next consumer that depends on the boundaries between chunks.
//
// Play calls it >+>, and shows the leftovers of second only with applyOn.
func ComposeConcat[E, B, C any](first enumeratee.Enumeratee[[]E, B], second enumeratee.Enumeratee[B, C]) enumeratee.Enumeratee[[]E, C] {
	both := enumeratee.Compose(first, second)
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[C]) (iteratee.Sink[[]E], iteratee.Step) {
		sink, step := both.Attach(stage, inner)
		rest := sink.Rest
		sink.Rest = func() iteratee.Input[[]E] { return leftOver(nil, slices.Concat(rest().Els()...), 0) }
		return sink, step
	})
}
