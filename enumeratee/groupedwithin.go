package enumeratee

import (
	"context"
	"slices"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// GroupedWithin returns the adapter that hands on groups, which are slices of elements. A group ends when it
// has n elements, when d has passed since its first element came, or at EOF. A group is never empty. The
// consumer may keep the slice. If the consumer leaves over groups, their elements are left over, followed by
// the elements of a group that has begun.
//
// In all other respects GroupedWithin behaves like [Debounce]. It panics if n or d is not positive.
//
// Akka Streams calls it groupedWithin. ReactiveX calls it bufferWithTimeOrCount, and measures d from the end
// of the previous group.
func GroupedWithin[E any](n int, d time.Duration) Enumeratee[E, []E] {
	check.Positive("enumeratee: GroupedWithin: n", n)
	check.Positive("enumeratee: GroupedWithin: d", d)
	return New(func(stage Stage, out iteratee.Outlet[[]E]) (iteratee.Sink[E], iteratee.Step) {
		var group []E
		left := func() iteratee.Input[E] {
			return iteratee.Els(slices.Concat(append(slices.Clone(out.Rest().Els()), group)...)...)
		}
		return newAsync(stage, left, func(ctx context.Context, in <-chan E) iteratee.Step {
			late := time.NewTimer(d)
			defer late.Stop()
			handOn := func() iteratee.Step {
				late.Stop()
				if len(group) == 0 {
					return iteratee.StepCont
				}
				full := group
				group = nil
				return out.Next(full)
			}
			for {
				step := iteratee.Cancelled(ctx)
				if !step.IsCont() {
					return step // even if a group is full or late
				}
				select {
				case <-ctx.Done():
				case e, ok := <-in:
					if !ok {
						return handOn()
					}
					if group = append(group, e); len(group) == 1 {
						late.Reset(d)
					}
					if len(group) == n {
						step = handOn()
					}
				case <-late.C:
					step = handOn()
				}
				if !step.IsCont() {
					return step
				}
			}
		})
	})
}
