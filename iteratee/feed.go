package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/scope"
)

// Advance starts consumer, lets drive feed it, and returns an Iteratee that goes on from there. It does
// not send EOF. drive returns the last answer of the sink, or its own failure.
//
// The iteratee returned can be used once: it is that run, not a recipe, and it keeps the context with
// which it was started. What it holds open is closed at the end of the run of which it becomes a part.
func Advance[E, A any](ctx context.Context, consumer Iteratee[E, A], drive func(context.Context, Sink[E]) Step) Iteratee[E, A] {
	run := scope.New(ctx)
	ok := false
	defer func() {
		if !ok {
			run.End()
		}
	}()
	r, step := consumer.Start(run)
	if step.IsCont() {
		step = scope.Drive(run, Sink[E](r), drive)
	}
	if err := step.Err(); err != nil {
		scope.Fail(run, err) // a consumer in another goroutine learns why
	} else {
		ok = true
	}
	return New(func(whole context.Context) (Running[E, A], Step) {
		if ok {
			AtEnd(whole, func() {
				if err := context.Cause(whole); err != nil {
					scope.Fail(run, err)
				}
				run.End()
			})
		}
		return begun[E, A]{r}, step
	})
}

// Feed hands in to consumer, and returns an Iteratee that goes on from there. The elements that in holds
// come first, then EOF if in ends the stream. If in is Empty, Feed only starts a run. If consumer is done,
// in is lost, as in Play.
//
// The iteratee returned can be used once: see [Advance].
//
// Play calls it Iteratee.feed.
func Feed[E, A any](ctx context.Context, consumer Iteratee[E, A], in Input[E]) Iteratee[E, A] {
	return Advance(ctx, consumer, func(ctx context.Context, sink Sink[E]) (step Step) {
		for _, e := range in.Els() {
			if step = sink.Next(e); step.IsCont() {
				step = Cancelled(ctx)
			}
			if !step.IsCont() {
				return step
			}
		}
		if step.IsCont() && in.IsEOF() {
			step = sink.EOF()
		}
		return step
	})
}

// Resume returns an Iteratee that goes on with run, whose last answer is step. It can be used once: it is
// that run, not a recipe.
func Resume[E, A any](run Running[E, A], step Step) Iteratee[E, A] {
	return New(func(context.Context) (Running[E, A], Step) { return begun[E, A]{run}, step })
}

// begun is a run that has begun, so it cannot be reset.
type begun[E, A any] struct{ Running[E, A] }

func (b begun[E, A]) Batch(es []E, ended *fast.Flag) (int, Step) {
	return fast.Offer[E, Step](b.Running, es, ended)
}
