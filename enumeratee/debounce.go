package enumeratee

import (
	"context"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Debounce returns the adapter that hands on an element when d has passed and no other element has come. If
// another element comes before that, Debounce drops the first one. At EOF the last element is handed on at
// once.
//
// If the source fails, or the context ends, the element that waits is dropped. When the consumer is done, the
// source is stopped, even if it waits for its next element. The leftovers of the consumer are left over,
// followed by the element that waits.
//
// The consumer runs in a goroutine of its own. While the consumer is busy, the source waits. A panic of the
// consumer reaches the caller of the run. Debounce panics if d is not positive.
//
// ReactiveX: Debounce.
func Debounce[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Debounce: d", d)
	return newest[E](func() (due <-chan time.Time, came func(first bool), stop func()) {
		quiet := time.NewTimer(d)
		return quiet.C, func(bool) { quiet.Reset(d) }, func() { quiet.Stop() }
	})
}

// newest returns the adapter that holds the newest element, and hands it on when the clock says that it is
// due. clock starts a clock. It returns the channel that receives when an element is due, the function that
// is called when an element has come, with true if none was held before, and the function that stops the
// clock.
func newest[E any](clock func() (due <-chan time.Time, came func(first bool), stop func())) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		var held []E // the element that waits, or none
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
					return step // even if an element is due
				}
				select {
				case <-ctx.Done():
				case e, ok := <-in:
					if !ok {
						return handOn()
					}
					came(len(held) == 0)
					held = append(held[:0], e)
				case <-due:
					if step := handOn(); !step.IsCont() {
						return step
					}
				}
			}
		})
	})
}
