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

// StableAfter is how long an attempt must last to count as recovered, as in the browser's client
// of package comet/client: see [Resume].
const StableAfter = 10 * time.Second

// ErrRanOut is the error of a source of [Endless] that has run out.
var ErrRanOut = errors.New("enumerator/retry: the source has run out")

// Restart returns the Enumerator that is e, and e again, after a time, whenever e fails. Each time
// e starts afresh: a source that begins with the same elements gives them again. [Resume] is for
// sources that can go on where they were, and [Endless] for those whose end is to be tried again too.
//
// How it ends, its pace and opts are as with Resume.
//
// It is the retry of ReactiveX.
func Restart[E any](e enumerator.Enumerator[E], opts ...backoff.RetryOption) enumerator.Enumerator[E] {
	return Resume(func(context.Context, E, bool) enumerator.Enumerator[E] { return e }, opts...)
}

// Resume returns the Enumerator that is what from returns and, after a time, what from returns
// then, whenever that fails. from is called with the last element that the consumer was handed, and
// true, or with false if there was none; it returns the source of what comes after that element.
//
// It runs out when the source has; [Endless] makes that a failure. A failure of the consumer ends
// the run: it is not tried again. Nor is an error of [backoff.Permanent]; one of
// [backoff.RetryAfterError], such as [backoff.RetryAfter] returns, sets the time itself, for what a
// server says in Retry-After. When Resume gives up, the run fails with the last error of the source.
// When the context ends, or the consumer has ended in a goroutine of its own, so does the waiting.
// A panic is no failure.
//
// The options are those of [backoff.Retry]. [backoff.WithMaxTries] and [backoff.WithMaxElapsedTime]
// say when Resume gives up, which it does not by default; the first counts all attempts, the second
// all time since the first failure. [backoff.WithNotify] is told of each failure that is tried
// again. [backoff.WithBackOff] takes the place of a new ExponentialBackOff, which waits for 0.5 s at
// first and for 60 s at most, and adds or subtracts up to half of that at random. A BackOff that has
// a state, as that has, is for one run at a time: enumerator.Defer makes one for each.
//
// All of them start anew when an attempt has recovered: it has lasted for [StableAfter], and has
// given an element or run out (see Endless). The failure that ends such an attempt is the first
// try. An element alone is not enough, so a server that accepts every attempt, gives one element
// and fails is asked less and less often. The time that the consumer takes for the last element of an
// attempt is not counted, since nothing shows that the source was well meanwhile.
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

// Endless returns the Enumerator that is e, and fails with [ErrRanOut] when e runs out, so that
// [Restart] and [Resume] start it again. It is for a source of which the end is not the end of the
// stream: a response that a server ends in good order, because it shuts down or because
// httpadapter.MaxDuration is over. A consumer that is done ends the stream, and so does an e that
// sends EOF itself.
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
			if r.recovered { // the clock need not be asked any more
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
