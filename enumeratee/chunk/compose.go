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
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[C]) (iteratee.Sink[[]E], iteratee.Step) {
		sink, step := both.Attach(stage, out)
		return joinedRest[E]{sink}, step
	})
}

// joinedRest joins the chunks that a Sink leaves over.
type joinedRest[E any] struct{ iteratee.Sink[[]E] }

func (j joinedRest[E]) Rest() iteratee.Input[[]E] {
	return leftOver(nil, slices.Concat(j.Sink.Rest().Els()...), 0)
}
