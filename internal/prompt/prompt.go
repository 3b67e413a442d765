// Package prompt lets a loop over elements notice the end of its context after the element in hand.
package prompt

import (
	"context"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// An Asker tells a loop, after each element, whether a context has ended, at the cost of an atomic load. It
// belongs to one goroutine.
//
// It asks the context itself for the first elements. After that it lets the context set a flag, which takes
// some allocations.
type Asker struct {
	ctx    context.Context
	asked  int
	flag   *fast.Flag // nil while the context itself is asked
	forget func() bool
}

// asks is the number of times that the context itself is asked. Setting up the flag costs as much.
const asks = 32

// never is the flag of a context that cannot end.
var never fast.Flag

// Ask returns the Asker of ctx. The caller must call Forget at the end.
func Ask(ctx context.Context) Asker {
	a := Asker{ctx: ctx}
	if ctx.Done() == nil {
		a.flag = &never
	}
	return a
}

// Cancelled is like [iteratee.Cancelled], but may notice the end a moment later.
func (a *Asker) Cancelled() iteratee.Step {
	if a.flag != nil && !a.flag.Load() { // inlined into the loop
		return iteratee.Step{}
	}
	return a.ask()
}

func (a *Asker) ask() iteratee.Step {
	switch {
	case a.flag != nil:
	case a.asked == asks:
		a.setFlag()
	default:
		a.asked++
	}
	return iteratee.Cancelled(a.ctx)
}

func (a *Asker) setFlag() {
	flag := new(fast.Flag)
	a.flag = flag
	a.forget = context.AfterFunc(a.ctx, func() { flag.Store(true) })
	if a.ctx.Err() != nil {
		flag.Store(true) // the function of AfterFunc may still be about to run
	}
}

// Forget releases the flag from the context.
func (a *Asker) Forget() {
	if a.forget != nil {
		a.forget()
	}
}

// Offer hands the elements es to out, until out is done or the context has ended. It makes one call if out can
// take several elements. It returns the number of elements handed over and the last answer, which is the cause
// if the context has ended.
func Offer[E any](a *Asker, out iteratee.Outlet[E], es []E) (n int, step iteratee.Step) {
	for a.flag == nil && n < len(es) {
		n++
		if step = out.Next(es[n-1]); !step.IsCont() {
			return n, step
		}
		if step = a.Cancelled(); !step.IsCont() {
			return n, step
		}
	}
	if n == len(es) {
		return n, step
	}
	m, step := fast.Offer[E, iteratee.Step](out, es[n:], a.flag)
	if step.IsCont() {
		step = a.Cancelled()
	}
	return n + m, step
}
