package enumeratee

import (
	"context"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// MapConcat returns the adapter that calls f with each element and hands on the values of the slice that f
// returns, in order. If the consumer ends on one of them, the others are dropped. If it ends on the first of
// them and leaves it over, the element of that slice is left over.
//
// Play calls it Enumeratee.mapConcat.
func MapConcat[From, To any](f func(From) []To) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return &mapConcat[From, To]{severalOf[From, To]{stage, giver[From, To]{out: out}, stage.asker()}, f}, iteratee.StepCont
	})
}

type mapConcat[From, To any] struct {
	severalOf[From, To]
	f func(From) []To
}

func (m *mapConcat[From, To]) Next(e From) iteratee.Step {
	if m.end.IsCont() {
		m.handOn(e, m.f(e))
	}
	return m.end
}

// severalOf is an adapter that makes several values of one element.
type severalOf[From, To any] struct {
	Stage
	giver[From, To]
	ask *prompt.Asker
}

// handOn hands on es, which f has made of e.
func (s *severalOf[From, To]) handOn(e From, es []To) {
	n, step := prompt.Offer(s.ask, s.out, es)
	if n == 1 && !step.IsCont() {
		s.last = iteratee.El(e)
	}
	s.end = step
}

// MapInput returns the adapter that calls f with each element, as an Input, and hands on the elements of the
// Input that f returns: one, several ([iteratee.Input.Then]) or none. It stops after an Input that ends the
// stream. The leftovers are those of [MapConcat]. Each Input takes an allocation.
//
// Play calls it Enumeratee.mapInput and mapConcatInput, and calls f with Empty too.
func MapInput[From, To any](f func(iteratee.Input[From]) iteratee.Input[To]) Enumeratee[From, To] {
	return MapInputM(func(_ context.Context, in iteratee.Input[From]) (iteratee.Input[To], error) { return f(in), nil })
}

// MapInputM is [MapInput] with a function that takes the context of the run and can fail. The first error ends
// the run. f is not called after that, nor once the context has ended.
//
// Play calls it Enumeratee.mapInputM.
func MapInputM[From, To any](f func(context.Context, iteratee.Input[From]) (iteratee.Input[To], error)) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return &mapInput[From, To]{severalOf[From, To]{stage, giver[From, To]{out: out}, stage.asker()}, f}, iteratee.StepCont
	})
}

type mapInput[From, To any] struct {
	severalOf[From, To]
	f func(context.Context, iteratee.Input[From]) (iteratee.Input[To], error)
}

func (m *mapInput[From, To]) Next(e From) iteratee.Step {
	if m.end.IsCont() {
		m.end = iteratee.Cancelled(m.Context())
	}
	if !m.end.IsCont() {
		return m.end
	}
	in, err := m.f(m.Context(), iteratee.El(e))
	if err != nil {
		m.end = iteratee.StepError(err)
		return m.end
	}
	if m.handOn(e, in.Els()); m.end.IsCont() && in.IsEOF() {
		m.end = m.Stop()
	}
	return m.end
}
