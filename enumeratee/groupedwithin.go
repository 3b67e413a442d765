package enumeratee

import (
	"context"
	"slices"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// GroupedWithin returns the adapter that hands on slices of elements: of n, or of fewer if
// d has passed since the first of them came, or at EOF. None is empty. The consumer may keep
// them. The elements of what the consumer leaves over are left over, and then those of a
// group that has begun.
//
// In all other respects GroupedWithin behaves like [Debounce]. It panics if n or d is not positive.
//
// It is the groupedWithin of Akka Streams, and the bufferWithTimeOrCount of ReactiveX, where the time
// of a group starts with the end of the one before, and groups can be empty.
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
					return step // though a group may be full or late as well
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
