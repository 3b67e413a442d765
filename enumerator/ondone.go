package enumerator

import (
	"context"
	"errors"

	"github.com/halley-go/halley/iteratee"
)

// OnDoneEnumerating returns an Enumerator that runs source and then calls f. Each run that starts
// source calls f once, whether source runs out, fails, panics, is stopped or is cancelled. An error
// of f ends the run and is joined to the error of source.
//
// Play calls it Enumerator.onDoneEnumerating.
func OnDoneEnumerating[E any](source Enumerator[E], f func() error) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) (step iteratee.Step) {
		defer func() {
			if err := f(); err != nil {
				step = iteratee.StepError(errors.Join(step.Err(), err))
			}
		}()
		return source.Into(ctx, sink)
	})
}
