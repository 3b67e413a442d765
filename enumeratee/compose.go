package enumeratee

import (
	"context"
	"slices"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Compose returns the adapter that puts first before second. At EOF first hands on the elements that it holds
// to second, then second hands on the elements that it holds to the consumer. When first or second stops, the
// whole stops. The leftovers of second are left over if first can give them back. See [Map].
//
// A chain of any length, nested to either side, is attached in constant stack and linear time. Handing on an
// element takes a small stack frame for each adapter.
//
// Play calls it ><>, and loses the leftovers of second.
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

// part is an Enumeratee without its types, so that a chain of any length can be walked without recursion.
// Either attach or both first and second are set.
type part struct {
	attach        func(stage Stage, out any) (sink closer, step iteratee.Step)
	first, second *part
}

// closer is an iteratee.Sink of any type.
type closer interface{ EOF() iteratee.Step }

func (a Enumeratee[From, To]) erase() *part {
	if a.part != nil {
		return a.part
	}
	return &part{attach: func(stage Stage, out any) (closer, iteratee.Step) {
		return a.Attach(stage, out.(iteratee.Outlet[To]))
	}}
}

// attachParts attaches the last part to out, the part before that to the last, and so on. If a part is done
// when it is attached, the parts before it are not attached.
func attachParts[From, To any](p *part, stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
	var (
		next  any      = out
		parts []closer // last part first
		step  iteratee.Step
	)
	for todo := []*part{p}; len(todo) > 0 && step.IsCont(); {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p.attach == nil {
			todo = append(todo, p.first, p.second)
			continue
		}
		var sink closer
		sink, step = p.attach(stage, next)
		parts = append(parts, sink)
		next = sink
	}
	first := iteratee.Ended(step, iteratee.Empty[From]())
	if step.IsCont() {
		first = next.(iteratee.Sink[From])
	}
	return &composed[From]{Sink: first, parts: parts, stop: stage.Stop()}, step
}

type composed[From any] struct {
	fast.Starts
	iteratee.Sink[From] // the first part
	parts               []closer
	stop                iteratee.Step
}

func (c *composed[From]) EOF() iteratee.Step {
	for _, part := range slices.Backward(c.parts) {
		if step := part.EOF(); step != c.stop {
			return step // of the consumer, which has ended
		}
	}
	return c.stop
}

func (c *composed[From]) Batch(es []From, ended *fast.Flag) (int, iteratee.Step) {
	return fast.Offer[From, iteratee.Step](c.Sink, es, ended)
}

func (c *composed[From]) Reset() (iteratee.Step, bool) {
	return fast.Reset[From, iteratee.Step](c.Sink)
}

// Transform returns the Iteratee that feeds consumer through adapter. It is done when adapter stops, when
// consumer is done, or at EOF. Then it sends EOF to consumer if consumer still wants input. If consumer is
// done before any input, adapter is not attached.
//
// The leftovers of adapter are left over. They include the leftovers of consumer if adapter can give them
// back. See [Map].
//
// Play calls it &>>.
func Transform[From, To, A any](adapter Enumeratee[From, To], consumer iteratee.Iteratee[To, A]) iteratee.Iteratee[From, A] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[From, A], iteratee.Step) {
		ctx, _ = scope.Failable(ctx)
		inner, step := consumer.Start(ctx)
		t := &transformed[From, To, A]{consumer: inner}
		if !step.IsCont() {
			t.Sink = iteratee.Ended(step, iteratee.Empty[From]())
			t.ended = true
			return t, step
		}
		t.stage = NewStage(ctx)
		t.Sink, step = adapter.Attach(t.stage, inner)
		t.Sink = endedByFailure(t.stage, t.Sink)
		return t, step
	})
}

type transformed[From, To, A any] struct {
	fast.Starts
	iteratee.Sink[From] // the adapter
	stage               Stage
	consumer            iteratee.Running[To, A]
	ended               bool // consumer was done before any input
}

// Rest returns the rest without EOF. Result has sent EOF to the consumer, but the stream may go on.
func (t *transformed[From, To, A]) Rest() iteratee.Input[From] { return t.Sink.Rest().WithoutEOF() }

func (t *transformed[From, To, A]) Result() (a A, err error) {
	if t.ended {
		return t.consumer.Result()
	}
	defer t.stage.End()
	if err := t.Sink.EOF().Err(); err != nil { // has no effect if the adapter is done
		return a, err
	}
	return iteratee.Finish(t.consumer, t.consumer.EOF())
}

func (t *transformed[From, To, A]) Batch(es []From, ended *fast.Flag) (int, iteratee.Step) {
	return fast.Offer[From, iteratee.Step](t.Sink, es, ended)
}

func (t *transformed[From, To, A]) Reset() (iteratee.Step, bool) {
	return fast.Reset[From, iteratee.Step](t.Sink)
}

// Defer returns the adapter that calls build for each attachment and attaches the adapter that build returns.
// It is for adapters with a state that attachments cannot share. If build fails, the run fails.
//
// ReactiveX: Defer. Play calls it Enumeratee.flatten, and takes a Future.
func Defer[From, To any](build func(context.Context) (Enumeratee[From, To], error)) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		adapter, err := build(stage.Context())
		if err != nil {
			step := iteratee.StepError(err)
			return iteratee.Ended(step, iteratee.Empty[From]()), step
		}
		return adapter.Attach(stage, out)
	})
}

// PassAlong returns the adapter that changes nothing.
//
// Play calls it Enumeratee.passAlong.
func PassAlong[E any]() Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		return &pass[E]{stage, out}, iteratee.StepCont
	})
}

// pass hands on each element.
type pass[E any] struct {
	Stage
	iteratee.Outlet[E]
}

func (p *pass[E]) Batch(es []E, ended *fast.Flag) (int, iteratee.Step) {
	return fast.Offer[E, iteratee.Step](p.Outlet, es, ended)
}
