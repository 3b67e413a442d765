package chunk

import (
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// SplitOnceAt returns the adapter that hands on items while p is true and stops at the
// first for which it is not. That item is removed, what follows it is left over. If
// there is no such item, all is handed on. p is called once per item, in order.
//
// The part of the chunk before that item is handed on unless it is empty. If the
// consumer is done by then, nothing is removed: what it leaves over, then what of the
// chunk was not handed on, is left over.
//
// It is Play's Traversable.splitOnceAt.
func SplitOnceAt[E any](p func(E) bool) enumeratee.Enumeratee[[]E, []E] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[[]E]) (iteratee.Sink[[]E], iteratee.Step) {
		var (
			end   iteratee.Step
			chunk []E // the last one
			n     int // how many items of it were handed on
		)
		return iteratee.Sink[[]E]{
			Next: func(es []E) iteratee.Step {
				if !end.IsCont() {
					return end
				}
				at := slices.IndexFunc(es, func(e E) bool { return !p(e) })
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
