package enumeratee

import (
	"errors"
	"fmt"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// Buffer returns the adapter that runs its consumer in a goroutine of its own and keeps up to n elements for
// it. The element that the consumer is busy with does not count. When n elements wait and the source has made
// another, the source waits too. Buffer(0) keeps no element, but the source makes the next element while the
// consumer is busy.
//
// At EOF, Buffer first hands on the elements that wait. If the source fails, or the context ends, these
// elements are dropped, and the context of the consumer ends, so that a function that waits for the end of its
// context returns. When the consumer is done, the source is stopped, even if it waits for its next element.
//
// The leftovers of the consumer are left over, followed by the elements that wait. Nothing is lost or
// repeated. But an adapter before Buffer may be unable to give back all of these elements; [Map], for
// example, gives back one element. So the best place for Buffer is directly behind the source.
//
// The run is not over before the consumer has returned, even if the consumer ignores its context. A panic of
// the consumer reaches the caller of the run. Buffer panics if n is negative.
//
// Play calls it Concurrent.buffer, which fails when it is full, as [BufferOrFail] does.
func Buffer[E any](n int) Enumeratee[E, E] {
	check.NotNegative("enumeratee: Buffer: n", n)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		h := newHandover[E](n).start(stage, out)
		return &buffer[E]{intake[E]{h, func(e E) iteratee.Step { return h.hand(e, 1) }}}, iteratee.StepCont
	})
}

type buffer[E any] struct{ intake[E] }

func (b *buffer[E]) Batch(es []E, ended *fast.Flag) (int, iteratee.Step) { return b.handAll(es, ended) }

// BufferFunc is [Buffer] for elements of different sizes. The sum of the sizes of the elements that wait is
// at most max. An element that is larger than max waits alone, and the source waits until the consumer has
// taken it. A negative size ends the run with an error.
//
// An element of size 0 counts as 1, because it takes memory too. So no more than max elements wait. Besides
// the element itself, its place in the buffer takes memory: 32 bytes for a []byte. If elements can be small,
// size should add this memory, as func(b []byte) int { return len(b) + 64 } does.
//
// size is called once for each element, in the goroutine of the source. BufferFunc panics if max is negative.
//
// Play calls it Concurrent.buffer with a length function.
func BufferFunc[E any](max int, size func(E) int) Enumeratee[E, E] {
	check.NotNegative("enumeratee: BufferFunc: max", max)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		h := newHandover[E](max).start(stage, out)
		return intake[E]{h, func(e E) iteratee.Step {
			n := size(e)
			switch {
			case n < 0:
				return h.refuse(e, fmt.Errorf("enumeratee: BufferFunc: size must not be negative, got %d", n))
			case n == 0:
				n = 1
			}
			return h.hand(e, min(n, mostRoom+1))
		}}, iteratee.StepCont
	})
}

// ErrOverflow is the error of [BufferOrFail] when the buffer is full.
var ErrOverflow = errors.New("enumeratee: BufferOrFail: the buffer is full")

// BufferOrFail is [Buffer], but it ends the run with [ErrOverflow] if an element comes when n wait. The
// elements that wait are dropped then, and the context of the consumer ends. BufferOrFail is for a source that
// must never wait. If the source may wait for some time, compose [LazyAndErrIfNotReady] with Buffer.
//
// Play calls it Concurrent.buffer, which has room for n+1 elements.
func BufferOrFail[E any](n int) Enumeratee[E, E] {
	check.NotNegative("enumeratee: BufferOrFail: n", n)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		h := newHandover[E](n).start(stage, out)
		return intake[E]{h, func(e E) iteratee.Step {
			if h.offer(e) {
				return iteratee.StepCont
			}
			return h.refuse(e, ErrOverflow)
		}}, iteratee.StepCont
	})
}

// Conflate returns the adapter that runs its consumer in a goroutine of its own and never makes the source
// wait. While the consumer is busy, one element waits for it. When the next element comes, merge makes one
// element from the two. The function func(_, e E) E { return e } keeps the newest.
//
// The element that waits is handed on at EOF, and left over if the consumer is done. merge is called in the
// goroutine of the source. In all other respects Conflate behaves like [Buffer].
//
// Akka Streams: conflate. RxJava: onBackpressureReduce.
func Conflate[E any](merge func(waiting, e E) E) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		h := newHandover[E](1).start(stage, out)
		return intake[E]{h, func(e E) iteratee.Step {
			if waiting, ok := h.takeBack(); ok {
				e = merge(waiting, e)
			}
			return h.hand(e, 1)
		}}, iteratee.StepCont
	})
}
