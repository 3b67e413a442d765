package enumeratee

import (
	"context"
	"errors"

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
		own, interrupt := stage.Interruptible()
		ctx, cancel := context.WithCancel(own)
		a := &async[From]{stage: stage, ctx: ctx, in: make(chan From), over: make(chan struct{})}
		stage.AtEnd(func() {
			cancel()
			<-a.over
			a.answer()
		})
		go a.run(interrupt, func() iteratee.Step { return iteratee.Interrupted(own, loop(ctx, a.in, inner)) })
		return iteratee.Sink[From]{Next: a.next, EOF: a.eof, Rest: func() iteratee.Input[From] { return a.rest }}, iteratee.StepCont
	})
}

// async is what the goroutine of the source has of the one of the consumer.
type async[E any] struct {
	stage  Stage
	ctx    context.Context
	in     chan E
	closed bool              // in
	rest   iteratee.Input[E] // what was not received any more

	over     chan struct{} // closed after end and panicked are set
	end      iteratee.Step
	panicked any
}

var errGoexit = errors.New("enumeratee: Async: its function has called runtime.Goexit")

// run runs in the goroutine of the consumer.
func (a *async[E]) run(interrupt func(iteratee.Step), loop func() iteratee.Step) {
	a.panicked = errGoexit
	defer func() {
		if v := recover(); v != nil {
			a.panicked = v
		}
		if a.panicked != nil {
			a.end = iteratee.StepError(errors.New("enumeratee: Async: its function has panicked"))
		}
		if a.end.IsCont() {
			a.end = a.stage.Stop()
		}
		close(a.over)
		interrupt(a.end)
	}()
	a.end = loop()
	a.panicked = nil
}

// answer is the last answer, after over is closed. It hands a panic on, once.
func (a *async[E]) answer() iteratee.Step {
	if v := a.panicked; v != nil {
		a.panicked = nil
		panic(v)
	}
	return a.end
}

func (a *async[E]) next(e E) iteratee.Step {
	select {
	case a.in <- e:
		return iteratee.StepCont
	case <-a.over:
		if a.rest.IsEmpty() {
			a.rest = iteratee.El(e)
		}
		return a.answer()
	}
}

func (a *async[E]) eof() iteratee.Step {
	if !a.closed {
		a.closed = true
		close(a.in)
	}
	<-a.over
	return a.answer()
}
