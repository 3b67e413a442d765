// Package retry runs sources again when they fail. Package backoff (github.com/cenkalti/backoff/v5) defines
// the pace of the attempts, and the errors that control them.
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// StableAfter is the time that an attempt must last to count as recovered; see [Resume]. Package
// comet/client, the client for browsers, has the same value.
const StableAfter = 10 * time.Second

// ErrRanOut is the error of an [Endless] source that has run out.
var ErrRanOut = errors.New("enumerator/retry: the source has run out")

// Restart returns the Enumerator that runs source and, whenever source fails, waits and runs it again. Each
// attempt starts anew. If source begins with the same elements in each run, the consumer gets them again.
// [Resume] is for sources that can go on where they failed. [Endless] makes a source fail when it runs out,
// so that Restart runs it again then too.
//
// Restart waits and ends like [Resume], with one difference: an element does not start the count of
// [MaxTries] anew, because the next attempt may give the same element. Only recovery does.
//
// ReactiveX: retry.
func Restart[E any](source enumerator.Enumerator[E], opts ...Option) enumerator.Enumerator[E] {
	return again(func(context.Context, E, bool) enumerator.Enumerator[E] { return source }, false, opts)
}

// Resume returns the Enumerator that calls open and runs the source that open returns. Whenever that source
// fails, Resume waits, then calls open again for a new source. open gets the last element that the consumer
// was handed, and true, or false if there was no element. It returns the source of the elements that follow
// the last element.
//
// Resume runs out when a source runs out, unless the source is [Endless]. By default Resume never gives up.
// It gives up after [MaxTries], or when the BackOff of [Pace] returns [backoff.Stop], and then fails with
// the last error of the source. Resume fails at once if the error is permanent. An error is permanent if it
// is or wraps a [backoff.Permanent] error, or an error with a method Permanent() bool that returns true. An
// error or a panic of the consumer ends the run. When the context ends, or the consumer is done, Resume
// stops waiting.
//
// By default Resume waits for 0.5 s after the first failure. Each wait is 1.5 times as long as the one
// before, up to 60 s, and is then made up to a half shorter or longer, at random. [Pace] changes that. A
// [backoff.RetryAfterError], for instance from a server's Retry-After, sets one wait and does not change
// the pace.
//
// The pace starts anew after an attempt that has recovered. An attempt has recovered if it has lasted for
// [StableAfter], and has given an element or run out (see [Endless]). An element alone is not enough: a
// server that accepts each attempt, gives one element and fails must be asked less and less often. The time
// that the consumer takes for the last element of an attempt does not count, because it does not show that
// the source worked.
//
// The count of [MaxTries] starts anew after an attempt that has recovered or given an element. The failure
// that ends such an attempt counts as the first failure.
func Resume[E any](open func(ctx context.Context, last E, ok bool) enumerator.Enumerator[E], opts ...Option) enumerator.Enumerator[E] {
	if open == nil {
		panic("enumerator/retry: Resume: open must not be nil")
	}
	return again(open, true, opts)
}

// again is Resume if progress is set. Otherwise an element does not count as progress, as in Restart.
func again[E any](open func(context.Context, E, bool) enumerator.Enumerator[E], progress bool, opts []Option) enumerator.Enumerator[E] {
	c := newConfig(opts)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		r := &running[E]{Sink: sink, open: open}
		pace := c.newPace()
		for tries := 1; ; tries++ {
			step := r.try(ctx)
			if r.failure == nil {
				return step
			}
			if r.recovered {
				pace.Reset()
			}
			if r.recovered || progress && r.gave {
				tries = 1
			}
			wait := c.wait(pace, tries, r.failure)
			if wait == backoff.Stop {
				return step // give up
			}
			c.notify(r.failure, wait)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
		}
	})
}

// Endless returns the Enumerator that runs source and fails with [ErrRanOut] when source runs out, so
// that [Restart] and [Resume] try again. It is for a source that can end before the stream does: a
// server completes a response when it shuts down, or after httpadapter.MaxDuration. The stream still
// ends when the consumer is done, or when source itself sends EOF.
//
// ReactiveX: repeat, together with Restart.
func Endless[E any](source enumerator.Enumerator[E]) enumerator.Enumerator[E] {
	return source.AndThen(enumerator.Throw[E](ErrRanOut))
}

// running is a run of Restart or Resume. It is the Sink that every attempt drives.
type running[E any] struct {
	iteratee.Sink[E] // the consumer
	attempt          // the last one

	open func(context.Context, E, bool) enumerator.Enumerator[E]
	last E
	any  bool // whether there is a last element
}

type attempt struct {
	start     time.Time
	busy      time.Duration // the time that the consumer took for the last element
	gave      bool          // whether the consumer was handed an element
	recovered bool
	failure   error // of the source
}

// try runs a source once. If the source has failed, r.failure is set, and the consumer is still open.
func (r *running[E]) try(ctx context.Context) iteratee.Step {
	r.attempt = attempt{start: time.Now()}
	source := enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[E], error) {
		return r.open(ctx, r.last, r.any), nil
	})
	step := enumerator.Catch(source, func(err error) enumerator.Enumerator[E] {
		r.failure = err
		return enumerator.Throw[E](err)
	}).Into(ctx, r)
	if r.gave || errors.Is(r.failure, ErrRanOut) {
		r.recovered = r.recovered || time.Since(r.start)-r.busy >= StableAfter
	}
	return step
}

func (r *running[E]) Next(e E) iteratee.Step {
	r.last, r.any, r.gave = e, true, true
	if r.recovered { // no need to look at the clock
		return r.Sink.Next(e)
	}
	came := time.Now()
	r.recovered = came.Sub(r.start) >= StableAfter
	step := r.Sink.Next(e)
	r.busy = time.Since(came)
	return step
}
