package iteratee

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/halley-go/halley/internal/stop"
)

// FlatMap returns an Iteratee that consumes what it consumes, then what f of its
// result consumes, and ends with the latter's result.
//
// The second one is offered first what the first one left over, then what comes.
// Nothing is lost or offered twice: what both leave over stays, the second one's
// first. EOF is offered to each of them that wants it. f is not called if the
// first one fails. A chain of any length, nested to either side, takes constant
// stack, and constant memory where it is nested to the right.
//
// It is Play's Iteratee.flatMap, which can lose a leftover.
func FlatMap[E, A, B any](it Iteratee[E, A], f func(A) Iteratee[E, B]) Iteratee[E, B] {
	return Iteratee[E, B]{node: &node[E]{
		first: it.erase(),
		then: func(v any) *node[E] {
			a, _ := v.(A) // not ok only for a nil A of an interface type
			return f(a).erase()
		},
	}}
}

// RecoverWith returns an Iteratee that goes on as f of the error if it fails. What
// it had not consumed is offered to that one first: the element on which it failed
// only if it left that over, as [Error] does. A replacement that fails is not
// replaced.
//
// It is Play's Iteratee.recoverWith.
func RecoverWith[E, A any](it Iteratee[E, A], f func(error) Iteratee[E, A]) Iteratee[E, A] {
	return Iteratee[E, A]{node: &node[E]{
		first:  it.erase(),
		rescue: func(err error) *node[E] { return f(err).erase() },
	}}
}

// Recover returns an Iteratee that ends with f of the error if it fails, at once.
// What it had not consumed is left over: the element on which it failed only if it
// left that over, as [Error] does. To let an error pass, f returns it.
//
// It is Play's Iteratee.recover.
func Recover[E, A any](it Iteratee[E, A], f func(error) (A, error)) Iteratee[E, A] {
	return RecoverWith(it, func(err error) Iteratee[E, A] {
		return Defer(func(context.Context) (Iteratee[E, A], error) {
			a, err := f(err)
			return Done(a, Empty[E]()), err
		})
	})
}

// node is an Iteratee without its result type, so that parts with different
// results fit one stack. One of leaf, make, cont and first is set.
type node[E any] struct {
	leaf  func(context.Context) Running[E, any]
	make  func(context.Context) *node[E]
	cont  func(Input[E]) *node[E]
	first *node[E]

	// With first: what follows its result, or its failure. One is set.
	then   func(any) *node[E]
	rescue func(error) *node[E]
}

func (it Iteratee[E, A]) erase() *node[E] {
	if it.node != nil {
		return it.node
	}
	return &node[E]{leaf: func(ctx context.Context) Running[E, any] {
		r := it.Start(ctx)
		return Running[E, any]{Sink: r.Sink, Step: r.Step, Result: func() (any, error) { return r.Result() }}
	}}
}

// sequence runs a node: one part at a time, with the parts that wait on a stack.
// That is what keeps chains flat: a part that turns out to be a chain itself is
// unrolled onto the same stack, not started inside its own Sink.
type sequence[E any] struct {
	run     context.Context
	ctx     *part      // of the current part, and of those that follow until one fails
	then    []*node[E] // those whose first part is running, innermost last
	current Running[E, any]
	cont    func(Input[E]) *node[E] // set instead of current: a pure part that waits
	pending Input[E]                // to be offered before anything new
	ended   bool                    // the stream has; that is no leftover, and each part is told of it
	value   any
	end     Step // StepCont until the last part is done
}

func startNode[E, A any](ctx context.Context, n *node[E]) Running[E, A] {
	s := &sequence[E]{run: ctx, ctx: partOf(ctx)}
	return Running[E, A]{
		Sink:   Sink[E]{Next: s.next, EOF: s.eof, Rest: s.rest, Batch: s.batch},
		Step:   s.settle(s.enter(n)),
		Result: func() (A, error) { a, _ := s.value.(A); return a, nil },
	}
}

