package enumerator

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// An Enumerator is a source of E: it drives a consumer.
//
// It is a recipe: every run starts afresh, so one value may be used many times and
// by several goroutines at once. The zero Enumerator is [Empty].
//
// An Enumerator makes the next element only after the consumer has answered, and
// none after the consumer is done. It does not send EOF when it runs out, so that
// another can follow it; [Run] does.
//
// The idea is Play's play.api.libs.iteratee.Enumerator.
type Enumerator[E any] struct {
	into func(context.Context, iteratee.Sink[E]) iteratee.Step
	then *concatenation[E] // set instead of into
}

type concatenation[E any] struct{ first, second Enumerator[E] }

// New makes an Enumerator of the function that drives a consumer which is not done
// yet. The function is called once per run. It returns the consumer's last answer:
// StepCont when it has run out, StepError when it has failed itself. It must stop
// as soon as an answer is not StepCont, close what it has opened, and fail with
// context.Cause(ctx) when the context ends, also while it waits.
func New[E any](into func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step) Enumerator[E] {
	return Enumerator[E]{into: into}
}

// Empty is the Enumerator that has no elements.
//
// It is Play's Enumerator.empty.
func Empty[E any]() Enumerator[E] { return Enumerator[E]{} }

// Never returns the Enumerator that has no elements and does not run out: it waits until the
// context ends, or until the run is over behind an adapter that can stop it. It is for who
// only listens, such as one side of a WebSocket.
//
// It is the Never of ReactiveX.
func Never[E any]() Enumerator[E] {
	return New(func(ctx context.Context, _ iteratee.Sink[E]) iteratee.Step {
		<-ctx.Done()
		return iteratee.Cancelled(ctx)
	})
}

// AndThen returns the Enumerator that is e, then next. next is not started if the
// consumer is done after e, or if e fails. A chain of any length, nested to either
// side, takes constant stack and linear time.
//
// It is Play's >>>.
func (e Enumerator[E]) AndThen(next Enumerator[E]) Enumerator[E] {
	return Enumerator[E]{then: &concatenation[E]{e, next}}
}

// Into drives sink, which must not be done, and returns its last answer: StepCont
// if the source has run out and the sink wants more, otherwise how it ended. A
// failure of the source is an answer too; one that says no more than ctx.Err() becomes
// context.Cause(ctx). Into does not send EOF. It is what
// sources made of sources call; [Run] is for everybody else.
func (e Enumerator[E]) Into(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
	if step := iteratee.Cancelled(ctx); !step.IsCont() {
		return step
	}
	step := e.driver()(ctx, sink)
	if err := step.Err(); err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return iteratee.StepError(stop.Caused(ctx, err))
	}
	return step
}

// driver returns what Into does once the context has been asked. To call it leaves no frames of
// Into on the stack of a run, which lasts as long as a stream does.
func (e Enumerator[E]) driver() func(context.Context, iteratee.Sink[E]) iteratee.Step {
	switch {
	case e.then != nil:
		return e.then.into
	case e.into == nil:
		return func(context.Context, iteratee.Sink[E]) iteratee.Step { return iteratee.StepCont }
	}
	return e.into
}

func (c *concatenation[E]) into(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
	for todo := []Enumerator[E]{c.second, c.first}; len(todo) > 0; {
		last := len(todo) - 1
		e := todo[last]
		todo = todo[:last]
		if e.then != nil {
			todo = append(todo, e.then.second, e.then.first)
			continue
		}
		if step := e.Into(ctx, sink); !step.IsCont() {
			return step
		}
	}
	return iteratee.StepCont
}
