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
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[C]) (iteratee.Sink[[]E], iteratee.Step) {
		sink, step := both.Attach(stage, inner)
		rest := sink.Rest
		sink.Rest = func() iteratee.Input[[]E] { return leftOver(nil, slices.Concat(rest().Els()...), 0) }
		return sink, step
	})
}
