package enumeratee

import (
	"context"
	"slices"

	"github.com/halley-go/halley/iteratee"
)

// Compose returns the adapter that is first, then second. At the end first hands
// on what it holds to second, then second does to the consumer. Once either stops,
// the whole has stopped. It adds nothing to the cost of an element. A chain of any
// length, nested to either side, is attached in constant stack and linear time;
// each of its adapters that calls the next takes a small stack frame per element.
//
// It is Play's ><>. Unlike there, what second leaves over is not lost where first
// can give it back: see [Map].
func Compose[A, B, C any](first Enumeratee[A, B], second Enumeratee[B, C]) Enumeratee[A, C] {
	return Enumeratee[A, C]{part: &part{first: first.erase(), second: second.erase()}}
}

// Compose3 is [Compose] of three adapters.
func Compose3[A, B, C, D any](a Enumeratee[A, B], b Enumeratee[B, C], c Enumeratee[C, D]) Enumeratee[A, D] {
	return Compose(Compose(a, b), c)
}

// Compose4 is [Compose] of four adapters.
func Compose4[A, B, C, D, E any](a Enumeratee[A, B], b Enumeratee[B, C], c Enumeratee[C, D], d Enumeratee[D, E]) Enumeratee[A, E] {
	return Compose(Compose3(a, b, c), d)
}

// Compose5 is [Compose] of five adapters.
func Compose5[A, B, C, D, E, F any](a Enumeratee[A, B], b Enumeratee[B, C], c Enumeratee[C, D], d Enumeratee[D, E], e Enumeratee[E, F]) Enumeratee[A, F] {
	return Compose(Compose4(a, b, c, d), e)
}

// Compose6 is [Compose] of six adapters.
func Compose6[A, B, C, D, E, F, G any](a Enumeratee[A, B], b Enumeratee[B, C], c Enumeratee[C, D], d Enumeratee[D, E], e Enumeratee[E, F], f Enumeratee[F, G]) Enumeratee[A, G] {
	return Compose(Compose5(a, b, c, d, e), f)
}

// part is an Enumeratee without its types, so that a chain of any length can be
// walked without recursion. Either attach is set or the two others.
type part struct {
	attach        func(stage Stage, inner any) (sink any, eof func() iteratee.Step, step iteratee.Step)
	first, second *part
}

func (t Enumeratee[From, To]) erase() *part {
	if t.part != nil {
		return t.part
	}
	return &part{attach: func(stage Stage, inner any) (any, func() iteratee.Step, iteratee.Step) {
		sink, step := t.Attach(stage, inner.(iteratee.Sink[To]))
		return sink, sink.EOF, step
	}}
}

// attachParts attaches the last part to inner, the one before it to that, and so
// on. If one is done by then, those before it are not attached.
func attachParts[From, To any](p *part, stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
	var (
		sink any                    = inner
		eofs []func() iteratee.Step // last part first
		step iteratee.Step
	)
	for todo := []*part{p}; len(todo) > 0 && step.IsCont(); {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p.attach == nil {
			todo = append(todo, p.first, p.second)
			continue
		}
		var eof func() iteratee.Step
		sink, eof, step = p.attach(stage, sink)
		eofs = append(eofs, eof)
	}
	whole := iteratee.Ended(step, iteratee.Empty[From]())
	if step.IsCont() {
		whole = sink.(iteratee.Sink[From])
	}
	whole.EOF = func() iteratee.Step {
		for _, eof := range slices.Backward(eofs) {
			if step := eof(); step != stage.Stop() {
				return step // the consumer has ended
			}
		}
		return stage.Stop()
	}
	return whole, step
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
		ctx, _ = iteratee.Failable(ctx)
		inner := it.Start(ctx)
		if !inner.Step.IsCont() {
			return iteratee.Running[From, A]{
				Sink:   iteratee.Ended(inner.Step, iteratee.Empty[From]()),
				Step:   inner.Step,
				Result: inner.Result,
			}
		}
		stage := NewStage(ctx)
		outer, step := t.Attach(stage, inner.Sink)
		outer = endedByFailure(stage, outer)
		outer.Rest = ofTheStream(outer.Rest)
		if stage.end != nil {
			outer.Reset = nil // what is held open would be closed
		}
		return iteratee.Running[From, A]{
			Sink: outer,
			Step: step,
			// EOF has no effect on what is done already.
			Result: func() (a A, err error) {
				defer stage.End()
				if err := outer.EOF().Err(); err != nil {
					return a, err
				}
				return inner.Finish(inner.EOF())
			},
		}
	})
}

// ofTheStream is rest without EOF: the consumer has got that from whoever closed it, where
// the stream can go on.
func ofTheStream[E any](rest func() iteratee.Input[E]) func() iteratee.Input[E] {
	return func() iteratee.Input[E] { return rest().WithoutEOF() }
}

// Defer returns the adapter that build makes for each attachment. It is for adapters with
// a state that cannot be shared. If build fails, so does the run.
//
// It is the Defer of ReactiveX, and serves where Play flattens a future transformer.
func Defer[From, To any](build func(context.Context) (Enumeratee[From, To], error)) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		t, err := build(stage.Context())
		if err != nil {
			step := iteratee.StepError(err)
			return iteratee.Ended(step, iteratee.Empty[From]()), step
		}
		return t.Attach(stage, inner)
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
