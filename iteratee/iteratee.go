package iteratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/fast"
)

// ErrDivergent is the error of an Iteratee that wants more input after EOF. It marks a mistake in that
// Iteratee, not bad data.
var ErrDivergent = errors.New("iteratee: consumer wants input after EOF")

// An Iteratee consumes a stream of E and ends with an A or an error.
//
// It is a recipe: every run starts afresh, so one value may be used many times and by several goroutines at
// once. An Iteratee need not be closed. The zero Iteratee cannot be run.
//
// Play calls it Iteratee too.
type Iteratee[E, A any] struct {
	start func(context.Context) (Running[E, A], Step)
	node  *node[E] // set instead of start if parts follow one another
}

// A Running is one run of an [Iteratee].
type Running[E, A any] interface {
	Sink[E]

	// Result returns the result once the run has answered done. It may return an error even then. A caller
	// that needs both Result and Rest must call Result first.
	Result() (A, error)
}

// New makes an Iteratee from start, which starts a run of it. start is called once for each run and must
// make everything that the run changes. It returns the run and the first answer of the run, which is
// StepCont unless the run is done or has failed before its first element. ctx is the context of the run.
func New[E, A any](start func(ctx context.Context) (Running[E, A], Step)) Iteratee[E, A] {
	return Iteratee[E, A]{start: start}
}

// Start starts a run, and returns it and its first answer. One goroutine must drive the run.
func (i Iteratee[E, A]) Start(ctx context.Context) (Running[E, A], Step) {
	switch {
	case i.node != nil:
		return startNode[E, A](ctx, i.node)
	case i.start != nil:
		r, step := i.start(ctx)
		fast.Started(r)
		return r, step
	}
	panic("iteratee: Start: the zero Iteratee cannot run; make one with Fold, Done or another constructor")
}

// WithResult returns a run that consumes as sink does and whose Result calls result. It is for an Iteratee
// that is made of a Sink, such as one of [Funcs] or [Rounds].
func WithResult[E, A any](sink Sink[E], result func() (A, error)) Running[E, A] {
	return &withResult[E, A]{sink, result}
}

type withResult[E, A any] struct {
	Sink[E]
	result func() (A, error)
}

func (w *withResult[E, A]) Result() (A, error) { return w.result() }

func (w *withResult[E, A]) Batch(es []E, ended *fast.Flag) (int, Step) {
	return fast.Offer[E, Step](w.Sink, es, ended)
}

// Finish ends run, whose last answer is step. It sends EOF if run wants more, and returns the result or the
// error of run. If run wants more after EOF, the error is [ErrDivergent].
func Finish[E, A any](run Running[E, A], step Step) (a A, err error) {
	if err := finish(run, step); err != nil {
		return a, err
	}
	return run.Result()
}

func finish[E any](sink Sink[E], step Step) error {
	if step.IsCont() {
		step = sink.EOF()
	}
	if step.IsCont() {
		return ErrDivergent
	}
	return step.Err()
}

// Map returns an Iteratee that runs consumer and ends with f of its result. f is not called if consumer
// fails. The leftovers of consumer are left over.
//
// Play calls it Iteratee.map.
func Map[E, A, B any](consumer Iteratee[E, A], f func(A) B) Iteratee[E, B] {
	return MapM(consumer, func(_ context.Context, a A) (B, error) { return f(a), nil })
}

// MapM is [Map] with a function that takes the context of the run and can fail.
//
// Play calls it Iteratee.mapM.
func MapM[E, A, B any](consumer Iteratee[E, A], f func(context.Context, A) (B, error)) Iteratee[E, B] {
	if consumer.node != nil { // keeps chains of FlatMap and Map flat
		return FlatMap(consumer, func(a A) Iteratee[E, B] {
			return Defer(func(ctx context.Context) (Iteratee[E, B], error) {
				b, err := f(ctx, a)
				return Done(b, Empty[E]()), err
			})
		})
	}
	return New(func(ctx context.Context) (Running[E, B], Step) {
		r, step := consumer.Start(ctx)
		return &mapped[E, A, B]{Running: r, ctx: ctx, f: f}, step
	})
}

type mapped[E, A, B any] struct {
	fast.Starts
	Running[E, A]
	ctx context.Context
	f   func(context.Context, A) (B, error)
}

func (m *mapped[E, A, B]) Result() (b B, err error) {
	a, err := m.Running.Result()
	if err != nil {
		return b, err
	}
	return m.f(m.ctx, a)
}

func (m *mapped[E, A, B]) Batch(es []E, ended *fast.Flag) (int, Step) {
	return fast.Offer[E, Step](m.Running, es, ended)
}

func (m *mapped[E, A, B]) Reset() (Step, bool) { return fast.Reset[E, Step](m.Running) }

// Defer returns an Iteratee that calls build at the start of each run, and runs the Iteratee that build
// returns. It is for consumers with a state that runs cannot share, such as a Fold over a map. If build
// fails, the run fails.
//
// ReactiveX: Defer. Play calls it Iteratee.flatten, and takes a Future.
func Defer[E, A any](build func(context.Context) (Iteratee[E, A], error)) Iteratee[E, A] {
	return Iteratee[E, A]{node: &node[E]{make: func(ctx context.Context) *node[E] {
		consumer, err := build(ctx)
		if err != nil {
			consumer = Error[E, A](err, Empty[E]())
		}
		return consumer.erase()
	}}}
}
