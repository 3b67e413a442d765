package chunk

import (
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Take returns the adapter that hands on the first n items and stops with the n-th,
// without asking for another chunk. Take(0) stops before the first chunk. Empty chunks
// are handed on. A shorter stream is not an error.
//
// Take always consumes n items: if the consumer is done earlier, Take drops the other
// items and the consumer's leftovers. An error of the consumer ends the run at once. The
// items after the n-th in its chunk are left over.
//
// Take panics if n is negative.
//
// Play calls it Traversable.take.
func Take[E any](n int) enumeratee.Enumeratee[[]E, []E] {
	return take[E]("Take", n, true)
}

// TakeUpTo is like [Take], but stops when its consumer is done. Then its leftovers are
// those of the consumer, followed by the items of the chunk that were not handed on.
//
// Play calls it Traversable.takeUpTo, and loses the consumer's leftovers.
func TakeUpTo[E any](n int) enumeratee.Enumeratee[[]E, []E] {
	return take[E]("TakeUpTo", n, false)
}

func take[E any](operator string, n int, all bool) enumeratee.Enumeratee[[]E, []E] {
	check.NotNegative("enumeratee/chunk: "+operator+": n", n)
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]E]) (iteratee.Sink[[]E], iteratee.Step) {
		t := &taking[E]{stop: stage.Stop(), out: out, all: all, left: n}
		if n == 0 {
			t.finish()
		}
		return t, t.end
	})
}

type taking[E any] struct {
	stop  iteratee.Step
	out   iteratee.Outlet[[]E]
	all   bool // go on when the consumer is done
	left  int
	chunk []E           // the last one
	n     int           // the number of its items that were taken
	step  iteratee.Step // the consumer's last answer
	end   iteratee.Step
}

func (t *taking[E]) Next(es []E) iteratee.Step {
	if !t.end.IsCont() {
		return t.end
	}
	n := min(len(es), t.left)
	t.left -= n
	if t.step.IsCont() {
		t.step = t.out.Next(es[:n:n])
	}
	if t.left > 0 && (t.step.IsCont() || t.all && t.step.Err() == nil) {
		return iteratee.StepCont
	}
	t.chunk, t.n = es, n
	return t.finish()
}

func (t *taking[E]) EOF() iteratee.Step {
	if t.end.IsCont() {
		return t.finish()
	}
	return t.end
}

// finish ends the adapter with the answer of a consumer that has ended, or with its own
// stop.
func (t *taking[E]) finish() iteratee.Step {
	if t.end = t.step; t.end.IsCont() {
		t.end = t.stop
	}
	return t.end
}

func (t *taking[E]) Rest() iteratee.Input[[]E] {
	if t.all {
		return leftOver(nil, t.chunk, t.n)
	}
	return leftOver(t.out.Rest().Els(), t.chunk, t.n)
}

// leftOver returns left, the leftovers of a consumer that was handed es[:n], followed by
// es[n:]. If the consumer left over the end of es[:n], that and es[n:] are one chunk. An
// EOF that it left over is not among them: the code that closed the consumer sent it.
func leftOver[E any](left [][]E, es []E, n int) (in iteratee.Input[[]E]) {
	if last := len(left) - 1; last >= 0 {
		if m := len(left[last]); 0 < m && m <= n && &left[last][0] == &es[n-m] {
			left, n = left[:last], n-m
		}
	}
	for _, es := range left {
		in = in.Then(iteratee.El(es))
	}
	if len(es) > n {
		in = in.Then(iteratee.El(es[n:]))
	}
	return in
}
