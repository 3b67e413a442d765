package enumeratee

import "github.com/halley-go/halley/iteratee"

// Filter returns the adapter that hands on the elements for which keep is true.
// What the consumer leaves over is left over.
//
// It is Play's Enumeratee.filter.
func Filter[E any](keep func(E) bool) Enumeratee[E, E] {
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		next := inner.Next
		return iteratee.Sink[E]{
			Next: func(e E) iteratee.Step {
				if keep(e) {
					return next(e)
				}
				return iteratee.Step{}
			},
			EOF:  stage.EOF,
			Rest: inner.Rest,
			Keep: keep,
			Kept: next,
			Batch: func(es []E) (int, iteratee.Step) {
				for i, e := range es {
					if keep(e) {
						if step := next(e); !step.IsCont() {
							return i + 1, step
						}
					}
				}
				return len(es), iteratee.Step{}
			},
		}, iteratee.StepCont
	})
}
