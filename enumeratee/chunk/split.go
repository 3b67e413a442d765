package chunk

import (
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// SplitOnceAt returns the adapter that hands on items while keep returns true, and stops at the
// first item for which keep returns false. That item is removed. The items after it are left over.
// If there is no such item, all items are handed on. keep is called once per item, in order.
//
// The part of the chunk before that item is handed on unless it is empty. If the
// consumer is done by then, the item is not removed: the leftovers are those of the
// consumer, followed by the items of the chunk that were not handed on.
//
// Play calls it Traversable.splitOnceAt.
func SplitOnceAt[E any](keep func(E) bool) enumeratee.Enumeratee[[]E, []E] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]E]) (iteratee.Sink[[]E], iteratee.Step) {
		return &splitting[E]{Stage: stage, out: out, keep: keep}, iteratee.StepCont
	})
}

type splitting[E any] struct {
	enumeratee.Stage
	out   iteratee.Outlet[[]E]
	keep  func(E) bool
	end   iteratee.Step
	chunk []E // the last one
	n     int // the number of its items that were handed on
}

func (s *splitting[E]) Next(es []E) iteratee.Step {
	if !s.end.IsCont() {
		return s.end
	}
	at := slices.IndexFunc(es, func(e E) bool { return !s.keep(e) })
	switch {
	case at < 0:
		s.end = s.out.Next(es)
		return s.end
	case at > 0:
		s.end = s.out.Next(es[:at:at])
	}
	if s.chunk, s.n = es, at; s.end.IsCont() {
		s.end, s.chunk, s.n = s.Stop(), es[at+1:], 0
	}
	return s.end
}

func (s *splitting[E]) Rest() iteratee.Input[[]E] { return leftOver(s.out.Rest().Els(), s.chunk, s.n) }
