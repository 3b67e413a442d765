package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
)

// Pair is two values.
type Pair[A, B any] struct {
	First  A
	Second B
}

// Zip returns an Iteratee that feeds each element to both a and b and ends with the two results. See
// [ZipWith].
//
// Play calls it Enumeratee.zip.
func Zip[E, A, B any](a Iteratee[E, A], b Iteratee[E, B]) Iteratee[E, Pair[A, B]] {
	return ZipWith(a, b, func(a A, b B) Pair[A, B] { return Pair[A, B]{a, b} })
}

// ZipWith returns an Iteratee that feeds each element to both a and b, and ends with f of the two results.
// The one that is done first waits for the other. If one fails, the run fails at once. Elements that neither
// has consumed are left over.
//
// Play calls it Enumeratee.zipWith, and leaves over what the first has not consumed.
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
	offered int  // how many elements it took to be done
	ended   bool // it was told of the end of the stream
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

// answer is more while either wants more and none has failed.
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

// Rest returns the elements that neither has consumed. If one has failed, it returns what that leaves over.
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

// unseen returns the smaller of later, and of earlier with the n elements that came after it.
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
