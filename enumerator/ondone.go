package enumerator

import (
	"context"
	"errors"

	"github.com/halley-go/halley/iteratee"
)

// OnDoneEnumerating returns the Enumerator that is e, and calls f once for each run in
// which e is started, when e is over: it has run out, has failed, was stopped or
// cancelled, or has panicked. An error of f ends the run; it is joined to that of e, if
// there is one.
//
// It is Play's Enumerator.onDoneEnumerating, which prints what f throws.
func OnDoneEnumerating[E any](e Enumerator[E], f func() error) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) (step iteratee.Step) {
		defer func() {
			if err := f(); err != nil {
				step = iteratee.StepError(errors.Join(step.Err(), err))
			}
		}()
		return e.Into(ctx, sink)
	})
}
