package enumeratee

import (
	"context"
	"slices"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Throttle returns the adapter that hands on an element and then drops those that come
// within d of it: the first of each window, which begins with it. It needs no goroutine.
// What the consumer leaves over is left over; what was dropped is not. It panics if d is not
// positive.
//
// It is the throttleFirst of ReactiveX, and not the throttle that also hands on the last element of
// a window. [Audit] hands that on, and [Sample] the last of each period.
func Throttle[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Throttle: d", d)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		var end time.Time // of the window
		return Filter(func(E) bool {
			now := time.Now()
			if now.Before(end) {
				return false
			}
			end = now.Add(d)
			return true
		}).Attach(stage, out)
	})
}

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
	return newest[E](func() (due <-chan time.Time, came func(first bool), stop func()) {
		quiet := time.NewTimer(d)
		return quiet.C, func(bool) { quiet.Reset(d) }, func() { quiet.Stop() }
	})
}

// Sample returns the adapter that hands on the newest element each time that d has passed,
// if one has come since, and drops the others. At EOF the newest is handed on at once.
//
// In all other respects Sample behaves like [Debounce].
//
// It is the Sample of ReactiveX, also called throttleLast, which drops the newest at EOF.
func Sample[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Sample: d", d)
	return newest[E](func() (due <-chan time.Time, came func(first bool), stop func()) {
		ticker := time.NewTicker(d)
		return ticker.C, func(bool) {}, ticker.Stop
	})
}

// Audit returns the adapter that waits for an element, and d later hands on the newest that has come
// by then; the others are dropped. Then it waits for an element again. So it hands on no more than
// one element in d, as [Throttle] does, and the one that came last is never lost: at EOF the newest
// is handed on at once.
//
// In all other respects Audit behaves like [Debounce].
//
// ReactiveX: auditTime in RxJS, throttle with the trailing edge, throttleLatest in RxJava.
func Audit[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Audit: d", d)
	return newest[E](func() (due <-chan time.Time, came func(first bool), stop func()) {
		window := time.NewTimer(d)
		window.Stop()
		return window.C, func(first bool) {
			if first {
				window.Reset(d)
			}
		}, func() { window.Stop() }
	})
}

// newest returns the adapter that holds the newest element, and hands it on when clock says
// that it is due. clock starts a clock, and returns a function that is called for each element, with
// true if none was held before it.
func newest[E any](clock func() (due <-chan time.Time, came func(first bool), stop func())) Enumeratee[E, E] {
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
					first := len(held) == 0
					held = append(held[:0], e)
					came(first)
				case <-due:
					if step := handOn(); !step.IsCont() {
						return step
					}
				}
			}
		})
	})
}

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
