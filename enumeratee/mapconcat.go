package enumeratee

import (
	"context"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// MapConcat returns the adapter that hands on the elements of f of each element, in
// order. If the consumer ends among them, the others are dropped; if it leaves over the
// very first, the element from which they came is left over.
//
// It is Play's Enumeratee.mapConcat.
func MapConcat[From, To any](f func(From) []To) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		last := giver[From, To]{inner: inner.Rest}
		ask := stage.asker()
		end := iteratee.StepCont
		return iteratee.Sink[From]{
			Next: func(e From) iteratee.Step {
				if !end.IsCont() {
					return end
				}
				var n int
				if n, end = prompt.Offer(ask, inner, f(e)); !end.IsCont() && n == 1 {
					last.ended(e, end)
				}
				return end
			},
			EOF:  stage.EOF,
			Rest: last.rest,
		}, iteratee.StepCont
	})
}

// MapInput returns the adapter that hands on f of each element: an element, several
// ([iteratee.Input.Then]) or none, and stops after an Input that ends the stream. What
// is left over is as with [MapConcat]. Where Play calls f with Empty too, here it is
// called with elements only. Each Input is an allocation.
//
// It is Play's Enumeratee.mapInput and mapConcatInput.
func MapInput[From, To any](f func(iteratee.Input[From]) iteratee.Input[To]) Enumeratee[From, To] {
	return MapInputM(func(_ context.Context, in iteratee.Input[From]) (iteratee.Input[To], error) { return f(in), nil })
}

// MapInputM is [MapInput] with a function that takes the run's context and can fail.
// The first error ends the run; f is not called again, nor once the context has ended.
//
// It is Play's Enumeratee.mapInputM.
func MapInputM[From, To any](f func(context.Context, iteratee.Input[From]) (iteratee.Input[To], error)) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		last := giver[From, To]{inner: inner.Rest}
		ask := stage.asker()
		end := iteratee.StepCont
		return iteratee.Sink[From]{
			Next: func(e From) iteratee.Step {
				if end.IsCont() {
					end = iteratee.Cancelled(stage.Context())
				}
				if !end.IsCont() {
					return end
				}
				to, err := f(stage.Context(), iteratee.El(e))
				if err != nil {
					end = iteratee.StepError(err)
					return end
				}
				var n int
				n, end = prompt.Offer(ask, inner, to.Els())
				switch {
				case !end.IsCont() && n == 1:
					last.ended(e, end)
				case end.IsCont() && to.IsEOF():
					end = stage.Stop()
				}
				return end
			},
			EOF:  stage.EOF,
			Rest: last.rest,
		}, iteratee.StepCont
	})
}
