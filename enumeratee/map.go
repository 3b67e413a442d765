package enumeratee

import (
	"context"
	"sync/atomic"

	"github.com/halley-go/halley/iteratee"
)

// Map returns the adapter that hands on f of each element.
//
// If the consumer ends on an element and leaves it over, Map leaves over the one
// from which that was made. It remembers no other, and cannot tell whether a part
// of a chunk or all of it was left over: it gives back the whole.
//
// It is Play's Enumeratee.map.
func Map[From, To any](f func(From) To) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		keep, next := inner.Keep, inner.Kept
		if keep == nil {
			next = inner.Next
		}
		last := giver[From, To]{inner: inner.Rest}
		ended := last.ended // its own closure keeps the common path small
		return iteratee.Sink[From]{
			Next: func(e From) iteratee.Step {
				to := f(e)
				if keep == nil || keep(to) {
					if step := next(to); !step.IsCont() {
						return ended(e, step)
					}
				}
				return last.end
			},
			EOF:  stage.EOF,
			Rest: last.rest,
			Batch: func(es []From, over *atomic.Bool) (int, iteratee.Step) {
				for i := range es {
					if over.Load() {
						return i, iteratee.Step{}
					}
					to := f(es[i])
					if keep == nil || keep(to) {
						if step := next(to); !step.IsCont() {
							return i + 1, ended(es[i], step)
						}
					}
				}
				return len(es), last.end
			},
		}, iteratee.StepCont
	})
}

// MapM is [Map] with a function that takes the run's context and can fail. The
// first error ends the run; f is not called again, nor once the context has ended.
//
// It is Play's Enumeratee.mapM.
func MapM[From, To any](f func(context.Context, From) (To, error)) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		last := giver[From, To]{inner: inner.Rest}
		end := iteratee.StepCont
		return iteratee.Sink[From]{
			Next: func(e From) iteratee.Step {
				if end.IsCont() {
					end = iteratee.Cancelled(stage.Context())
				}
				if !end.IsCont() {
					return end
				}
				to, err := f(stage.Context(), e)
				if err != nil {
					end = iteratee.StepError(err)
					return end
				}
				if end = inner.Next(to); !end.IsCont() {
					last.ended(e, end)
				}
				return end
			},
			EOF:  stage.EOF,
			Rest: last.rest,
		}, iteratee.StepCont
	})
}

// giver gives back the element on which the consumer of an adapter has ended, if
// the consumer has left over what was made of it.
type giver[From, To any] struct {
	inner func() iteratee.Input[To] // what the consumer has left over
	last  iteratee.Input[From]
	end   iteratee.Step
}

func (g *giver[From, To]) ended(e From, step iteratee.Step) iteratee.Step {
	if g.end.IsCont() {
		g.last, g.end = iteratee.El(e), step
	}
	return step
}

func (g *giver[From, To]) rest() iteratee.Input[From] {
	if _, ok := g.inner().El(); ok {
		return g.last
	}
	return iteratee.Empty[From]()
}
