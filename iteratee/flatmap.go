package iteratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/internal/stop"
)

// FlatMap returns an Iteratee that runs first, then the Iteratee that f returns for the result of first. It
// ends with the result of the second one. f is not called if first fails. EOF is offered to each of the two
// that still wants input.
//
// The second one is offered the leftovers of the first before new elements. No element is lost or offered
// twice. The leftovers of the second one are left over, followed by the leftovers of the first that the
// second was not offered.
//
// A chain of any length, nested to either side, takes constant stack. A chain that is nested to the right
// takes constant memory.
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

// RecoverWith returns an Iteratee that runs consumer and, if consumer fails, goes on as the Iteratee that f
// returns for the error. If that replacement fails too, the run fails. RecoverWith does not recover from the
// end of the context. The replacement is offered the leftovers of consumer before new elements. The element
// on which consumer failed is among them only if consumer leaves it over, as [Error] does.
//
// Play calls it Iteratee.recoverWith.
func RecoverWith[E, A any](consumer Iteratee[E, A], f func(error) Iteratee[E, A]) Iteratee[E, A] {
	return Iteratee[E, A]{node: &node[E]{
		first:  consumer.erase(),
		rescue: func(err error) *node[E] { return f(err).erase() },
	}}
}

// Recover returns an Iteratee that runs consumer and, if consumer fails, ends at once with the result that f
// returns for the error. To let an error pass, f returns it. Recover does not recover from the end of the
// context. The leftovers of consumer are left over. The element on which consumer failed is among them only
// if consumer leaves it over, as [Error] does.
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

// node is an Iteratee without the type of its result, so that parts with different results fit on one
// stack. One of leaf, make, cont and first is set.
type node[E any] struct {
	leaf  func(context.Context) leaf[E]
	make  func(context.Context) *node[E]
	cont  func(Input[E]) *node[E]
	first *node[E]

	// One of these is set if first is: the part that follows its result, or its failure.
	then   func(any) *node[E]
	rescue func(error) *node[E]
}

// leaf is a run without the type of its result. step is its first answer.
type leaf[E any] struct {
	sink   Sink[E]
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

// sequence runs a node. One part runs at a time, and those that follow it wait on a stack. A part that is a
// chain itself is unrolled onto the same stack, so that a long chain does not nest one Sink in another.
type sequence[E any] struct {
	run     context.Context
	ctx     *scope.Part // of the current part, and of those that follow until one fails
	then    []*node[E]  // nodes whose first part is running, innermost last
	current leaf[E]
	cont    func(Input[E]) *node[E] // set instead of current: a pure part that waits for input
	pending Input[E]                // leftovers, which are offered before new elements
	ended   bool                    // the stream has ended; the end is not a leftover, and each part is told of it
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
	step := s.current.sink.Next(e)
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
		if m, step = fast.Offer[E, Step](s.current.sink, es[n:], ended); !step.IsCont() {
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

// enter makes the first part of n the current part, and returns its first answer.
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
		s.current = leaf[E]{sink: Ended(StepCont, Empty[E]())}
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
		step = s.current.sink.Next(e)
	default:
		step = s.current.sink.EOF()
	}
	if !isEl && step.IsCont() {
		return StepError(ErrDivergent)
	}
	return step
}

// settle goes on after the current part has answered step, until a part wants new input or the last part is
// done.
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
		err := finish(s.current.sink, step)
		if err == nil {
			v, err = s.current.result()
		}
		s.pending = s.current.sink.Rest().Then(s.pending)
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

// follow returns the part that follows the current one, which has ended with v or err. It returns nil if the
// current one is the last.
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
			if s.ctx.Err() != nil { // Fail has ended it
				s.ctx = scope.PartOf(s.run)
			}
			return n.rescue(err)
		}
	}
	return nil
}

// cancelled reports whether err says that the context has ended. No part recovers from that.
func (s *sequence[E]) cancelled(err error) bool {
	return s.run.Err() != nil && errors.Is(stop.Caused(s.run, err), context.Cause(s.run))
}

// take removes the first pending element and returns it, or EOF if there is none. EOF stays pending: if a
// part has left it over, all later parts are told of it.
func (s *sequence[E]) take() Input[E] {
	e, ok := s.pending.El()
	if !ok {
		return EOF[E]()
	}
	s.pending.elems = s.pending.elems[1:]
	return El(e)
}
