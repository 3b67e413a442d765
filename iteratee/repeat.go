package iteratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/scope"
)

// ErrNoProgress is the error of a repeated Iteratee that consumes nothing. It would be repeated forever.
var ErrNoProgress = errors.New("iteratee: repeated iteratee is done without having consumed anything")

// Repeat returns an Iteratee that runs consumer again and again, round after round, until EOF. It ends with
// a slice of the results, which is nil if there was no element. EOF within a round ends that round. An error
// of a round ends the run. A round that consumes nothing ends the run with [ErrNoProgress]. The next round
// is offered the leftovers of a round before new elements.
//
// Play calls it Iteratee.repeat, and repeats a round that consumes nothing forever.
func Repeat[E, A any](consumer Iteratee[E, A]) Iteratee[E, []A] {
	return New(func(ctx context.Context) (Running[E, []A], Step) {
		var results []A
		rounds := Rounds(ctx, consumer, StepDone, func(a A) Step {
			results = append(results, a)
			return StepCont
		})
		return WithResult(rounds, func() ([]A, error) { return results, nil }), StepCont
	})
}

// Rounds returns a Sink that runs consumer again and again and hands each result to emit. If emit answers
// anything but [StepCont], the Sink ends with that answer. At EOF it ends with done, which must not be
// StepCont. An error of a round ends the Sink, as does a round that consumes nothing ([ErrNoProgress]). The
// next round is offered the leftovers of a round before new elements. Elements that are in no round at the
// end are left over.
//
// Repeat and enumeratee.Grouped are made of Rounds.
func Rounds[E, A any](ctx context.Context, consumer Iteratee[E, A], done Step, emit func(A) Step) Sink[E] {
	return &rounds[E, A]{ctx: scope.PartOf(ctx), consumer: consumer, done: done, emit: emit}
}

type rounds[E, A any] struct {
	ctx      context.Context
	consumer Iteratee[E, A]
	done     Step
	emit     func(A) Step

	round   Running[E, A]
	open    bool     // round has begun and not ended
	first   E        // the first element that it was offered
	offered int      // the number of elements that it was offered
	pending Input[E] // leftovers, which are offered before new elements
	ended   bool     // the stream has ended; the end is not a leftover
	end     Step
}

func (r *rounds[E, A]) Rest() Input[E] { return r.pending }

func (r *rounds[E, A]) EOF() Step {
	r.ended = true
	return r.settle(Empty[E]())
}

func (r *rounds[E, A]) Next(e E) Step {
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

func (r *rounds[E, A]) Batch(es []E, ended *fast.Flag) (n int, step Step) {
	for n < len(es) && step.IsCont() && !ended.Load() {
		if !r.end.IsCont() {
			return n, r.end
		}
		if !r.open && !r.start(es[n]) {
			n++
			step = r.settle(Empty[E]())
			continue
		}
		var m int
		m, step = fast.Offer[E, Step](r.round, es[n:], ended)
		n += m
		r.offered += m
		if !step.IsCont() {
			r.finish(step)
			step = r.settle(Empty[E]())
		}
	}
	return n, step
}

// settle offers the pending elements, then in, round after round.
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

// start begins a round whose first element will be e. If the round is done before that, start makes e
// pending and returns false.
func (r *rounds[E, A]) start(e E) bool {
	var step Step
	again := false
	if r.round != nil {
		step, again = fast.Reset[E, Step](r.round)
	}
	if !again {
		r.round, step = r.consumer.Start(r.ctx)
	}
	r.open, r.first, r.offered = true, e, 0
	if step.IsCont() {
		return true
	}
	r.pending = El(e).Then(r.pending)
	r.finish(step)
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

// finish ends the round, whose last answer is step.
func (r *rounds[E, A]) finish(step Step) {
	a, err := Finish(r.round, step)
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

// consumedNothing reports whether the round, whose leftovers are rest, has consumed nothing.
func (r *rounds[E, A]) consumedNothing(rest Input[E]) bool {
	if r.offered == 0 || len(rest.elems) < r.offered {
		return r.offered == 0
	}
	first, offered := Input[E]{elems: rest.elems[:1]}, Input[E]{elems: []E{r.first}}
	return !first.holdsLessThan(offered)
}
