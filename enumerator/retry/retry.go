// Package retry starts sources again that have failed, at the pace that package backoff sets
// (github.com/cenkalti/backoff/v5).
package retry

import (
	"context"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// Restart returns the Enumerator that is e, and e again, after a time, whenever e fails. Each time
// e starts afresh: a source that begins with the same elements gives them again. [Resume] is for
// sources that can go on where they were.
//
// How it ends, and opts, are as with Resume.
//
// It is the retry of ReactiveX.
func Restart[E any](e enumerator.Enumerator[E], opts ...backoff.RetryOption) enumerator.Enumerator[E] {
	return Resume(func(context.Context, E, bool) enumerator.Enumerator[E] { return e }, opts...)
}

// Resume returns the Enumerator that is what from returns and, after a time, what from returns
// then, whenever that fails. from is called with the last element that the consumer was handed, and
// true, or with false if there was none; it returns the source of what comes after that element.
//
// It runs out when the source has. A failure of the consumer ends the run: that is never tried
// again. Nor is an error of [backoff.Permanent]; one of [backoff.RetryAfter] sets the time itself.
// When it gives up, the run fails with the last error of the source. When the context ends, so does
// the waiting. A panic is no failure.
//
// The options are those of [backoff.Retry]. They count anew whenever the source has given an
// element: [backoff.WithMaxTries] and [backoff.WithMaxElapsedTime] say when it gives up, counted
// from the failure, which it does not by default; [backoff.WithNotify] is told of each failure
// that is tried again; [backoff.WithBackOff] takes the place of a new ExponentialBackOff. A BackOff
// that has a state, as that has, is for one run at a time: enumerator.Defer makes one for each.
func Resume[E any](from func(ctx context.Context, last E, ok bool) enumerator.Enumerator[E], opts ...backoff.RetryOption) enumerator.Enumerator[E] {
	opts = append([]backoff.RetryOption{backoff.WithMaxElapsedTime(0)}, opts...)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		r := running[E]{from: from, sink: sink}
		step := r.attempt(ctx)
		for r.failure != nil {
			again := false
			_, err := backoff.Retry(ctx, func() (none struct{}, err error) {
				if !again { // the failure that there is already counts as the first try
					again = true
					return none, r.failure
				}
				if step = r.attempt(ctx); r.gave {
					return none, nil
				}
				return none, r.failure
			}, opts...)
			if ctx.Err() != nil && r.failure != nil {
				return iteratee.Cancelled(ctx)
			}
			if err != nil {
				return step // it gives up
			}
		}
		return step
	})
}

type running[E any] struct {
	from func(context.Context, E, bool) enumerator.Enumerator[E]
	sink iteratee.Sink[E]
	last E
	any  bool // whether there is a last one

	gave    bool  // whether the last attempt has given an element
	failure error // of the source, in the last attempt
}

// attempt runs a source once.
func (r *running[E]) attempt(ctx context.Context) iteratee.Step {
	ctx, over := iteratee.Part(ctx, nil)
	defer over()
	r.gave, r.failure = false, nil
	end := iteratee.StepCont // the consumer's
	step := r.from(ctx, r.last, r.any).Into(ctx, iteratee.Sink[E]{
		Next: func(e E) iteratee.Step {
			if end.IsCont() {
				r.last, r.any, r.gave = e, true, true
				end = r.sink.Next(e)
			}
			return end
		},
		EOF: func() iteratee.Step {
			if end.IsCont() {
				end = r.sink.EOF()
			}
			return end
		},
		Rest: r.sink.Rest,
	})
	if end.IsCont() {
		r.failure = step.Err()
	}
	return step
}
