package enumeratee

import (
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// Take returns the adapter that hands on the first n elements and stops with the n-th. It never asks for an
// element after that. Take(0) stops before the first element. A shorter stream is not an error. The leftovers of
// the consumer are left over. Take panics if n is negative.
//
// Play calls it Enumeratee.take.
func Take[E any](n int) Enumeratee[E, E] {
	check.NotNegative("enumeratee: Take: n", n)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		t := &take[E]{Stage: stage, Outlet: out, n: n, left: n}
		return t, t.passed(0)
	})
}

type take[E any] struct {
	fast.Starts
	Stage
	iteratee.Outlet[E]
	n, left int
}

func (t *take[E]) Next(e E) iteratee.Step {
	if t.left == 0 {
		return t.Stop()
	}
	if step := t.Outlet.Next(e); !step.IsCont() {
		return step
	}
	return t.passed(1)
}

func (t *take[E]) Batch(es []E, ended *fast.Flag) (int, iteratee.Step) {
	if t.left == 0 {
		return 0, t.Stop()
	}
	n, step := fast.Offer[E, iteratee.Step](t.Outlet, es[:min(len(es), t.left)], ended)
	if !step.IsCont() {
		return n, step
	}
	return n, t.passed(n)
}

// passed returns the answer when another n elements have passed.
func (t *take[E]) passed(n int) iteratee.Step {
	if t.left -= n; t.left == 0 {
		return t.Stop()
	}
	return iteratee.StepCont
}

func (t *take[E]) Reset() (step iteratee.Step, ok bool) {
	if step, ok = fast.Reset[E, iteratee.Step](t.Outlet); !ok {
		return step, false
	}
	t.left = t.n
	if !step.IsCont() {
		return step, true
	}
	return t.passed(0), true
}

// TakeWhile returns the adapter that hands on elements while keep returns true, and stops at the first element
// for which it returns false. The leftovers of the consumer are left over, followed by that element.
//
// Play calls it Enumeratee.takeWhile.
func TakeWhile[E any](keep func(E) bool) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		return &takeWhile[E]{Stage: stage, Outlet: out, keep: keep}, iteratee.StepCont
	})
}

type takeWhile[E any] struct {
	Stage
	iteratee.Outlet[E]
	keep func(E) bool
	end  iteratee.Step
	rest iteratee.Input[E]
}

func (t *takeWhile[E]) Next(e E) iteratee.Step {
	switch {
	case !t.end.IsCont():
	case t.keep(e):
		t.end = t.Outlet.Next(e)
	default:
		t.end, t.rest = t.Stop(), iteratee.El(e)
	}
	return t.end
}

func (t *takeWhile[E]) Rest() iteratee.Input[E] { return t.Outlet.Rest().Then(t.rest) }

// BreakE returns the adapter that hands on elements until stop returns true for one, and stops at that element.
// It does the same as [TakeWhile] with the opposite condition.
//
// Play calls it Enumeratee.breakE.
func BreakE[E any](stop func(E) bool) Enumeratee[E, E] {
	return TakeWhile(func(e E) bool { return !stop(e) })
}

// Drop returns the adapter that drops the first n elements and hands on the others. The leftovers of the
// consumer are left over. Drop panics if n is negative.
//
// Play calls it Enumeratee.drop.
func Drop[E any](n int) Enumeratee[E, E] {
	check.NotNegative("enumeratee: Drop: n", n)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		return &drop[E]{stage, out, n}, iteratee.StepCont
	})
}

type drop[E any] struct {
	Stage
	iteratee.Outlet[E]
	left int
}

func (d *drop[E]) Next(e E) iteratee.Step {
	if d.left > 0 {
		d.left--
		return iteratee.Step{}
	}
	return d.Outlet.Next(e)
}

// DropWhile returns the adapter that drops elements while drop returns true. It hands on the first element for
// which drop returns false and all elements after that, without calling drop. The leftovers of the consumer are
// left over.
//
// Play calls it Enumeratee.dropWhile.
func DropWhile[E any](drop func(E) bool) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		dropping := true
		return Filter(func(e E) bool {
			dropping = dropping && drop(e)
			return !dropping
		}).Attach(stage, out)
	})
}
