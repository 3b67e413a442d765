package comet

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// Recover returns the adapter that is encode, and goes on where encode fails on an Item, such as
// one whose value cannot be marshalled. It calls f with the error and the Item; then it starts
// encode afresh and hands it a Gap in place of the Item: of one element, with the same Position.
// So a message that cannot be sent costs that message, and clients do not ask for it again.
//
// f is the place to report it; each run of a hub calls f for the same Item. If f returns an error,
// that ends the run. A panic of encode is an error too, with its stack in the text. A failure on a
// Gap or a Reset, or at EOF, ends the run. So do an error of the consumer and the end of the context.
//
// encode must make chunks of an Item as soon as it is handed the Item, as all adapters of this
// package and of eventsource and ndjson do. A chunk that it hands on when it is attached, such as
// the first chunk of a page, is handed on once. If the consumer leaves over the chunk of the Gap,
// the Item is left over. Recover panics if f is nil.
//
// For messages without a Position there is [enumeratee.Recover], which drops one that fails.
func Recover[E, To any](encode enumeratee.Enumeratee[enumerator.Item[E], To], f func(context.Context, error, enumerator.Item[E]) error) enumeratee.Enumeratee[enumerator.Item[E], To] {
	if f == nil {
		panic("comet: Recover: f must not be nil")
	}
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[To]) (iteratee.Sink[enumerator.Item[E]], iteratee.Step) {
		r := &recovering[E, To]{encode: encode, f: f, stage: stage, out: out}
		stage.AtEnd(func() { r.place.End() })
		step := r.attach()
		r.attached = true
		return r, step
	})
}

type recovering[E, To any] struct {
	encode   enumeratee.Enumeratee[enumerator.Item[E], To]
	f        func(context.Context, error, enumerator.Item[E]) error
	stage    enumeratee.Stage
	out      iteratee.Outlet[To]
	attached bool // for the first time

	place      enumeratee.Stage // where encode is attached
	attaching  bool
	outer      iteratee.Sink[enumerator.Item[E]]
	inConsumer bool
	consumer   iteratee.Step // its last answer
	end        iteratee.Step

	replaced iteratee.Input[enumerator.Item[E]] // by a Gap, if that was handed over last
}

func (r *recovering[E, To]) attach() iteratee.Step {
	r.attaching = true
	r.place = enumeratee.NewStage(r.stage.Context())
	var step iteratee.Step
	r.outer, step = r.encode.Attach(r.place, iteratee.Funcs[To]{Next: r.handOn, EOF: enumeratee.Closable(r.out).EOF, Rest: r.out.Rest}.Sink())
	r.attaching = false
	return r.own(step)
}

func (r *recovering[E, To]) handOn(to To) iteratee.Step {
	if r.attaching && r.attached {
		return iteratee.StepCont // the consumer has it already
	}
	r.inConsumer = true // and still is if that panics
	r.consumer = r.out.Next(to)
	r.inConsumer = false
	return r.consumer
}

// own returns the answer of encode, where it stops as that of this adapter.
func (r *recovering[E, To]) own(step iteratee.Step) iteratee.Step {
	if step == r.place.Stop() {
		return r.stage.Stop()
	}
	return step
}

func (r *recovering[E, To]) Next(i enumerator.Item[E]) iteratee.Step {
	if !r.end.IsCont() {
		return r.end
	}
	r.replaced = iteratee.Empty[enumerator.Item[E]]()
	step := r.offer(i)
	if step.IsCont() {
		return step
	}
	if step.Err() != nil && r.consumer.Err() == nil && i.Gap.N == 0 && !i.Reset {
		step = r.tellGap(step.Err(), i)
	}
	if !step.IsCont() {
		r.end = r.own(step)
	}
	return r.end
}

// tellGap hands a Gap to encode in place of i, on which that has failed.
func (r *recovering[E, To]) tellGap(failure error, i enumerator.Item[E]) iteratee.Step {
	ctx := r.stage.Context()
	if step := iteratee.Cancelled(ctx); !step.IsCont() {
		return step
	}
	if err := r.f(ctx, failure, i); err != nil {
		return iteratee.StepError(err)
	}
	r.place.End()
	if step := r.attach(); !step.IsCont() {
		return step
	}
	r.replaced = iteratee.El(i)
	return r.offer(enumerator.Item[E]{Position: i.Position, Gap: enumerator.Gap{From: i.Position, N: 1}})
}

// offer hands i to encode. A panic of encode is a failure; one of the consumer passes.
func (r *recovering[E, To]) offer(i enumerator.Item[E]) (step iteratee.Step) {
	defer func() {
		if r.inConsumer {
			return
		}
		switch v := recover().(type) {
		case nil:
		case error:
			step = iteratee.StepError(fmt.Errorf("comet: Recover: panic: %w\n\n%s", v, debug.Stack()))
		default:
			step = iteratee.StepError(fmt.Errorf("comet: Recover: panic: %v\n\n%s", v, debug.Stack()))
		}
	}()
	return r.outer.Next(i)
}

func (r *recovering[E, To]) EOF() iteratee.Step {
	if r.end.IsCont() {
		r.end = r.own(r.outer.EOF())
	}
	return r.end
}

func (r *recovering[E, To]) Rest() iteratee.Input[enumerator.Item[E]] {
	rest := r.outer.Rest()
	if _, ok := rest.El(); ok {
		if _, ok := r.replaced.El(); ok {
			return r.replaced
		}
	}
	return rest
}
