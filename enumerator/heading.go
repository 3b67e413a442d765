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
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		if step := innerOf(stage, out).feed(source); !step.IsCont() {
			return iteratee.Ended(step, iteratee.Empty[E]()), step // its elements never came from the stream
		}
		return enumeratee.PassAlong[E]().Attach(stage, out)
	})
}

// Trailing returns an adapter that hands on all elements of the stream unchanged, then those of source.
// source starts when the stream has run out or an adapter before this one has stopped. It does not
// start if the consumer is done already. If the consumer leaves over elements of the stream, the
// adapter leaves them over too. If the consumer leaves over elements of source, they are dropped.
//
// Play calls it Enumeratee.trailing.
func Trailing[E any](source Enumerator[E]) enumeratee.Enumeratee[E, E] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		return &trailing[E]{stage: stage, inner: innerOf(stage, out), Outlet: out, source: source}, iteratee.StepCont
	})
}

type trailing[E any] struct {
	stage enumeratee.Stage
	inner[E]
	iteratee.Outlet[E]
	source Enumerator[E]
	end    iteratee.Step
	ran    bool // the consumer has ended on an element of source
}

func (t *trailing[E]) Next(e E) iteratee.Step {
	if t.end.IsCont() {
		t.end = t.Outlet.Next(e)
	}
	return t.end
}

func (t *trailing[E]) EOF() iteratee.Step {
	if t.end.IsCont() {
		t.end = t.feed(t.source)
		if t.ran = !t.end.IsCont(); !t.ran {
			t.end = t.stage.Stop()
		}
	}
	return t.end
}

func (t *trailing[E]) Rest() iteratee.Input[E] {
	if t.ran {
		return iteratee.Empty[E]()
	}
	return t.Outlet.Rest()
}
