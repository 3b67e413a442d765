package enumeratee

import (
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// Filter returns the adapter that hands on the elements for which keep returns true. The leftovers of the
// consumer are left over.
//
// Play calls it Enumeratee.filter.
func Filter[E any](keep func(E) bool) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		return &filter[E]{Stage: stage, Outlet: out, keep: keep}, iteratee.StepCont
	})
}

type filter[E any] struct {
	Stage
	iteratee.Outlet[E]
	keep func(E) bool
	end  iteratee.Step
}

func (f *filter[E]) Next(e E) iteratee.Step {
	if !f.keep(e) {
		return f.end
	}
	step := f.Outlet.Next(e)
	if !step.IsCont() {
		f.end = step
	}
	return step
}

func (f *filter[E]) Batch(es []E, ended *fast.Flag) (int, iteratee.Step) {
	for i, e := range es {
		if ended.Load() {
			return i, iteratee.Step{}
		}
		if f.keep(e) {
			if step := f.Outlet.Next(e); !step.IsCont() {
				f.end = step
				return i + 1, step
			}
		}
	}
	return len(es), f.end
}

// FilterNot returns the adapter that hands on the elements for which drop returns false. The leftovers of the
// consumer are left over.
//
// Play calls it Enumeratee.filterNot.
func FilterNot[E any](drop func(E) bool) Enumeratee[E, E] {
	return Filter(func(e E) bool { return !drop(e) })
}

// FilterMap returns the adapter that calls f with each element and hands on the values that f returns with
// true. The leftovers are those of [Map].
//
// Play calls it Enumeratee.collect, and takes a partial function.
func FilterMap[From, To any](f func(From) (To, bool)) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return &filterMap[From, To]{Stage: stage, giver: giver[From, To]{out: out}, f: f}, iteratee.StepCont
	})
}

type filterMap[From, To any] struct {
	Stage
	giver[From, To]
	f func(From) (To, bool)
}

func (f *filterMap[From, To]) Next(e From) iteratee.Step {
	to, ok := f.f(e)
	if !ok {
		return f.end
	}
	if step := f.out.Next(to); !step.IsCont() {
		return f.ended(e, step)
	}
	return iteratee.StepCont
}
