package enumeratee

import (
	"errors"
	"fmt"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// Buffer returns the adapter that runs its consumer in a goroutine of its own and keeps
// up to n elements for it, besides the one that the consumer is busy with. When n wait,
// the source waits too, with one more. Buffer(0) keeps none: the source makes the next
// element while the consumer is busy with the one before.
//
// At EOF, what waits is handed on first. When the consumer is done, the source is stopped,
// also while it waits for its next element. Left over is what the consumer has left over,
// then what waits: nothing is lost or repeated. An adapter before it, however, may give
// back less of what has been read ahead: [Map] gives back one element. So Buffer is best
// the first after the source.
//
// If the source fails, or the context ends, the elements that wait are dropped, and the context of the
// consumer ends, so that a function that waits for it returns. A panic of the consumer
// reaches the caller of the run. The run is never over before the consumer has returned: it
// waits for a function that ignores its context. Buffer panics if n is negative.
//
// It is Play's Concurrent.buffer, which fails where this one has the source wait, and
// loses what waits when its consumer is done early. [BufferOrFail] fails.
func Buffer[E any](n int) Enumeratee[E, E] {
	check.NotNegative("enumeratee: Buffer: n", n)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		h := newHandover[E](n).start(stage, out)
		return &buffer[E]{intake[E]{h, func(e E) iteratee.Step { return h.hand(e, 1) }}}, iteratee.StepCont
	})
}

type buffer[E any] struct{ intake[E] }

func (b *buffer[E]) Batch(es []E, ended *fast.Flag) (int, iteratee.Step) { return b.handAll(es, ended) }

// BufferFunc is [Buffer] of elements whose sizes, which size tells, are max in sum at most.
// An element that is larger than max is handed over alone: nothing waits with it, and the
// source waits until the consumer has taken it. An element of size 0 counts as 1, since it takes
// memory too; so no more than max elements wait. The buffer also has a place for each element, which
// is 32 bytes for a []byte. Where elements can be small, size should count the place as well, as
// func(b []byte) int { return len(b) + 64 } does.
//
// size is called once for each element, in the goroutine of the source. A negative size
// ends the run with an error. BufferFunc panics if max is negative.
//
// It is Play's Concurrent.buffer with a length function, which that calls twice.
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

// ErrOverflow is the error of [BufferOrFail] for an element too many.
var ErrOverflow = errors.New("enumeratee: BufferOrFail: the buffer is full")

// BufferOrFail is [Buffer], but an element for which there is no room ends the run with
// [ErrOverflow]: the elements that wait are dropped, and the context of the consumer ends, as when the
// source of a Buffer fails. It is for a source that must not be held up. To
// hold it up for some time before that, compose [LazyAndErrIfNotReady] with Buffer.
//
// It is Play's Concurrent.buffer, with room for n as it says, and not for one more.
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

// Conflate returns the adapter that runs its consumer in a goroutine of its own and does
// not hold up the source: while the consumer is busy one element waits for it, and merge
// makes one of that and the next. func(_, e E) E { return e } keeps the newest.
//
// merge is called in the goroutine of the source. For the rest it is as [Buffer]: what waits
// is handed on at EOF, and left over if the consumer is done.
//
// It is the conflate of Akka Streams, and the onBackpressureReduce of RxJava.
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
