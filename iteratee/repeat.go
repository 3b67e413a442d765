package iteratee

import (
	"context"
	"errors"
	"sync/atomic"
)

// ErrNoProgress is the error of a repeated iteratee that is done without having
// consumed anything: it would be repeated for ever.
var ErrNoProgress = errors.New("iteratee: repeated iteratee is done without having consumed anything")

// Repeat returns an Iteratee that runs it again and again until EOF, and ends with
// the results in order, nil if there was no element. What one round leaves over
// starts the next; EOF within a round ends that round. An error of a round ends the
// run; so does [ErrNoProgress], if a round consumes nothing.
//
// It is Play's Iteratee.repeat, which runs for ever in that case.
func Repeat[E, A any](it Iteratee[E, A]) Iteratee[E, []A] {
	return New(func(ctx context.Context) Running[E, []A] {
		var as []A
		return Running[E, []A]{
			Sink: Rounds(ctx, it, StepDone, func(a A) Step {
				as = append(as, a)
				return StepCont
			}),
			Result: func() ([]A, error) { return as, nil },
		}
	})
}

// Rounds returns a Sink that runs it again and again and hands each result to emit,
// until that answers something else than [StepCont] or EOF comes; then it answers
// that, or done, which must not be StepCont. It treats leftovers and errors as
// [Repeat] does; what has not been part of a round at the end is left over.
//
// It is what Repeat and enumeratee.Grouped are made of.
func Rounds[E, A any](ctx context.Context, it Iteratee[E, A], done Step, emit func(A) Step) Sink[E] {
	r := &rounds[E, A]{ctx: partOf(ctx), it: it, done: done, emit: emit}
	return Sink[E]{
		Next:  r.next,
		EOF:   r.eof,
		Rest:  func() Input[E] { return r.pending },
		Batch: r.batch,
	}
}

type rounds[E, A any] struct {
	ctx  context.Context
	it   Iteratee[E, A]
	done Step
	emit func(A) Step

	round   Running[E, A]
	open    bool     // round has been offered something
	first   E        // the first of it
	offered int      // how many elements
	pending Input[E] // what has been left over, to be offered again
	ended   bool     // the stream has; that is no leftover
	end     Step
}

func (r *rounds[E, A]) eof() Step {
	r.ended = true
	return r.settle(Empty[E]())
}

func (r *rounds[E, A]) next(e E) Step {
	if r.open && r.end.IsCont() {
		r.offered++
		step := r.round.Next(e)
		if step.IsCont() {
			return step
		}
		r.finish(step)
		return r.settle(Empty[E]())
	}
	return r.settle(El(e))
}

func (r *rounds[E, A]) batch(es []E, over *atomic.Bool) (n int, step Step) {
	for n < len(es) && step.IsCont() && !over.Load() {
		if !r.end.IsCont() {
			return n, r.end
		}
		if !r.open && !r.start(es[n]) {
			n++
			step = r.settle(Empty[E]())
			continue
		}
		var m int
		m, step = r.round.Offer(es[n:], over)
		n += m
		r.offered += m
		if !step.IsCont() {
			r.finish(step)
			step = r.settle(Empty[E]())
		}
	}
	return n, step
}

// settle offers what is pending, then in, round after round.
func (r *rounds[E, A]) settle(in Input[E]) Step {
	if !r.end.IsCont() {
		return r.end
	}
	r.pending = r.pending.Then(in)
	for r.end.IsCont() && (r.ended || !r.pending.IsEmpty()) {
		e, isEl := r.pending.El()
		switch {
		case isEl:
			if r.end = Cancelled(r.ctx); r.end.IsCont() {
				r.pending.elems = r.pending.elems[1:]
				r.offer(e)
			}
		case r.open:
			r.finish(r.round.EOF())
		default:
			r.end = r.done
		}
	}
	return r.end
}

// start begins a round whose first element will be e. If the round wants none, it is
// over, e is pending, and start returns false.
func (r *rounds[E, A]) start(e E) bool {
	if r.round.Reset != nil {
		r.round.Step = r.round.Reset()
	} else {
		r.round = r.it.Start(r.ctx)
	}
	r.open, r.first, r.offered = true, e, 0
	if r.round.Step.IsCont() {
		return true
	}
	r.pending = El(e).Then(r.pending)
	r.finish(r.round.Step)
	return false
}

func (r *rounds[E, A]) offer(e E) {
	if !r.open && !r.start(e) {
		return
	}
	r.offered++
	if step := r.round.Next(e); !step.IsCont() {
		r.finish(step)
	}
}

// finish ends the round, which has answered step.
func (r *rounds[E, A]) finish(step Step) {
	a, err := r.round.Finish(step)
	rest := r.round.Rest()
	r.pending = rest.Then(r.pending)
	r.open = false
	switch {
	case err != nil:
		r.end = StepError(err)
	case r.consumedNothing(rest):
		r.end = StepError(ErrNoProgress)
	default:
		r.end = r.emit(a)
	}
}

// consumedNothing reports whether the round has left over all that it was offered.
func (r *rounds[E, A]) consumedNothing(rest Input[E]) bool {
	if r.offered == 0 || len(rest.elems) < r.offered {
		return r.offered == 0
	}
	first, offered := Input[E]{elems: rest.elems[:1]}, Input[E]{elems: []E{r.first}}
	return !first.holdsLessThan(offered)
}
