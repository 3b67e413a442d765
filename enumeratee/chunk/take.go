package chunk

import (
	"fmt"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Take returns the adapter that hands on the first n items and stops with the n-th:
// no chunk after it is asked for. Take(0) stops before the first. A shorter stream is
// no error; an empty chunk is handed on. Take panics if n is negative.
//
// It always consumes n items: if the consumer is done before, the others are dropped,
// and so is what the consumer leaves over. If the consumer fails, that ends the run at
// once. What follows the n-th item in its chunk is left over.
//
// It is Play's Traversable.take, which wants one more input after the n-th item if
// that was the last of its chunk.
func Take[E any](n int) enumeratee.Enumeratee[[]E, []E] {
	return take[E]("Take", n, true)
}

// TakeUpTo is [Take] that stops with the consumer: what that leaves over, then what of
// the chunk was not handed on, is left over.
//
// It is Play's Traversable.takeUpTo, which loses what the consumer leaves over.
func TakeUpTo[E any](n int) enumeratee.Enumeratee[[]E, []E] {
	return take[E]("TakeUpTo", n, false)
}

func take[E any](operator string, n int, all bool) enumeratee.Enumeratee[[]E, []E] {
	checkCount(operator, n)
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
	all   bool // does not stop with the consumer
	left  int
	chunk []E           // the last one
	n     int           // how many items of it were taken
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

// finish answers how the consumer has ended, or that it is still open.
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

// leftOver is what a consumer has left over, then what follows the first n items of es,
// which it was handed: as one chunk if it has left over the end of those. An EOF that it
// has left over is none of the stream: whoever closed the consumer sent that.
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

func checkCount(operator string, n int) {
	if n < 0 {
		panic(fmt.Sprintf("enumeratee/chunk: %s: n must not be negative, got %d", operator, n))
	}
}
