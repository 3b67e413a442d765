package enumerator

import (
	"context"
	"errors"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// Run drives it with the elements of e, sends EOF when they have run out, and
// returns the result. It runs in the caller's goroutine and returns when all is
// over: when it is done, at once, whatever e has left.
//
// An error of the source, of an adapter or of the consumer ends the run and is
// what Run returns. When the context ends, that is context.Cause(ctx), also if a function
// that the run has called says so by ctx.Err(). A panic in any function that the run calls
// reaches the caller.
//
// It is Play's |>>>.
func Run[E, A any](ctx context.Context, e Enumerator[E], it iteratee.Iteratee[E, A]) (a A, err error) {
	ctx, end := iteratee.NewRun(ctx)
	defer end()
	r := it.Start(ctx)
	step := r.Step
	if step.IsCont() {
		step = iteratee.Cancelled(ctx)
	}
	if step.IsCont() {
		step = iteratee.Drive(ctx, r.Sink, e.driver())
	}
	if step.IsCont() && ctx.Err() != nil {
		return a, context.Cause(ctx) // what looks like the end may be a source that was cut short
	}
	if a, err = r.Finish(step); err != nil {
		err = stop.Caused(ctx, err)
		iteratee.Fail(ctx, err) // a consumer in another goroutine learns why
	}
	return a, err
}

// Apply drives it with the elements of e and returns it as it is then, without
// EOF: Run gives its result, and it can be driven by another source. A failure of
// e is returned as a failed iteratee.
//
// The iteratee returned can be used once: see [iteratee.Advance].
//
// It is Play's |>>.
func Apply[E, A any](ctx context.Context, e Enumerator[E], it iteratee.Iteratee[E, A]) iteratee.Iteratee[E, A] {
	return iteratee.Advance(ctx, it, e.Into)
}

// Through returns the Enumerator of what t makes of the elements of e. When t
// stops, e stops, and the consumer stays open for whatever follows. What t leaves
// over is dropped.
//
// It is Play's &> of a source and a transformer.
func Through[From, To any](e Enumerator[From], t enumeratee.Enumeratee[From, To]) Enumerator[To] {
	return New(func(ctx context.Context, sink iteratee.Sink[To]) iteratee.Step {
		stage := enumeratee.NewSourceStage(ctx)
		failure := errPanicked // until it has ended otherwise
		defer func() {
			if failure != nil {
				stage.Fail(failure) // or the goroutines of t may wait for a consumer that waits for its context
			}
			stage.End()
		}()
		adapter, step := t.Attach(stage, sink)
		if step.IsCont() {
			step = iteratee.Drive(stage.Context(), adapter, e.Into)
		}
		if step.IsCont() || step == stage.Stop() {
			step = adapter.EOF()
		}
		if failure = step.Err(); step == stage.Stop() {
			return iteratee.StepCont
		}
		return step
	})
}

var errPanicked = errors.New("enumerator: a source or an adapter has panicked")
