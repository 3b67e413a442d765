package enumeratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/iteratee"
)

// Async returns the adapter that runs loop, and with it the consumer, in a goroutine of
// its own: loop receives the elements from in, which is closed when they have run out, and
// hands on to out, which is not done yet, whatever and whenever it wants. An element is
// taken from the source when loop is ready to receive it, not when it has been handed on.
//
// loop returns the last answer of out, or StepError if it has failed itself. StepCont
// says that it has handed on all that it will while out is still open: after in was closed,
// or before, which stops the adapter. ctx ends when the adapter is not needed any more:
// loop must return then, and everything that it has started must have ended by then. It must not call
// out.EOF.
//
// When loop returns before in is closed, the source is stopped, also while it waits for its
// next element; see [iteratee.Interruptible] for the exceptions. The run is not over
// before loop has returned. A panic of loop reaches the caller of the run. What loop
// received counts as consumed; an element that it did not receive is left over.
//
// It is what operators with a clock or with goroutines are made of; Play has no such thing,
// since all of its consumers run elsewhere.
func Async[From, To any](loop func(ctx context.Context, in <-chan From, out iteratee.Sink[To]) iteratee.Step) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		return async(stage, iteratee.Empty[From], func(ctx context.Context, in <-chan From) iteratee.Step {
			return loop(ctx, in, inner)
		})
	})
}

// async is [Async] for an adapter that can tell what is left over of what its loop has
// received.
func async[E any](stage Stage, left func() iteratee.Input[E], loop func(ctx context.Context, in <-chan E) iteratee.Step) (iteratee.Sink[E], iteratee.Step) {
	in := make(chan E)
	closed := false
	var late iteratee.Input[E] // what was not received any more
	consumer := goRun(stage, func(ctx context.Context) iteratee.Step { return loop(ctx, in) })
	return iteratee.Sink[E]{
		Next: func(e E) iteratee.Step {
			select {
			case in <- e:
				return iteratee.StepCont
			case <-consumer.over:
				if late.IsEmpty() {
					late = iteratee.El(e)
				}
				return consumer.answer()
			}
		},
		EOF: func() iteratee.Step {
			if !closed {
				closed = true
				close(in)
			}
			return consumer.answer()
		},
		Rest: func() iteratee.Input[E] {
			if !consumer.isOver() {
				return iteratee.Empty[E]()
			}
			return left().Then(late)
		},
	}, iteratee.StepCont
}

// running is what the goroutine of the source has of the one of the consumer.
type running struct {
	cancel   func()        // its context
	over     chan struct{} // closed after end and panicked are set
	end      iteratee.Step
	panicked any
}

// goRun runs loop in a goroutine, which ends with the attachment of the adapter at the
// latest. When loop has returned, the source is interrupted.
func goRun(stage Stage, loop func(ctx context.Context) iteratee.Step) *running {
	own, interrupt := stage.Interruptible()
	r := &running{over: make(chan struct{})}
	r.cancel = iteratee.Go(own, func(ctx context.Context) {
		defer func() { interrupt(r.end) }()
		defer close(r.over)
		guard.Run(elsewhere, func() {
			if r.end = iteratee.Interrupted(own, loop(ctx)); r.end.IsCont() {
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

// answer is the last answer. It waits for that, and hands a panic on, once.
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

// elsewhere is who is at fault there, for [guard.Run].
const elsewhere = "enumeratee: a function in another goroutine"

var errPanicked = errors.New(elsewhere + " has panicked")
