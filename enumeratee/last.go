package enumeratee

import (
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// TakeLast returns the adapter that hands on the last n elements at EOF, or all elements if fewer than
// n have come. It asks for every element of the source and keeps n of them in memory. TakeLast(0)
// hands on no element. If the consumer ends on one of the elements, its leftovers are left over,
// followed by the elements that TakeLast still keeps. TakeLast panics if n is negative.
//
// ReactiveX: TakeLast.
func TakeLast[E any](n int) Enumeratee[E, E] {
	check.NotNegative("enumeratee: TakeLast: n", n)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		t := &takingLast[E]{stage: stage, out: out, n: n, ask: stage.asker()}
		return t, iteratee.StepCont
	})
}

type takingLast[E any] struct {
	stage Stage
	out   iteratee.Outlet[E]
	n     int
	ask   *prompt.Asker
	last  queue[E]
	end   iteratee.Step
}

func (t *takingLast[E]) Next(e E) iteratee.Step {
	if !t.end.IsCont() {
		return t.end
	}
	if t.last.n == t.n {
		if t.n == 0 {
			return iteratee.StepCont
		}
		t.last.pop()
	}
	t.last.push(e)
	return iteratee.StepCont
}

func (t *takingLast[E]) EOF() iteratee.Step {
	for t.end.IsCont() {
		if t.last.empty() {
			t.end = t.stage.Stop()
			break
		}
		if t.end = t.out.Next(t.last.pop()); t.end.IsCont() {
			t.end = t.ask.Cancelled()
		}
	}
	return t.end
}

func (t *takingLast[E]) Rest() iteratee.Input[E] {
	if t.end.IsCont() {
		return iteratee.Empty[E]()
	}
	return t.out.Rest().Then(iteratee.Els(t.last.all()...))
}

// DropLast returns the adapter that hands on all elements but the last n. It hands on an element when
// the n-th element after it comes. It keeps n elements in memory, and drops them at EOF. If the
// consumer ends before EOF, its leftovers are left over, followed by the elements that DropLast keeps.
// DropLast panics if n is negative.
//
// ReactiveX: SkipLast.
func DropLast[E any](n int) Enumeratee[E, E] {
	check.NotNegative("enumeratee: DropLast: n", n)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		d := &droppingLast[E]{stage: stage, out: out, n: n}
		return d, iteratee.StepCont
	})
}

type droppingLast[E any] struct {
	stage Stage
	out   iteratee.Outlet[E]
	n     int
	last  queue[E]
	end   iteratee.Step
}

func (d *droppingLast[E]) Next(e E) iteratee.Step {
	if !d.end.IsCont() {
		return d.end
	}
	if d.last.push(e); d.last.n > d.n {
		d.end = d.out.Next(d.last.pop())
	}
	return d.end
}

func (d *droppingLast[E]) EOF() iteratee.Step {
	if d.end.IsCont() {
		d.end, d.last = d.stage.Stop(), queue[E]{}
	}
	return d.end
}

func (d *droppingLast[E]) Rest() iteratee.Input[E] {
	if d.end.IsCont() {
		return iteratee.Empty[E]()
	}
	return d.out.Rest().Then(iteratee.Els(d.last.all()...))
}

// DefaultIfEmpty returns the adapter that changes nothing, but hands on e at EOF if no element has
// come. The leftovers of the consumer are left over, except e.
//
// ReactiveX: DefaultIfEmpty.
func DefaultIfEmpty[E any](e E) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		d := &defaulting[E]{stage: stage, out: out, e: e}
		return d, iteratee.StepCont
	})
}

type defaulting[E any] struct {
	stage Stage
	out   iteratee.Outlet[E]
	e     E
	came  bool
	end   iteratee.Step
}

func (d *defaulting[E]) Next(e E) iteratee.Step {
	if d.end.IsCont() {
		d.came = true
		d.end = d.out.Next(e)
	}
	return d.end
}

func (d *defaulting[E]) EOF() iteratee.Step {
	if d.end.IsCont() && !d.came {
		d.end = d.out.Next(d.e)
	}
	if d.end.IsCont() {
		d.end = d.stage.Stop()
	}
	return d.end
}

func (d *defaulting[E]) Rest() iteratee.Input[E] {
	if !d.came {
		return iteratee.Empty[E]()
	}
	return d.out.Rest()
}
