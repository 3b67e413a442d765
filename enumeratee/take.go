package enumeratee

import (
	"fmt"
	"sync/atomic"

	"github.com/halley-go/halley/iteratee"
)

// Take returns the adapter that hands on the first n elements and stops with the
// n-th: the one after it is never asked for. Take(0) stops before the first. A
// shorter stream is no error. What the consumer leaves over is left over. Take
// panics if n is negative.
//
// It is Play's Enumeratee.take.
func Take[E any](n int) Enumeratee[E, E] {
	checkCount("Take", n)
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		t := &taking[E]{stop: stage.Stop(), inner: inner, left: n}
		sink := iteratee.Sink[E]{Next: t.next, EOF: stage.EOF, Rest: inner.Rest, Batch: t.batch}
		if inner.Reset != nil {
			sink.Reset = func() iteratee.Step {
				t.left = n
				if step := inner.Reset(); !step.IsCont() {
					return step
				}
				return t.passed(0)
			}
		}
		return sink, t.passed(0)
	})
}

type taking[E any] struct {
	stop  iteratee.Step
	inner iteratee.Sink[E]
	left  int
}

func (t *taking[E]) next(e E) iteratee.Step {
	if t.left == 0 {
		return t.stop
	}
	if step := t.inner.Next(e); !step.IsCont() {
		return step
	}
	return t.passed(1)
}

func (t *taking[E]) batch(es []E, over *atomic.Bool) (int, iteratee.Step) {
	if t.left == 0 {
		return 0, t.stop
	}
	n, step := t.inner.Offer(es[:min(len(es), t.left)], over)
	if !step.IsCont() {
		return n, step
	}
	return n, t.passed(n)
}

// passed answers after n more elements.
func (t *taking[E]) passed(n int) iteratee.Step {
	if t.left -= n; t.left == 0 {
		return t.stop
	}
	return iteratee.StepCont
}

// TakeWhile returns the adapter that hands on elements while keep is true, and
// stops at the first for which it is not. That one is left over, after what the
// consumer leaves over.
//
// It is Play's Enumeratee.takeWhile.
func TakeWhile[E any](keep func(E) bool) Enumeratee[E, E] {
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		end, rest := iteratee.StepCont, iteratee.Empty[E]()
		return iteratee.Sink[E]{
			Next: func(e E) iteratee.Step {
				if !end.IsCont() {
					return end
				}
				if keep(e) {
					if step := inner.Next(e); !step.IsCont() {
						end = step
					}
					return end
				}
				end, rest = stage.Stop(), iteratee.El(e)
				return end
			},
			EOF:  stage.EOF,
			Rest: func() iteratee.Input[E] { return inner.Rest().Then(rest) },
		}, iteratee.StepCont
	})
}

// BreakE returns the adapter that hands on elements until stop is true for one, and
// stops at that. It is [TakeWhile] of the contrary.
//
// It is Play's Enumeratee.breakE, which at times forgets what the consumer has done with
// the last element.
func BreakE[E any](stop func(E) bool) Enumeratee[E, E] {
	return TakeWhile(func(e E) bool { return !stop(e) })
}

// Drop returns the adapter that drops the first n elements and hands on the
// others. What the consumer leaves over is left over. Drop panics if n is negative.
//
// It is Play's Enumeratee.drop.
func Drop[E any](n int) Enumeratee[E, E] {
	checkCount("Drop", n)
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		left := n
		return iteratee.Sink[E]{
			Next: func(e E) iteratee.Step {
				if left > 0 {
					left--
					return iteratee.Step{}
				}
				return inner.Next(e)
			},
			EOF:  stage.EOF,
			Rest: inner.Rest,
		}, iteratee.StepCont
	})
}

// DropWhile returns the adapter that drops elements while drop is true, and hands on
// the first for which it is not and all that follow; drop is not called any more. What
// the consumer leaves over is left over.
//
// It is Play's Enumeratee.dropWhile.
func DropWhile[E any](drop func(E) bool) Enumeratee[E, E] {
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		dropping := true
		return Filter(func(e E) bool {
			dropping = dropping && drop(e)
			return !dropping
		}).Attach(stage, inner)
	})
}

func checkCount(operator string, n int) {
	if n < 0 {
		panic(fmt.Sprintf("enumeratee: %s: n must not be negative, got %d", operator, n))
	}
}
