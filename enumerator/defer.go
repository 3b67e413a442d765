package enumerator

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// Defer returns the Enumerator that build makes for each run. If build fails, so does the
// run. What build opens it gives to [iteratee.AtEnd] to close: the source is not started if
// the context ends first.
//
// It is the Defer of ReactiveX, and serves where Play flattens a future source.
func Defer[E any](build func(context.Context) (Enumerator[E], error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		e, err := build(ctx)
		if err != nil {
			return iteratee.StepError(err)
		}
		return e.Into(ctx, sink)
	})
}
