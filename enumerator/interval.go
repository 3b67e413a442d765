package enumerator

import (
	"context"
	"time"

	"github.com/halley-go/halley/iteratee"
)

// Interval returns the endless Enumerator of the time at each tick of a clock that
// starts with the run: the first element comes after d. Ticks that pass while the
// consumer is busy are skipped, as with [time.Ticker]. It panics if d is not
// positive.
//
// It is the Interval of ReactiveX, of times instead of numbers.
func Interval(d time.Duration) Enumerator[time.Time] {
	checkPositive("Interval", "d", d)
	return New(func(ctx context.Context, sink iteratee.Sink[time.Time]) iteratee.Step {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step // though there may be a tick as well
			}
			select {
			case <-ctx.Done():
			case now := <-ticker.C:
				if step := sink.Next(now); !step.IsCont() {
					return step
				}
			}
		}
	})
}

// Timer returns the Enumerator of one element, the time when d has passed since the run has
// started. It comes at once if d is not positive.
//
// It is the Timer of ReactiveX, of a time instead of 0.
func Timer(d time.Duration) Enumerator[time.Time] {
	return New(func(ctx context.Context, sink iteratee.Sink[time.Time]) iteratee.Step {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return iteratee.Cancelled(ctx)
		case now := <-timer.C:
			return sink.Next(now)
		}
	})
}
