package chunk

import (
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Drop returns the adapter that drops the first n items and hands on what follows them
// in their chunk, if anything does, and all other chunks. A shorter stream is no
// error. What the consumer leaves over is left over. Drop panics if n is negative.
//
// It is Play's Traversable.drop, which hands on Empty for a chunk that it uses up.
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
