package enumerator

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// FromChan returns an Enumerator of the elements received from ch. It runs out when ch is closed.
//
// Runs share ch: an element that one run receives does not reach another. A run receives an element
// only when the consumer wants one, so no element is lost.
func FromChan[E any](ch <-chan E) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		cork := iteratee.Cork(ctx)
		defer cork(false)
		return Generate(func(ctx context.Context) (e E, ok bool, err error) {
			if len(ch) == 0 {
				cork(false)
			}
			select {
			case e, ok = <-ch:
			case <-ctx.Done():
				return e, false, context.Cause(ctx)
			}
			if len(ch) > 0 {
				cork(true)
			}
			return e, ok, nil
		}).Into(ctx, sink)
	})
}
