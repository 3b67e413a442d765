package enumerator

import (
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Heading returns an adapter that hands on the elements of source when it is attached, then all
// elements of the stream unchanged. If the consumer is done after source, or source fails, nothing of
// the stream is consumed. If the consumer leaves over elements of source, they are dropped.
//
// Play calls it Enumeratee.heading.
func Heading[E any](source Enumerator[E]) enumeratee.Enumeratee[E, E] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		step := source.Into(stage.Context(), inner)
		if !step.IsCont() {
			inner.Rest = iteratee.Empty[E] // these elements came from source, not from the stream
		}
		inner.EOF = stage.EOF
		inner.Reset = nil // it would have to hand on the elements of source again
		return inner, step
	})
}

// Trailing returns an adapter that hands on all elements of the stream unchanged, then those of source.
// source starts when the stream has run out or an adapter before this one has stopped. It does not
// start if the consumer is done already. If the consumer leaves over elements of the stream, the
// adapter leaves them over too. If the consumer leaves over elements of source, they are dropped.
//
// Play calls it Enumeratee.trailing.
func Trailing[E any](source Enumerator[E]) enumeratee.Enumeratee[E, E] {
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
					end = source.Into(stage.Context(), inner)
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
