package comet

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// Recover returns an adapter that does the same as encode, but continues after an Item on which
// encode fails, such as one whose value cannot be marshalled. It calls f with the error and the
// Item, restarts encode, and hands it a Gap in place of the Item: a Gap of one element with the
// same Position, Event and Cursor. So only that message is lost, and clients do not ask for it again. For messages
// without a Position, use [enumeratee.Recover], which drops a message that fails.
//
// f can report the failure. If several runs of a hub use the adapter, each of them calls f with the same
// Item. An error of f ends the run. A panic of encode counts as an error, with the stack in its text. The run
// ends if encode fails on an Item that is not a message or at EOF, if the consumer fails, or if the context
// ends.
//
// encode must make the chunks of an Item as soon as it is handed the Item, as all adapters of
// this package, eventsource and ndjson do. A chunk that it sends when it is attached, such as
// the first chunk of a page, is sent only once.
//
// If the consumer leaves over the chunk of the Gap, the Item is left over. Recover panics if f
// is nil.
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
	attached bool // at least once

	place      enumeratee.Stage // where encode is attached
	attaching  bool
	outer      iteratee.Sink[enumerator.Item[E]]
	inConsumer bool
	consumer   iteratee.Step // the consumer's last answer
	end        iteratee.Step

	replaced iteratee.Input[enumerator.Item[E]] // the last Item, if a Gap has replaced it
}

func (r *recovering[E, To]) attach() iteratee.Step {
	r.attaching = true
	r.place = enumeratee.NewStage(r.stage.Context())
	var step iteratee.Step
	r.outer, step = r.encode.Attach(r.place, iteratee.Funcs[To]{Next: r.handOn, EOF: r.handOnEOF, Rest: r.out.Rest}.Sink())
	r.attaching = false
	return r.own(step)
}

func (r *recovering[E, To]) handOn(e To) iteratee.Step {
	if r.attaching && r.attached {
		return iteratee.StepCont // the consumer already has e
	}
	r.inConsumer = true // stays true if the consumer panics
	r.consumer = r.out.Next(e)
	r.inConsumer = false
	return r.consumer
}

// handOnEOF is for a source within encode that sends EOF.
func (r *recovering[E, To]) handOnEOF() iteratee.Step {
	r.inConsumer = true
	r.consumer = enumeratee.Closable(r.out).EOF()
	r.inConsumer = false
	return r.consumer
}

// own returns step, with this adapter's Stop in place of encode's.
func (r *recovering[E, To]) own(step iteratee.Step) iteratee.Step {
	if step == r.place.Stop() {
		return r.stage.Stop()
	}
	return step
}

func (r *recovering[E, To]) Next(item enumerator.Item[E]) iteratee.Step {
	if !r.end.IsCont() {
		return r.end
	}
	r.replaced = iteratee.Empty[enumerator.Item[E]]()
	step := r.offer(item)
	if step.IsCont() {
		return step
	}
	if step.Err() != nil && r.consumer.Err() == nil && item.IsMessage() {
		step = r.sendGap(step.Err(), item)
	}
	if !step.IsCont() {
		r.end = r.own(step)
	}
	return r.end
}

// sendGap hands encode a Gap in place of item, on which it failed with failure.
func (r *recovering[E, To]) sendGap(failure error, item enumerator.Item[E]) iteratee.Step {
	ctx := r.stage.Context()
	if step := iteratee.Cancelled(ctx); !step.IsCont() {
		return step
	}
	if err := r.f(ctx, failure, item); err != nil {
		return iteratee.StepError(err)
	}
	r.place.End()
	if step := r.attach(); !step.IsCont() {
		return step
	}
	r.replaced = iteratee.El(item)
	return r.offer(enumerator.Item[E]{
		Position: item.Position, Event: item.Event, Cursor: item.Cursor,
		Gap: enumerator.Gap{From: item.Position, N: 1},
	})
}

// offer hands item to encode. It returns a panic of encode as an error, and does not recover
// from a panic of the consumer.
func (r *recovering[E, To]) offer(item enumerator.Item[E]) (step iteratee.Step) {
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
	return r.outer.Next(item)
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
