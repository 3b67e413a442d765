// Package retry runs sources again when they fail. The pace and the errors that say when to try again
// are those of package backoff (github.com/cenkalti/backoff/v5).
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
// Restart waits and ends like Resume, with one difference: an element is not progress, since the next
// attempt may give the same one. Only recovery starts the count of [MaxTries] anew.
//
// It is the retry of ReactiveX.
func Restart[E any](e enumerator.Enumerator[E], opts ...Option) enumerator.Enumerator[E] {
	return again(func(context.Context, E, bool) enumerator.Enumerator[E] { return e }, false, opts)
}

// Resume returns the Enumerator that runs the source that from returns and, whenever that fails,
// waits, calls from again and runs the new source. from gets the last element that the consumer was
// handed, and true; it gets false if there was none. It returns the source of what follows that
// element.
//
// Resume runs out when a source runs out; [Endless] makes that a failure. It fails with the last error
// of the source when it gives up: after [MaxTries], or when the BackOff of [Pace] says backoff.Stop. By
// default it does not give up. It fails at once if the error is, or wraps, one of [backoff.Permanent].
// A failure of the consumer ends the run, and so does a panic. When the context ends, or the consumer
// is done while Resume waits, it stops waiting.
//
// By default Resume waits for 0.5 s at first, for half as long again after each further failure, and for
// 60 s in the end. Each wait is up to a half shorter or longer, at random. Pace changes that. A
// [backoff.RetryAfterError] sets the wait itself, such as the one in a server's Retry-After, and leaves
// the pace as it is.
//
// The pace starts anew after an attempt that has recovered: it has lasted for [StableAfter], and it has
// given an element or run out (see Endless). An element alone is not enough: a server that accepts
// every attempt, gives one element and fails is asked less and less often. The time that the consumer
// takes for the last element of an attempt does not count, since it does not show that the source was
// well.
//
// The count of MaxTries starts anew after an attempt that has recovered, and after one that has given
// an element: the stream has moved on. The failure that ends such an attempt counts as the first try.
func Resume[E any](from func(ctx context.Context, last E, ok bool) enumerator.Enumerator[E], opts ...Option) enumerator.Enumerator[E] {
	if from == nil {
		panic("enumerator/retry: Resume: from must not be nil")
	}
	return again(from, true, opts)
}

// again is Resume, in which an element counts as progress, and Restart, in which it does not.
func again[E any](from func(context.Context, E, bool) enumerator.Enumerator[E], progress bool, opts []Option) enumerator.Enumerator[E] {
	c := newConfig(opts)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		r := running[E]{from: from, sink: sink}
		pace := c.newPace()
		for tries := 1; ; tries++ {
			step := r.attempt(ctx)
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
				return step // it gives up
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

// Endless returns the Enumerator that runs e and fails with [ErrRanOut] when e runs out, so that
// [Restart] and [Resume] try again. It is for a source that can end before the stream does: a server
// ends a response in good order when it shuts down, or after httpadapter.MaxDuration. The stream still
// ends when the consumer is done, and when e sends EOF itself.
//
// With Restart it is the repeat of ReactiveX.
func Endless[E any](e enumerator.Enumerator[E]) enumerator.Enumerator[E] {
	return e.AndThen(enumerator.Throw[E](ErrRanOut))
}

type running[E any] struct {
	from func(context.Context, E, bool) enumerator.Enumerator[E]
	sink iteratee.Sink[E]
	last E
	any  bool // whether there is a last one

	// Of the last attempt:
	failure   error // of the source
	gave      bool  // whether the consumer was handed an element
	recovered bool
	start     time.Time
	busy      time.Duration // the consumer, with the last element
}

// attempt runs a source once. If the source has failed, r.failure is set, and the sink is still open.
func (r *running[E]) attempt(ctx context.Context) iteratee.Step {
	r.failure, r.gave, r.recovered = nil, false, false
	r.start, r.busy = time.Now(), 0
	source := enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[E], error) {
		return r.from(ctx, r.last, r.any), nil
	})
	caught := enumerator.Catch(source, func(err error) enumerator.Enumerator[E] {
		r.failure = err
		return enumerator.Throw[E](err)
	})
	step := caught.Into(ctx, iteratee.Sink[E]{Next: r.next, EOF: r.sink.EOF, Rest: r.sink.Rest})
	if r.gave || errors.Is(r.failure, ErrRanOut) {
		r.recovered = r.recovered || time.Since(r.start)-r.busy >= StableAfter
	}
	return step
}

func (r *running[E]) next(e E) iteratee.Step {
	r.last, r.any, r.gave = e, true, true
	if r.recovered { // no need to look at the clock
		return r.sink.Next(e)
	}
	came := time.Now()
	r.recovered = came.Sub(r.start) >= StableAfter
	step := r.sink.Next(e)
	r.busy = time.Since(came)
	return step
}
