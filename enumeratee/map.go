package enumeratee

import (
	"context"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// Map returns the adapter that hands on f of each element.
//
// If the consumer leaves over the value on which it ended, the element of that value is left over. Map keeps no
// other element. If the value is a chunk and the consumer leaves over a part of it, Map leaves over the whole
// element.
//
// Play calls it Enumeratee.map.
func Map[From, To any](f func(From) To) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		m := mapping[From, To]{Stage: stage, giver: giver[From, To]{out: out}, f: f}
		switch behind := out.(type) { // each case saves calls
		case *filter[To]:
			return &mapFilter[From, To]{m, behind.keep, behind.Outlet}, iteratee.StepCont
		case *mapping[To, To]:
			m.f, m.out = then(f, behind.f), behind.out
		case *mapFilter[To, To]:
			m.f, m.out = then(f, behind.f), behind.out
			return &mapFilter[From, To]{m, behind.keep, behind.next}, iteratee.StepCont
		}
		return &m, iteratee.StepCont
	})
}

// then returns the function that calls f, then g with the result.
func then[A, B, C any](f func(A) B, g func(B) C) func(A) C {
	return func(a A) C { return g(f(a)) }
}

type mapping[From, To any] struct {
	Stage
	giver[From, To]
	f func(From) To
}

func (m *mapping[From, To]) Next(e From) iteratee.Step {
	step := m.out.Next(m.f(e))
	if !step.IsCont() {
		m.ended(e, step)
	}
	return step
}

func (m *mapping[From, To]) Batch(es []From, ended *fast.Flag) (int, iteratee.Step) {
	f, out := m.f, m.out
	for i := range es {
		if ended.Load() {
			return i, iteratee.Step{}
		}
		if step := out.Next(f(es[i])); !step.IsCont() {
			return i + 1, m.ended(es[i], step)
		}
	}
	return len(es), m.end
}

// mapFilter is a mapping that calls the function of the filter behind it.
type mapFilter[From, To any] struct {
	mapping[From, To]
	keep func(To) bool
	next iteratee.Outlet[To] // behind the filter
}

func (m *mapFilter[From, To]) Next(e From) iteratee.Step {
	to := m.f(e)
	if !m.keep(to) {
		return m.end
	}
	step := m.next.Next(to)
	if !step.IsCont() {
		m.ended(e, step)
	}
	return step
}

func (m *mapFilter[From, To]) Batch(es []From, ended *fast.Flag) (int, iteratee.Step) {
	f, keep, next := m.f, m.keep, m.next
	for i := range es {
		if ended.Load() {
			return i, iteratee.Step{}
		}
		to := f(es[i])
		if keep(to) {
			if step := next.Next(to); !step.IsCont() {
				return i + 1, m.ended(es[i], step)
			}
		}
	}
	return len(es), m.end
}

// MapM is [Map] with a function that takes the context of the run and can fail. The first error ends the
// run. f is not called after that, nor once the context has ended.
//
// Play calls it Enumeratee.mapM.
func MapM[From, To any](f func(context.Context, From) (To, error)) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return &mapM[From, To]{Stage: stage, giver: giver[From, To]{out: out}, f: f}, iteratee.StepCont
	})
}

type mapM[From, To any] struct {
	Stage
	giver[From, To]
	f func(context.Context, From) (To, error)
}

func (m *mapM[From, To]) Next(e From) iteratee.Step {
	if m.end.IsCont() {
		m.end = iteratee.Cancelled(m.Context())
	}
	if !m.end.IsCont() {
		return m.end
	}
	to, err := m.f(m.Context(), e)
	if err != nil {
		m.end = iteratee.StepError(err)
		return m.end
	}
	if step := m.out.Next(to); !step.IsCont() {
		return m.ended(e, step)
	}
	return iteratee.StepCont
}

// giver gives back the element on which the consumer of an adapter has ended, if the consumer has left over the
// value that was made of it.
type giver[From, To any] struct {
	out  iteratee.Outlet[To]
	last iteratee.Input[From]
	end  iteratee.Step
}

// ended is not inlined, so that the stack frames of its callers stay small.
//
//go:noinline
func (g *giver[From, To]) ended(e From, step iteratee.Step) iteratee.Step {
	if g.end.IsCont() {
		g.last, g.end = iteratee.El(e), step
	}
	return step
}

func (g *giver[From, To]) Rest() iteratee.Input[From] {
	if _, ok := g.out.Rest().El(); ok {
		return g.last
	}
	return iteratee.Empty[From]()
}
