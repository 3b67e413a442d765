package enumerator

import (
	"context"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Interval returns an endless Enumerator of the time at each tick of a clock that starts with the run.
// The first tick comes after d. Ticks that pass while the consumer is busy are skipped, as with
// [time.Ticker]. Interval panics if d is not positive.
//
// ReactiveX calls it Interval, and counts the ticks.
func Interval(d time.Duration) Enumerator[time.Time] {
	check.Positive("enumerator: Interval: d", d)
	return New(func(ctx context.Context, sink iteratee.Sink[time.Time]) iteratee.Step {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step // even if a tick is due as well
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

// Timer returns an Enumerator of one element: the time when d has passed since the start of the run.
// The element comes at once if d is not positive.
//
// ReactiveX calls it Timer.
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
