// Package prompt has a loop over elements notice the end of its context after the element in hand.
package prompt

import (
	"context"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// An Asker asks after each element whether a context has ended, at the cost of an atomic load. It
// belongs to one goroutine.
//
// At first it asks the context itself. If many elements come, it has the context set a flag, which
// takes some allocations.
type Asker struct {
	ctx    context.Context
	asked  int
	flag   *fast.Flag // nil while the context itself is asked
	forget func() bool
}

// asks is how often the context itself is asked. To have it set a flag costs as much.
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

// Cancelled is [iteratee.Cancelled]. It may notice the end a moment later.
func (a *Asker) Cancelled() iteratee.Step {
	switch {
	case a.flag != nil:
		if !a.flag.Load() {
			return iteratee.StepCont
		}
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
		flag.Store(true) // the function takes a moment
	}
}

// Forget has the context forget the flag.
func (a *Asker) Forget() {
	if a.forget != nil {
		a.forget()
	}
}

// Offer hands over es, in one call where the sink can take that, until it is done or the context
// has ended. It returns how many were handed over, and the last answer: the cause if the context has
// ended.
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
