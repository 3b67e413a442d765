package chunk

import (
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Drop returns the adapter that drops the first n items and hands on the others. A chunk
// of which it drops all items is not handed on. A shorter stream is not an error. Its
// leftovers are those of the consumer. Drop panics if n is negative.
//
// Play calls it Traversable.drop.
func Drop[E any](n int) enumeratee.Enumeratee[[]E, []E] {
	checkCount("Drop", n)
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[[]E]) (iteratee.Sink[[]E], iteratee.Step) {
		left := n
		return iteratee.Sink[[]E]{
			Next: func(es []E) iteratee.Step {
				if left > 0 {
					dropped := min(len(es), left)
					left -= dropped
					if es = es[dropped:]; len(es) == 0 {
						return iteratee.StepCont
					}
				}
				return inner.Next(es)
			},
			EOF:  stage.EOF,
			Rest: inner.Rest,
		}, iteratee.StepCont
	})
}
