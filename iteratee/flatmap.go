package iteratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/internal/stop"
)

// FlatMap returns an Iteratee that runs first, then the Iteratee that f returns for the result of first. It
// ends with the result of the second one. f is not called if first fails.
//
// The second one is offered first what the first one left over, then the elements that come. No element is
// lost or offered twice. What both leave over is left over, the second one's first. EOF is offered to each
// of them that wants it. A chain of any length, nested to either side, takes constant stack, and constant
// memory where it is nested to the right.
//
// Play calls it Iteratee.flatMap, and can lose a leftover.
func FlatMap[E, A, B any](first Iteratee[E, A], f func(A) Iteratee[E, B]) Iteratee[E, B] {
	return Iteratee[E, B]{node: &node[E]{
		first: first.erase(),
		then: func(v any) *node[E] {
			a, _ := v.(A) // not ok only for a nil A of an interface type
			return f(a).erase()
		},
	}}
}

// RecoverWith returns an Iteratee that runs consumer and, if that fails, goes on as f of the error. The
// replacement is offered first what consumer left over: the element on which it failed only if it left that
// over, as [Error] does. RecoverWith does not replace a replacement that fails. The end of the context is not
// recovered from.
//
// Play calls it Iteratee.recoverWith.
func RecoverWith[E, A any](consumer Iteratee[E, A], f func(error) Iteratee[E, A]) Iteratee[E, A] {
	return Iteratee[E, A]{node: &node[E]{
		first:  consumer.erase(),
		rescue: func(err error) *node[E] { return f(err).erase() },
	}}
}

// Recover returns an Iteratee that runs consumer and, if that fails, ends at once with f of the error. To
// let an error pass, f returns it. What consumer left over is left over: the element on which it failed only
// if it left that over, as [Error] does. The end of the context is not recovered from.
//
// Play calls it Iteratee.recover.
func Recover[E, A any](consumer Iteratee[E, A], f func(error) (A, error)) Iteratee[E, A] {
	return RecoverWith(consumer, func(err error) Iteratee[E, A] {
		return Defer(func(context.Context) (Iteratee[E, A], error) {
			a, err := f(err)
			return Done(a, Empty[E]()), err
		})
	})
}

// node is an Iteratee without its result type, so that parts with different
// results fit one stack. One of leaf, make, cont and first is set.
type node[E any] struct {
	leaf  func(context.Context) leaf[E]
	make  func(context.Context) *node[E]
	cont  func(Input[E]) *node[E]
	first *node[E]

	// With first: what follows its result, or its failure. One is set.
	then   func(any) *node[E]
	rescue func(error) *node[E]
}

// leaf is a run without the type of its result, and its first answer.
type leaf[E any] struct {
	Sink[E]
	step   Step
	result func() (any, error)
}

func (i Iteratee[E, A]) erase() *node[E] {
	if i.node != nil {
		return i.node
	}
	return &node[E]{leaf: func(ctx context.Context) leaf[E] {
		r, step := i.Start(ctx)
		return leaf[E]{r, step, func() (any, error) { return r.Result() }}
	}}
}

// sequence runs a node: one part at a time, with the parts that wait on a stack.
// That is what keeps chains flat: a part that turns out to be a chain itself is
// unrolled onto the same stack, not started inside its own Sink.
type sequence[E any] struct {
	run     context.Context
	ctx     *scope.Part // of the current part, and of those that follow until one fails
	then    []*node[E]  // those whose first part is running, innermost last
	current leaf[E]
	cont    func(Input[E]) *node[E] // set instead of current: a pure part that waits
	pending Input[E]                // to be offered before anything new
	ended   bool                    // the stream has; that is not a leftover, and each part is told of it
	value   any
	end     Step // StepCont until the last part is done
}

// typed is a sequence with the type of its result.
type typed[E, A any] struct{ sequence[E] }

func startNode[E, A any](ctx context.Context, n *node[E]) (Running[E, A], Step) {
	s := &typed[E, A]{sequence[E]{run: ctx, ctx: scope.PartOf(ctx)}}
	return s, s.settle(s.enter(n))
}

func (s *typed[E, A]) Result() (A, error) {
	a, _ := s.value.(A)
	return a, nil
}

func (s *sequence[E]) Next(e E) Step {
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

func (s *sequence[E]) Batch(es []E, ended *fast.Flag) (n int, step Step) {
	for n < len(es) && step.IsCont() && !ended.Load() {
		if s.cont != nil || !s.end.IsCont() {
			step = s.Next(es[n])
			n++
			continue
		}
		var m int
		if m, step = fast.Offer[E, Step](s.current.Sink, es[n:], ended); !step.IsCont() {
			step = s.settle(step)
		}
		n += m
	}
	return n, step
}

func (s *sequence[E]) EOF() Step {
	if s.end.IsCont() {
		s.ended = true
		s.settle(StepCont)
	}
	return s.end
}

func (s *sequence[E]) Rest() Input[E] {
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
		s.current = leaf[E]{Sink: Ended(StepCont, Empty[E]())}
		return StepCont
	}
	s.current = n.leaf(s.ctx)
	return s.current.step
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
		var v any
		err := finish(s.current.Sink, step)
		if err == nil {
			v, err = s.current.result()
		}
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
				s.ctx = scope.PartOf(s.run)
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
