package enumerator

import (
	"context"
	"errors"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Map returns the Enumerator of f of each element of e.
//
// It is Play's Enumerator.map.
func Map[From, To any](e Enumerator[From], f func(From) To) Enumerator[To] {
	return Through(e, enumeratee.Map(f))
}

// FlatMap returns the Enumerator of the elements of f of each element of e, one source
// after the other. f is called, and its source started, when an element is wanted.
//
// It is Play's Enumerator.flatMap.
func FlatMap[From, To any](e Enumerator[From], f func(From) Enumerator[To]) Enumerator[To] {
	return Through(e, MapFlatten(f))
}

// MapFlatten returns the adapter that hands on the elements of f of each element, one
// source after the other. A failure of one ends the run. If the consumer ends, the source
// that runs is stopped; what the consumer leaves over is dropped.
//
// It is Play's Enumeratee.mapFlatten.
func MapFlatten[From, To any](f func(From) Enumerator[To]) enumeratee.Enumeratee[From, To] {
	return MapInputFlatten(func(in iteratee.Input[From]) Enumerator[To] {
		if e, ok := in.El(); ok {
			return f(e)
		}
		return Empty[To]()
	})
}

// MapInputFlatten is [MapFlatten] of a function that is called at the end too, with EOF.
// Where Play calls it with Empty as well, here it is not.
//
// It is Play's Enumeratee.mapInputFlatten, which fails if the last source does not send
// EOF; here it need not.
func MapInputFlatten[From, To any](f func(iteratee.Input[From]) Enumerator[To]) enumeratee.Enumeratee[From, To] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		end := iteratee.StepCont
		run := func(in iteratee.Input[From]) {
			if end.IsCont() {
				end = f(in).Into(stage.Context(), inner)
			}
		}
		return iteratee.Sink[From]{
			Next: func(e From) iteratee.Step {
				run(iteratee.El(e))
				return end
			},
			EOF: func() iteratee.Step {
				run(iteratee.EOF[From]())
				if end.IsCont() {
					end = stage.Stop()
				}
				return end
			},
			Rest: iteratee.Empty[From],
		}, iteratee.StepCont
	})
}

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

// OnDoneEnumerating returns the Enumerator that is e, and calls f once for each run in
// which e is started, when e is over: it has run out, has failed, was stopped or
// cancelled, or has panicked. An error of f ends the run; it is joined to that of e, if
// there is one.
//
// It is Play's Enumerator.onDoneEnumerating, which prints what f throws.
func OnDoneEnumerating[E any](e Enumerator[E], f func() error) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) (step iteratee.Step) {
		defer func() {
			if err := f(); err != nil {
				step = iteratee.StepError(errors.Join(step.Err(), err))
			}
		}()
		return e.Into(ctx, sink)
	})
}
