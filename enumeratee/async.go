package enumeratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Async returns the adapter that runs loop, and with it the consumer, in a goroutine of its own. loop receives
// the elements from in, which is closed when they have run out, and hands on elements to out, which is not done
// yet, whenever it wants. An element is taken from the source when loop is ready to receive it, and not when the
// element has been handed on.
//
// loop returns the last answer of out, or StepError if it has failed itself. StepCont says that it has handed on
// all elements and out is still open: after in was closed, or before, which stops the adapter. ctx ends when the
// adapter is no longer needed: loop must return then, and all goroutines that it has started must have ended by
// then.
//
// When loop returns before in is closed, the source is stopped, also while it waits for its next element. A source
// that other parts of the run still need, such as that of a part of a FlatMap, is stopped at its next element. The
// run is not over before loop has returned. A panic of loop reaches the caller of the run. Elements that loop has
// received count as consumed; an element that it did not receive is left over.
//
// Operators with a clock or with goroutines are made of Async. Play has nothing like it, because all of its
// consumers run elsewhere.
func Async[From, To any](loop func(ctx context.Context, in <-chan From, out iteratee.Outlet[To]) iteratee.Step) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return newAsync(stage, iteratee.Empty[From], func(ctx context.Context, in <-chan From) iteratee.Step {
			return loop(ctx, in, out)
		})
	})
}

// newAsync is [Async] for an adapter that can tell which of the elements that its loop has received are left over.
func newAsync[E any](stage Stage, left func() iteratee.Input[E], loop func(ctx context.Context, in <-chan E) iteratee.Step) (iteratee.Sink[E], iteratee.Step) {
	a := &async[E]{in: make(chan E), left: left}
	a.consumer = goRun(stage, func(ctx context.Context) iteratee.Step { return loop(ctx, a.in) })
	return a, iteratee.StepCont
}

type async[E any] struct {
	in       chan E
	closed   bool
	left     func() iteratee.Input[E]
	late     iteratee.Input[E] // the element that loop no longer received
	consumer *running
}

func (a *async[E]) Next(e E) iteratee.Step {
	select {
	case a.in <- e:
		return iteratee.StepCont
	case <-a.consumer.over:
		if a.late.IsEmpty() {
			a.late = iteratee.El(e)
		}
		return a.consumer.answer()
	}
}

func (a *async[E]) EOF() iteratee.Step {
	if !a.closed {
		a.closed = true
		close(a.in)
	}
	return a.consumer.answer()
}

func (a *async[E]) Rest() iteratee.Input[E] {
	if !a.consumer.isOver() {
		return iteratee.Empty[E]()
	}
	return a.left().Then(a.late)
}

// running is the goroutine of a consumer, as the goroutine of the source sees it.
type running struct {
	cancel   func()        // its context
	over     chan struct{} // closed after end and panicked are set
	end      iteratee.Step
	panicked any
}

// goRun runs loop in a goroutine, which ends with the attachment of the adapter at the
// latest. When loop has returned, the source is interrupted.
func goRun(stage Stage, loop func(ctx context.Context) iteratee.Step) *running {
	own, interrupt := stage.interruptible()
	r := &running{over: make(chan struct{})}
	r.cancel = iteratee.Go(own, func(ctx context.Context) {
		defer func() { interrupt(r.end) }()
		defer close(r.over)
		guard.Run(elsewhere, func() {
			if r.end = scope.Interrupted(own, loop(ctx)); r.end.IsCont() {
				r.end = stage.Stop()
			}
		}, func(panicked any) {
			if panicked != nil {
				r.end, r.panicked = iteratee.StepError(errPanicked), panicked
			}
		})
	})
	stage.goes = true
	stage.AtEnd(func() {
		r.stop()
		r.answer()
	})
	return r
}

// answer waits for the last answer and returns it. It hands a panic on, once.
func (r *running) answer() iteratee.Step {
	<-r.over
	if v := r.panicked; v != nil {
		r.panicked = nil
		panic(v)
	}
	return r.end
}

func (r *running) isOver() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// stop ends the context of the goroutine, and waits for it.
func (r *running) stop() {
	r.cancel()
	<-r.over
}

// elsewhere names the function at fault for [guard.Run].
const elsewhere = "enumeratee: a function in another goroutine"

var errPanicked = errors.New(elsewhere + " has panicked")
