package enumerator

import (
	"context"
	"sync"

	"github.com/halley-go/halley/iteratee"
)

// stoppable returns a context for sources of m, and the function that stops them.
func (m *merge[E]) stoppable() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(m.ctx)
	return ctx, func() { cancel(errOver) }
}

// sided returns the source that calls next with each element of source, and end when source has run out.
// next and end may hand on elements to out. end may be nil. EOF that source sends counts as running out.
func sided[From, To any](
	source Enumerator[From],
	next func(out iteratee.Sink[To], e From) iteratee.Step,
	end func(out iteratee.Sink[To]) iteratee.Step,
) Enumerator[To] {
	return New(func(ctx context.Context, sink iteratee.Sink[To]) iteratee.Step {
		s := &side[From, To]{out: sink, each: next}
		step := source.Into(ctx, s)
		if s.ended && step.Err() == nil {
			step = iteratee.StepCont
		}
		if step.IsCont() && end != nil {
			return end(sink)
		}
		return step
	})
}

type side[From, To any] struct {
	out   iteratee.Sink[To]
	each  func(out iteratee.Sink[To], e From) iteratee.Step
	ended bool // by EOF
}

func (s *side[From, To]) Next(e From) iteratee.Step  { return s.each(s.out, e) }
func (s *side[From, To]) EOF() iteratee.Step         { s.ended = true; return iteratee.StepDone }
func (s *side[From, To]) Rest() iteratee.Input[From] { return iteratee.Empty[From]() }

// signalled returns a source without elements. It calls f when notifier gives its first element or runs
// out.
func signalled[E, T any](notifier Enumerator[T], f func()) Enumerator[E] {
	return New(func(ctx context.Context, _ iteratee.Sink[E]) iteratee.Step {
		if err := await(ctx, notifier); err != nil {
			return iteratee.StepError(err)
		}
		f()
		return iteratee.StepCont
	})
}

// await runs notifier until it gives an element or ends. err is the failure of notifier.
func await[T any](ctx context.Context, notifier Enumerator[T]) (err error) {
	head, _ := iteratee.Head[T]().Start(ctx)
	return notifier.Into(ctx, head).Err()
}

// newest holds the newest element of a source.
type newest[E any] struct {
	mu sync.Mutex
	e  E
	ok bool // there is one
}

func (n *newest[E]) set(e E) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.e, n.ok = e, true
}

func (n *newest[E]) get() (e E, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.e, n.ok
}

// take returns the element and removes it.
func (n *newest[E]) take() (e E, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken, ok := n.e, n.ok
	n.e, n.ok = e, false
	return taken, ok
}

// A turn lets one source at a time change shared state and hand on an element that it has made from that
// state. The source keeps its turn until the consumer has answered, so the consumer gets the elements in
// the order in which they were made.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) begin() (end func()) {
	t <- struct{}{} // no need to look at the context: a merge answers each source
	return func() { <-t }
}