func (s *sequence[E]) next(e E) Step {
	if !s.end.IsCont() {
		return s.end
	}
	if s.cont != nil {
		return s.settle(s.offer(El(e)))
	}
	step := s.current.Next(e)
	if step.IsCont() {
		return step
	}
	return s.settle(step)
}

func (s *sequence[E]) batch(es []E, over *atomic.Bool) (n int, step Step) {
	for n < len(es) && step.IsCont() && !over.Load() {
		if s.cont != nil || !s.end.IsCont() {
			step = s.next(es[n])
			n++
			continue
		}
		var m int
		if m, step = s.current.Offer(es[n:], over); !step.IsCont() {
			step = s.settle(step)
		}
		n += m
	}
	return n, step
}

func (s *sequence[E]) eof() Step {
	if s.end.IsCont() {
		s.ended = true
		s.settle(StepCont)
	}
	return s.end
}

func (s *sequence[E]) rest() Input[E] {
	if s.end.IsCont() {
		return Empty[E]()
	}
	return s.pending
}

// enter makes n the current part and returns its first answer.
func (s *sequence[E]) enter(n *node[E]) Step {
	for n.first != nil || n.make != nil {
		if n.make != nil {
			n = n.make(s.ctx)
			continue
		}
		s.then = append(s.then, n)
		n = n.first
	}
	if s.cont = n.cont; s.cont != nil {
		s.current = Running[E, any]{Sink: Sink[E]{Rest: Empty[E]}}
		return StepCont
	}
	s.current = n.leaf(s.ctx)
	return s.current.Step
}

// offer hands one input, an element or EOF, to the current part.
func (s *sequence[E]) offer(in Input[E]) (step Step) {
	e, isEl := in.El()
	switch {
	case s.cont != nil:
		step = s.enter(s.cont(in))
	case isEl:
		step = s.current.Next(e)
	default:
		step = s.current.EOF()
	}
	if !isEl && step.IsCont() {
		return StepError(ErrDivergent)
	}
	return step
}

// settle goes on from an answer of the current part until a part wants new input
// or the last one is done.
func (s *sequence[E]) settle(step Step) Step {
	for {
		if step.IsCont() {
			if s.pending.IsEmpty() && !s.ended {
				return StepCont
			}
			if step = Cancelled(s.run); step.IsCont() || s.pending.IsEmpty() {
				step = s.offer(s.take())
			}
			continue
		}
		v, err := s.current.Finish(step)
		s.pending = s.current.Rest().Then(s.pending)
		next := s.follow(v, err)
		if next == nil {
			s.value, s.end = v, StepDone
			if err != nil {
				s.end = StepError(err)
			}
			return s.end
		}
		step = s.enter(next)
	}
}

// follow returns the part that follows the result or the failure of the current one,
// or nil if that is the last.
func (s *sequence[E]) follow(v any, err error) *node[E] {
	for len(s.then) > 0 {
		last := len(s.then) - 1
		n := s.then[last]
		s.then[last] = nil
		s.then = s.then[:last]
		switch {
		case err == nil && n.then != nil:
			return n.then(v)
		case err != nil && n.rescue != nil && !s.cancelled(err):
			if s.ctx.Err() != nil { // ended by Fail
				s.ctx = partOf(s.run)
			}
			return n.rescue(err)
		}
	}
	return nil
}

// cancelled reports whether err says that the context has ended: that is not recovered from.
func (s *sequence[E]) cancelled(err error) bool {
	return s.run.Err() != nil && errors.Is(stop.Caused(s.run, err), context.Cause(s.run))
}

// take removes the first pending input, which is the end if there is no element. A part that
// leaves the end over leaves it over to all that follow.
func (s *sequence[E]) take() Input[E] {
	e, ok := s.pending.El()
	if !ok {
		return EOF[E]()
	}
	s.pending.elems = s.pending.elems[1:]
	return El(e)
}
