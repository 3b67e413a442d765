// Package retry starts sources again that have failed, at the pace that package backoff sets
// (github.com/cenkalti/backoff/v5).
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// StableAfter is how long an attempt must last to count as recovered: see [Resume]. It is the same in
// the browser's client, package comet/client.
const StableAfter = 10 * time.Second

// ErrRanOut is the error of an [Endless] source that has run out.
var ErrRanOut = errors.New("enumerator/retry: the source has run out")

// Restart returns the Enumerator that runs e and, whenever e fails, waits and runs e again. Each
// attempt starts afresh: a source that begins with the same elements gives them again. [Resume] is
// for sources that can go on where they were, and [Endless] for sources that are to be run again when
// they have run out.
//
// The pace, the options, the errors and the end are those of Resume.
//
// It is the retry of ReactiveX.
func Restart[E any](e enumerator.Enumerator[E], opts ...backoff.RetryOption) enumerator.Enumerator[E] {
	return Resume(func(context.Context, E, bool) enumerator.Enumerator[E] { return e }, opts...)
}

// Resume returns the Enumerator that runs the source that from returns and, whenever that fails,
// waits, calls from again and runs the new source. from gets the last element that the consumer was
// handed, and true; it gets false if there was none. It returns the source of what follows that
// element.
//
// Resume runs out when a source runs out; [Endless] makes that a failure. It fails with the last error
// of the source when it gives up, and at once if that is an error of [backoff.Permanent]. An error of
// [backoff.RetryAfter] sets the time to wait, such as the one in a server's Retry-After. A failure of the
// consumer ends the run, and so does a panic. When the context ends, or the consumer is done while
// Resume waits, it stops waiting.
//
// The options are those of [backoff.Retry]. Resume gives up after [backoff.WithMaxTries], which counts
// all attempts, or after [backoff.WithMaxElapsedTime], which counts all time since the first failure;
// by default it does not give up. [backoff.WithNotify] is told of each failure after which it tries
// again. [backoff.WithBackOff] sets the pace. The default is a new ExponentialBackOff, which waits for
// 0.5 s at first and for 60 s in the end, in each case up to a half less or more, at random. A BackOff
// with a state belongs to one run at a time; enumerator.Defer makes one for each.
//
// Pace and limits start anew after an attempt that has recovered: it has lasted for [StableAfter], and
// it has given an element or run out (see Endless). The failure that ends it counts as the first try. An
// element alone is not enough: a server that accepts every attempt, gives one element and fails is
// asked less and less often. The time that the consumer takes for the last element of an attempt does
// not count, since it does not show that the source was well.
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
				if step = r.attempt(ctx); r.recovered {
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

// Endless returns the Enumerator that runs e and fails with [ErrRanOut] when e runs out, so that
// [Restart] and [Resume] try again. It is for a source that can end before the stream does: a server
// ends a response in good order when it shuts down, or after httpadapter.MaxDuration. The stream still
// ends when the consumer is done, and when e sends EOF itself.
//
// With Restart it is the repeat of ReactiveX.
func Endless[E any](e enumerator.Enumerator[E]) enumerator.Enumerator[E] {
	return e.AndThen(enumerator.New(func(context.Context, iteratee.Sink[E]) iteratee.Step {
		return iteratee.StepError(ErrRanOut)
	}))
}

type running[E any] struct {
	from func(context.Context, E, bool) enumerator.Enumerator[E]
	sink iteratee.Sink[E]
	last E
	any  bool // whether there is a last one

	failure   error // of the source, in the last attempt
	recovered bool  // the last attempt has
}

// attempt runs a source once.
func (r *running[E]) attempt(ctx context.Context) iteratee.Step {
	ctx, over := iteratee.Part(ctx, nil)
	defer over()
	r.failure, r.recovered = nil, false
	start := time.Now()
	gave := false
	var busy time.Duration   // the consumer, with the last element
	end := iteratee.StepCont // the consumer's
	step := r.from(ctx, r.last, r.any).Into(ctx, iteratee.Sink[E]{
		Next: func(e E) iteratee.Step {
			if !end.IsCont() {
				return end
			}
			r.last, r.any, gave = e, true, true
			if r.recovered { // no need to look at the clock
				end = r.sink.Next(e)
				return end
			}
			came := time.Now()
			r.recovered = came.Sub(start) >= StableAfter
			end = r.sink.Next(e)
			busy = time.Since(came)
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
	if gave || errors.Is(r.failure, ErrRanOut) {
		r.recovered = r.recovered || time.Since(start)-busy >= StableAfter
	}
	return step
}
