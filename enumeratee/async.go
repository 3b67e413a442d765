package enumeratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Async returns the adapter that runs loop in a goroutine of its own. loop receives the elements from in, which
// is closed at EOF. It hands on elements to out, the consumer, whenever it wants. The source goes on when loop has
// received an element, and does not wait until loop has handed it on.
//
// loop returns the last answer of out, or StepError if loop itself has failed. It returns StepCont if it has
// handed on all its elements and out still wants more. If in is not closed by then, the adapter stops. ctx
// ends when the adapter is no longer needed. Then loop must return. Goroutines that loop has started must
// end before it returns.
//
// When loop returns before in is closed, the source is stopped, even if it waits for its next element. A
// source that other parts of the run still need, such as that of a part of a FlatMap, is stopped at its next
// element. An element that loop did not receive is left over. The elements that it has received count as
// consumed.
//
// The run is not over before loop has returned. A panic of loop reaches the caller of the run.
//
// Play has no such adapter, because all of its consumers run in other threads.
func Async[From, To any](loop func(ctx context.Context, in <-chan From, out iteratee.Outlet[To]) iteratee.Step) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return newAsync(stage, iteratee.Empty[From], func(ctx context.Context, in <-chan From) iteratee.Step {
			return loop(ctx, in, out)
		})
	})
}

// newAsync is [Async] for an adapter whose loop can leave elements over. left returns them.
func newAsync[E any](stage Stage, left func() iteratee.Input[E], loop func(ctx context.Context, in <-chan E) iteratee.Step) (iteratee.Sink[E], iteratee.Step) {
	a := &async[E]{in: make(chan E), left: left}
	a.consumer = goRun(stage, func(ctx context.Context) iteratee.Step { return loop(ctx, a.in) })
	return a, iteratee.StepCont
}

type async[E any] struct {
	in       chan E
	closed   bool
	left     func() iteratee.Input[E]
	late     iteratee.Input[E] // the element that came when loop had returned
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

// running is the goroutine of a consumer. It is for the goroutine of the source.
type running struct {
	cancel   func()        // ends its context
	over     chan struct{} // closed when the goroutine has set end and panicked
	end      iteratee.Step
	panicked any
}

// goRun runs loop in a goroutine. When loop has returned, goRun interrupts the source. The goroutine ends
// with the attachment of the adapter at the latest.
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

// answer waits for the last answer and returns it. If the goroutine has panicked, answer panics, once.
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

// elsewhere names a function in another goroutine that has panicked or called runtime.Goexit.
const elsewhere = "enumeratee: a function in another goroutine"

var errPanicked = errors.New(elsewhere + " has panicked")
