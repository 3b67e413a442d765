package chunk

import (
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// SplitOnceAt returns the adapter that hands on items while keep returns true, and stops
// at the first item for which keep returns false. That item is removed; the items after
// it are left over. If there is no such item, all items are handed on. keep is called
// once per item, in order.
//
// The part of the chunk before that item is handed on unless it is empty. If the
// consumer is done by then, the item is not removed: the leftovers are those of the
// consumer, followed by the items of the chunk that were not handed on.
//
// Play calls it Traversable.splitOnceAt.
func SplitOnceAt[E any](keep func(E) bool) enumeratee.Enumeratee[[]E, []E] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[[]E]) (iteratee.Sink[[]E], iteratee.Step) {
		var (
			end   iteratee.Step
			chunk []E // the last one
			n     int // the number of its items that were handed on
		)
		return iteratee.Sink[[]E]{
			Next: func(es []E) iteratee.Step {
				if !end.IsCont() {
					return end
				}
				at := slices.IndexFunc(es, func(e E) bool { return !keep(e) })
				switch {
				case at < 0:
					end = inner.Next(es)
					return end
				case at > 0:
					end = inner.Next(es[:at:at])
				}
				if chunk, n = es, at; end.IsCont() {
					end, chunk, n = stage.Stop(), es[at+1:], 0
				}
				return end
			},
			EOF:  stage.EOF,
			Rest: func() iteratee.Input[[]E] { return leftOver(inner.Rest().Els(), chunk, n) },
		}, iteratee.StepCont
	})
}
