package iteratee

import (
	"context"
	"errors"
)

// ErrDivergent is the error of an iteratee that wants more input after the end of
// the stream. It marks a mistake in that iteratee, not bad data.
var ErrDivergent = errors.New("iteratee: consumer wants input after EOF")

// An Iteratee consumes a stream of E and ends with an A or an error.
//
// It is a recipe: every run starts afresh, so one value may be used many times
// and by several goroutines at once. It owns nothing that must be closed. The
// zero Iteratee is not usable; start from one of the constructors.
//
// The idea is Play's play.api.libs.iteratee.Iteratee.
type Iteratee[E, A any] struct {
	start func(context.Context) Running[E, A]
	node  *node[E] // set instead of start: made of parts that follow one another
}

// Running is one run of an [Iteratee]: its Sink and how to get its result.
type Running[E, A any] struct {
	Sink[E]

	// Step is what the run answered when it started: an Iteratee can be done,
	// or have failed, before it was offered anything. It is StepCont by default.
	Step Step

	// Result returns the value, once Step, Next or EOF has said done. It may
	// still fail. Whoever wants both calls Result before Rest.
	Result func() (A, error)
}

// New makes an Iteratee of the function that starts it. The function is called
// once per run and must make everything that the run changes. The context is the
// run's: it ends when the run is cancelled.
func New[E, A any](start func(context.Context) Running[E, A]) Iteratee[E, A] {
	return Iteratee[E, A]{start: start}
}

// Start starts a run. What it returns must be driven by one goroutine.
func (it Iteratee[E, A]) Start(ctx context.Context) Running[E, A] {
	switch {
	case it.node != nil:
		return startNode[E, A](ctx, it.node)
	case it.start != nil:
		return it.start(ctx)
	}
	panic("iteratee: Start: the zero Iteratee cannot run; make one with Fold, Done or another constructor")
}

// Finish ends a run whose last answer was step: it sends EOF if that asked for
// more, and returns the result, or the error with which the run has failed.
// A run that wants input even after EOF fails with [ErrDivergent].
func (r Running[E, A]) Finish(step Step) (a A, err error) {
	if step.IsCont() {
		step = r.EOF()
	}
	if step.IsCont() {
		return a, ErrDivergent
	}
	if err := step.Err(); err != nil {
		return a, err
	}
	return r.Result()
}

// Map returns an Iteratee that consumes what it consumes and ends with f of its
// result. What it leaves over stays as it is. f is not called if it fails.
//
// It is Play's Iteratee.map.
func Map[E, A, B any](it Iteratee[E, A], f func(A) B) Iteratee[E, B] {
	return MapM(it, func(_ context.Context, a A) (B, error) { return f(a), nil })
}

// MapM is [Map] with a function that takes the run's context and can fail.
//
// It is Play's Iteratee.mapM.
func MapM[E, A, B any](it Iteratee[E, A], f func(context.Context, A) (B, error)) Iteratee[E, B] {
	if it.node != nil { // stays flat, however often FlatMap and Map alternate
		return FlatMap(it, func(a A) Iteratee[E, B] {
			return Defer(func(ctx context.Context) (Iteratee[E, B], error) {
				b, err := f(ctx, a)
				return Done(b, Empty[E]()), err
			})
		})
	}
	return New(func(ctx context.Context) Running[E, B] {
		r := it.Start(ctx)
		return Running[E, B]{Sink: r.Sink, Step: r.Step, Result: func() (b B, err error) {
			a, err := r.Result()
			if err != nil {
				return b, err
			}
			return f(ctx, a)
		}}
	})
}

// Defer returns the Iteratee that build makes for each run. It is for consumers with
// a state that cannot be shared, such as a Fold over a map. If build fails, so does
// the run.
//
// It is the Defer of ReactiveX, and serves where Play flattens a future consumer.
func Defer[E, A any](build func(context.Context) (Iteratee[E, A], error)) Iteratee[E, A] {
	return Iteratee[E, A]{node: &node[E]{make: func(ctx context.Context) *node[E] {
		it, err := build(ctx)
		if err != nil {
			it = Error[E, A](err, Empty[E]())
		}
		return it.erase()
	}}}
}
