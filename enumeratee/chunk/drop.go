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
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]E]) (iteratee.Sink[[]E], iteratee.Step) {
		return &dropping[E]{stage, out, n}, iteratee.StepCont
	})
}

type dropping[E any] struct {
	enumeratee.Stage
	iteratee.Outlet[[]E]
	left int
}

func (d *dropping[E]) Next(es []E) iteratee.Step {
	if d.left > 0 {
		dropped := min(len(es), d.left)
		d.left -= dropped
		if es = es[dropped:]; len(es) == 0 {
			return iteratee.StepCont
		}
	}
	return d.Outlet.Next(es)
}
