package enumerator

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// An Enumerator is a source of elements of type E, which it hands to a consumer.
//
// It is a recipe. Each run starts afresh, so one value may be used many times and by several
// goroutines at once. The zero Enumerator is [Empty].
//
// An Enumerator makes an element only after the consumer has answered the one before, and makes none
// after the consumer is done. It does not send EOF when it runs out, so that another source can
// follow. [Run] sends EOF.
//
// Play calls it Enumerator too.
type Enumerator[E any] struct {
	into func(context.Context, iteratee.Sink[E]) iteratee.Step
	then *concatenation[E] // set instead of into
}

type concatenation[E any] struct{ first, second Enumerator[E] }

// New returns an Enumerator of the function into, which is called once per run and drives sink. sink is not
// done when into is called.
//
// into returns the last answer of sink, or StepError if the source itself fails. StepCont says that
// the source has run out. into must return as soon as an answer is not StepCont, and must close
// whatever it has opened. When ctx ends, also while it waits, it must fail with context.Cause(ctx).
func New[E any](into func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step) Enumerator[E] {
	return Enumerator[E]{into: into}
}

// Empty returns an Enumerator without elements.
//
// Play calls it Enumerator.empty.
func Empty[E any]() Enumerator[E] { return Enumerator[E]{} }

// Never returns an Enumerator that gives no elements and does not run out. It waits until the context
// ends, or until an adapter behind it ends the run. It is for a program that only listens, such as
// one side of a WebSocket.
//
// ReactiveX calls it Never.
func Never[E any]() Enumerator[E] {
	return New(func(ctx context.Context, _ iteratee.Sink[E]) iteratee.Step {
		<-ctx.Done()
		return iteratee.Cancelled(ctx)
	})
}

// AndThen returns an Enumerator that runs source, then next. next is not started if source fails or
// the consumer is done after source. A chain of any length, nested to either side, takes constant
// stack and linear time.
//
// Play calls it >>>.
func (source Enumerator[E]) AndThen(next Enumerator[E]) Enumerator[E] {
	return Enumerator[E]{then: &concatenation[E]{source, next}}
}

// Into drives sink, which must not be done, and returns its last answer. StepCont says that source has
// run out and sink wants more. A failure of source is returned as StepError. An error that means only
// ctx.Err() is replaced by context.Cause(ctx). Into does not send EOF.
//
// Sources made of other sources call Into. All other code calls [Run].
func (source Enumerator[E]) Into(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
	if step := iteratee.Cancelled(ctx); !step.IsCont() {
		return step
	}
	step := source.driver()(ctx, sink)
	if err := step.Err(); err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return iteratee.StepError(stop.Caused(ctx, err))
	}
	return step
}

// driver returns the function that Into calls once it has asked the context. A caller that calls this
// function keeps no frames of Into on the stack of a run, which lasts as long as its stream.
func (source Enumerator[E]) driver() func(context.Context, iteratee.Sink[E]) iteratee.Step {
	switch {
	case source.then != nil:
		return source.then.into
	case source.into == nil:
		return func(context.Context, iteratee.Sink[E]) iteratee.Step { return iteratee.StepCont }
	}
	return source.into
}

func (c *concatenation[E]) into(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
	for todo := []Enumerator[E]{c.second, c.first}; len(todo) > 0; {
		last := len(todo) - 1
		source := todo[last]
		todo = todo[:last]
		if source.then != nil {
			todo = append(todo, source.then.second, source.then.first)
			continue
		}
		if step := source.Into(ctx, sink); !step.IsCont() {
			return step
		}
	}
	return iteratee.StepCont
}
