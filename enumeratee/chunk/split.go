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
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]E]) (iteratee.Sink[[]E], iteratee.Step) {
		return &splitting[E]{Stage: stage, out: out, p: p}, iteratee.StepCont
	})
}

type splitting[E any] struct {
	enumeratee.Stage
	out   iteratee.Outlet[[]E]
	p     func(E) bool
	end   iteratee.Step
	chunk []E // the last one
	n     int // how many items of it were handed on
}

func (s *splitting[E]) Next(es []E) iteratee.Step {
	if !s.end.IsCont() {
		return s.end
	}
	at := slices.IndexFunc(es, func(e E) bool { return !s.p(e) })
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
