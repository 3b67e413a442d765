package enumerator

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// FromChan returns the Enumerator of what comes from ch, until that is closed.
//
// It can be run as often as there is something in ch: what one run has received is not
// there for another. Nothing is received that the consumer does not get.
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
