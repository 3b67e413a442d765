package enumerator

import (
	"context"
	"errors"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// Run drives consumer with the elements of source, sends EOF when source has run out, and returns the
// result of consumer. When consumer is done, Run stops source at once. Run uses the goroutine of the
// caller and returns when everything is over.
//
// An error of the source, of an adapter or of the consumer ends the run, and Run returns it. When the
// context ends, Run returns context.Cause(ctx), also if a function that it has called returns
// ctx.Err(). A panic in any function that Run calls reaches the caller.
//
// Play calls it |>>>.
func Run[E, A any](ctx context.Context, source Enumerator[E], consumer iteratee.Iteratee[E, A]) (a A, err error) {
	ctx, end := iteratee.NewRun(ctx)
	defer end()
	r, step := consumer.Start(ctx)
	if step.IsCont() {
		step = iteratee.Cancelled(ctx)
	}
	if step.IsCont() {
		step = scope.Drive(ctx, iteratee.Sink[E](r), source.driver())
	}
	if step.IsCont() && ctx.Err() != nil {
		return a, context.Cause(ctx) // source may have been cut short
	}
	if a, err = iteratee.Finish(r, step); err != nil {
		err = stop.Caused(ctx, err)
		scope.Fail(ctx, err) // tells a consumer in another goroutine
	}
	return a, err
}

// Apply drives consumer with the elements of source and returns an Iteratee that continues from there.
// Apply does not send EOF, so another source can drive that Iteratee, and [Run] returns its result. If
// source fails, that Iteratee fails with the error. The Iteratee can be used once, as
// [iteratee.Advance] explains.
//
// Play calls it |>>.
func Apply[E, A any](ctx context.Context, source Enumerator[E], consumer iteratee.Iteratee[E, A]) iteratee.Iteratee[E, A] {
	return iteratee.Advance(ctx, consumer, source.Into)
}

// Through returns an Enumerator of the elements of source after adapter. When adapter stops, source
// stops, and the consumer stays open for another source. Elements that adapter leaves over are dropped.
//
// Play calls it &>.
func Through[From, To any](source Enumerator[From], adapter enumeratee.Enumeratee[From, To]) Enumerator[To] {
	return New(func(ctx context.Context, sink iteratee.Sink[To]) iteratee.Step {
		return adapter.Drive(ctx, sink, source.Into)
	})
}

var errPanicked = errors.New("enumerator: a source or an adapter panicked")
