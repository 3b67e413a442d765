package chunk

import (
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// ComposeConcat is [enumeratee.Compose] whose leftover, of second and then of first,
// comes as one chunk. It is for consumers to which the cutting into chunks matters;
// the items are the same as with Compose.
//
// It is Play's >+>, which keeps what second leaves over where only applyOn shows it:
// take 4 >+> take 2 and a consumer of all make [1,2] and [5,6] of [1,2,3],[4,5,6]
// there, and [1,2] and [3],[4,5,6] here, with [TakeUpTo].
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
