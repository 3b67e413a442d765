package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/scope"
)

// Advance starts consumer, lets drive feed it, and returns an Iteratee that goes on from there. It does
// not send EOF. drive returns the last answer of the sink, or its own failure.
//
// The returned Iteratee can be used once: it is that run, not a recipe, and it keeps the context ctx. It
// becomes a part of the run that uses it. When that run ends, everything that consumer holds open is
// closed.
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

// Feed hands input to consumer, and returns an Iteratee that goes on from there. It hands over the elements
// of input first, then EOF if input ends the stream. If input is Empty, Feed only starts a run. Once
// consumer is done, the rest of input is dropped, as in Play.
//
// The returned Iteratee can be used once: see [Advance].
//
// Play calls it Iteratee.feed.
func Feed[E, A any](ctx context.Context, consumer Iteratee[E, A], input Input[E]) Iteratee[E, A] {
	return Advance(ctx, consumer, func(ctx context.Context, sink Sink[E]) (step Step) {
		for _, e := range input.Els() {
			if step = sink.Next(e); step.IsCont() {
				step = Cancelled(ctx)
			}
			if !step.IsCont() {
				return step
			}
		}
		if step.IsCont() && input.IsEOF() {
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
