package enumeratee

import (
	"sync/atomic"

	"github.com/halley-go/halley/iteratee"
)

// Filter returns the adapter that hands on the elements for which keep is true.
// What the consumer leaves over is left over.
//
// It is Play's Enumeratee.filter.
func Filter[E any](keep func(E) bool) Enumeratee[E, E] {
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		next, end := inner.Next, iteratee.StepCont
		ended := func(step iteratee.Step) iteratee.Step { // its own closure keeps the common path small
			end = step
			return step
		}
		return iteratee.Sink[E]{
			Next: func(e E) iteratee.Step {
				if !keep(e) {
					return end
				}
				if step := next(e); !step.IsCont() {
					return ended(step)
				}
				return iteratee.Step{}
			},
			EOF:  stage.EOF,
			Rest: inner.Rest,
			Keep: keep,
			Kept: next,
			Batch: func(es []E, over *atomic.Bool) (int, iteratee.Step) {
				for i, e := range es {
					if over.Load() {
						return i, iteratee.Step{}
					}
					if keep(e) {
						if step := next(e); !step.IsCont() {
							return i + 1, ended(step)
						}
					}
				}
				return len(es), end
			},
		}, iteratee.StepCont
	})
}

// FilterNot returns the adapter that hands on the elements for which drop is false.
// What the consumer leaves over is left over.
//
// It is Play's Enumeratee.filterNot.
func FilterNot[E any](drop func(E) bool) Enumeratee[E, E] {
	return Filter(func(e E) bool { return !drop(e) })
}

// FilterMap returns the adapter that hands on what f returns with true. What is left
// over is as with [Map].
//
// It is Play's Enumeratee.collect, of a function that says whether it is defined.
func FilterMap[From, To any](f func(From) (To, bool)) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		last := giver[From, To]{inner: inner.Rest}
		return iteratee.Sink[From]{
			Next: func(e From) iteratee.Step {
				to, ok := f(e)
				if !ok {
					return last.end
				}
				if step := inner.Next(to); !step.IsCont() {
					return last.ended(e, step)
				}
				return iteratee.StepCont
			},
			EOF:  stage.EOF,
			Rest: last.rest,
		}, iteratee.StepCont
	})
}
