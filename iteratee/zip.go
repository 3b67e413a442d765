package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
)

// A Pair holds two values.
type Pair[A, B any] struct {
	First  A
	Second B
}

// Zip returns an Iteratee that feeds each element to both a and b and ends with the two results. See
// [ZipWith] for the details.
//
// Play calls it Enumeratee.zip.
func Zip[E, A, B any](a Iteratee[E, A], b Iteratee[E, B]) Iteratee[E, Pair[A, B]] {
	return ZipWith(a, b, func(a A, b B) Pair[A, B] { return Pair[A, B]{a, b} })
}

// ZipWith returns an Iteratee that feeds each element to both a and b, and ends with f of the two results. If
// one is done first, ZipWith goes on and feeds only the other. If one fails, the run fails at once, and the
// leftovers of the failed one are left over. Otherwise the elements that neither a nor b has consumed are
// left over.
//
// Play calls it Enumeratee.zipWith, and leaves over the leftovers of a.
func ZipWith[E, A, B, C any](a Iteratee[E, A], b Iteratee[E, B], f func(A, B) C) Iteratee[E, C] {
	return New(func(ctx context.Context) (Running[E, C], Step) {
		ctx = scope.PartOf(ctx)
		left, leftStep := a.Start(ctx)
		right, rightStep := b.Start(ctx)
		z := &zipWith[E, A, B, C]{
			zipped:   zipped[E]{left: half[E]{Sink: left, step: leftStep}, right: half[E]{Sink: right, step: rightStep}},
			leftRun:  left,
			rightRun: right,
			f:        f,
		}
		return z, z.answer()
	})
}

type zipWith[E, A, B, C any] struct {
	zipped[E]
	leftRun  Running[E, A]
	rightRun Running[E, B]
	f        func(A, B) C
}

func (z *zipWith[E, A, B, C]) Result() (c C, err error) {
	a, err := z.leftRun.Result()
	if err != nil {
		return c, err
	}
	b, err := z.rightRun.Result()
	if err != nil {
		return c, err
	}
	return z.f(a, b), nil
}

// zipped feeds two consumers.
type zipped[E any] struct {
	left, right half[E]
}

func (z *zipped[E]) Next(e E) Step {
	return z.offer(func(h *half[E]) Step {
		h.offered++
		return h.Sink.Next(e)
	})
}

func (z *zipped[E]) EOF() Step {
	return z.offer(func(h *half[E]) Step {
		h.ended = true
		return h.Sink.EOF()
	})
}

type half[E any] struct {
	Sink[E]
	step    Step
	offered int  // the number of elements that it was handed
	ended   bool // it was sent EOF
}

func (z *zipped[E]) offer(hand func(*half[E]) Step) Step {
	for _, h := range [...]*half[E]{&z.left, &z.right} {
		if answer := z.answer(); !answer.IsCont() && answer.Err() != nil {
			return answer
		}
		if h.step.IsCont() {
			h.step = hand(h)
		}
	}
	return z.answer()
}

// answer returns StepCont while one consumer wants more and neither has failed.
func (z *zipped[E]) answer() Step {
	for _, h := range [...]*half[E]{&z.left, &z.right} {
		if h.step.Err() != nil {
			return h.step
		}
	}
	if z.left.step.IsCont() || z.right.step.IsCont() {
		return StepCont
	}
	return StepDone
}

// Rest returns the elements that neither consumer has consumed. If one has failed, Rest returns its
// leftovers.
func (z *zipped[E]) Rest() Input[E] {
	if z.answer().IsCont() {
		return Empty[E]()
	}
	left, right := z.left.Rest(), z.right.Rest()
	ahead := z.left.offered - z.right.offered
	var rest Input[E]
	switch {
	case z.left.step.Err() != nil:
		return left
	case z.right.step.Err() != nil:
		return right
	case ahead < 0:
		rest = unseen(right, left, -ahead)
	default:
		rest = unseen(left, right, ahead)
	}
	tookEnd := z.left.ended && !left.eof || z.right.ended && !right.eof
	rest.eof = (left.eof || right.eof) && !tookEnd
	return rest
}

// unseen returns the elements that neither of two consumers has consumed. later holds the leftovers of the
// one that was handed more elements, earlier those of the other, and n is the number of elements that only
// the first was handed.
func unseen[E any](later, earlier Input[E], n int) Input[E] {
	if len(later.elems) < n {
		return later
	}
	came := Input[E]{elems: later.elems[len(later.elems)-n:]}
	if whole := earlier.Then(came); whole.holdsLessThan(later) {
		return whole
	}
	return later
}
