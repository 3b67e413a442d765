package enumeratee

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// Compose returns the adapter that is first, then second. At the end first hands
// on what it holds to second, then second does to the consumer. Once either stops,
// the whole has stopped. It adds nothing to the cost of an element; adapters
// nested n deep take n stack frames.
//
// It is Play's ><>. Unlike there, what second leaves over is not lost where first
// can give it back: see [Map].
func Compose[A, B, C any](first Enumeratee[A, B], second Enumeratee[B, C]) Enumeratee[A, C] {
	return New(func(stage Stage, inner iteratee.Sink[C]) (iteratee.Sink[A], iteratee.Step) {
		b, step := second.Attach(stage, inner)
		if !step.IsCont() {
			return iteratee.Sink[A]{
				Next: func(A) iteratee.Step { return step },
				EOF:  b.EOF,
				Rest: iteratee.Empty[A],
			}, step
		}
		a, step := first.Attach(stage, b)
		return iteratee.Sink[A]{
			Next: a.Next,
			EOF: func() iteratee.Step {
				step := a.EOF()
				if step == stage.Stop() { // one of the two: the other has to end as well
					step = b.EOF()
				}
				return step
			},
			Rest: a.Rest,
		}, step
	})
}

// Transform returns the Iteratee that feeds it through t. It is done when t stops,
// when it is done, or at EOF; it gets EOF then, if it still wants input.
//
// What t was handed and did not consume is left over; what it leaves over is,
// where t can give it back: see [Map]. If it is done before any input, t is not
// attached at all.
//
// It is Play's &>>.
func Transform[From, To, A any](t Enumeratee[From, To], it iteratee.Iteratee[To, A]) iteratee.Iteratee[From, A] {
	return iteratee.New(func(ctx context.Context) iteratee.Running[From, A] {
		inner := it.Start(ctx)
		if !inner.Step.IsCont() {
			return iteratee.Running[From, A]{
				Sink:   iteratee.Ended(inner.Step, iteratee.Empty[From]()),
				Step:   inner.Step,
				Result: inner.Result,
			}
		}
		outer, step := t.Attach(NewStage(ctx), inner.Sink)
		return iteratee.Running[From, A]{
			Sink: outer,
			Step: step,
			// EOF has no effect on what is done already.
			Result: func() (a A, err error) {
				if err := outer.EOF().Err(); err != nil {
					return a, err
				}
				return inner.Finish(inner.EOF())
			},
		}
	})
}

// PassAlong returns the adapter that changes nothing.
//
// It is Play's Enumeratee.passAlong.
func PassAlong[E any]() Enumeratee[E, E] {
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		inner.EOF = stage.EOF
		return inner, iteratee.StepCont
	})
}
