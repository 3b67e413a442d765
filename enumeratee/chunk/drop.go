package chunk

import (
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Drop returns the adapter that drops the first n items and hands on the others. A chunk of which
// it drops all items is not handed on. A shorter stream is not an error. The leftovers of the
// consumer are left over. Drop panics if n is negative.
//
// Play calls it Traversable.drop.
func Drop[E any](n int) enumeratee.Enumeratee[[]E, []E] {
	check.NotNegative("enumeratee/chunk: Drop: n", n)
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
