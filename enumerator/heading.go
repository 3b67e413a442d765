package enumerator

import (
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Heading returns the adapter that hands on the elements of e when it is attached, before
// it has been handed anything, and then changes nothing. If the consumer ends, or e fails,
// nothing of the stream has been consumed.
//
// It is Play's Enumeratee.heading.
func Heading[E any](e Enumerator[E]) enumeratee.Enumeratee[E, E] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		step := e.Into(stage.Context(), inner)
		if !step.IsCont() {
			inner.Rest = iteratee.Empty[E] // what it leaves over of e never came from the stream
		}
		inner.EOF = stage.EOF
		inner.Reset = nil // it would have to hand on e again
		return inner, step
	})
}

// Trailing returns the adapter that changes nothing and hands on the elements of e when its
// own have run out, or an adapter before it has stopped; not if the consumer has ended
// before. What the consumer leaves over is left over, unless it is of e.
//
// It is Play's Enumeratee.trailing.
func Trailing[E any](e Enumerator[E]) enumeratee.Enumeratee[E, E] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		end, rest := iteratee.StepCont, inner.Rest
		return iteratee.Sink[E]{
			Next: func(e E) iteratee.Step {
				if end.IsCont() {
					end = inner.Next(e)
				}
				return end
			},
			EOF: func() iteratee.Step {
				if end.IsCont() {
					end = e.Into(stage.Context(), inner)
					if end.IsCont() {
						end = stage.Stop()
					} else {
						rest = iteratee.Empty[E]
					}
				}
				return end
			},
			Rest: func() iteratee.Input[E] { return rest() },
		}, iteratee.StepCont
	})
}
