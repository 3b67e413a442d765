package enumerator

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// Defer returns an Enumerator that calls build in each run and runs the source that build returns.
// An error of build ends the run. If the context ends during build, the source is not started. So
// build should use [iteratee.AtEnd] to close everything that it has opened.
//
// Play flattens a future source instead. ReactiveX calls it Defer.
func Defer[E any](build func(context.Context) (Enumerator[E], error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		source, err := build(ctx)
		if err != nil {
			return iteratee.StepError(err)
		}
		return source.Into(ctx, sink)
	})
}
