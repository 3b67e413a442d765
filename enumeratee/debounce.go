package enumeratee

import (
	"context"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Debounce returns the adapter that hands on an element when no other has come within d
// of it, and drops it if one has. At EOF the last element is handed on at once.
//
// It runs its consumer in a goroutine of its own; while that is busy, the source waits.
// When the consumer is done, the source is stopped, also while it waits. Left over is what
// the consumer has left over, then what was not dropped. If the source fails, or the context
// ends, what waits is dropped. A panic of the consumer reaches the caller of the run.
// Debounce panics if d is not positive.
//
// It is the Debounce of ReactiveX.
func Debounce[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Debounce: d", d)
	return newest[E](func() (due <-chan time.Time, came, stop func()) {
		quiet := time.NewTimer(d)
		return quiet.C, func() { quiet.Reset(d) }, func() { quiet.Stop() }
	})
}

// newest returns the adapter that holds the newest element, and hands it on when clock says
// that it is due. clock starts a clock, and returns what is called for each element that came.
func newest[E any](clock func() (due <-chan time.Time, came, stop func())) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		var held []E // none or one, received and neither handed on nor dropped
		handOn := func() iteratee.Step {
			if len(held) == 0 {
				return iteratee.StepCont
			}
			e := held[0]
			clear(held)
			held = held[:0]
			return out.Next(e)
		}
		left := func() iteratee.Input[E] { return out.Rest().Then(iteratee.Els(held...)) }
		return newAsync(stage, left, func(ctx context.Context, in <-chan E) iteratee.Step {
			due, came, stop := clock()
			defer stop()
			for {
				if step := iteratee.Cancelled(ctx); !step.IsCont() {
					return step // though an element may be due as well
				}
				select {
				case <-ctx.Done():
				case e, ok := <-in:
					if !ok {
						return handOn()
					}
					held = append(held[:0], e)
					came()
				case <-due:
					if step := handOn(); !step.IsCont() {
						return step
					}
				}
			}
		})
	})
}
