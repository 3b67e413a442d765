package enumerator

import (
	"sync/atomic"

	"github.com/halley-go/halley/iteratee"
)

// TakeUntil returns the Enumerator of the elements of source until notifier gives an element or runs out;
// then it stops source and runs out. A channel that is closed as a signal is a notifier by [FromChan]. When
// source runs out first, TakeUntil stops notifier and runs out. A failure of either ends the run. EOF of
// either ends that one alone.
//
// TakeUntil runs source and notifier in goroutines of their own, and the consumer in that of the run; they
// end as with [Interleave]. The consumer finishes the element that it has in hand when notifier gives one.
//
// ReactiveX: takeUntil.
func TakeUntil[E, T any](source Enumerator[E], notifier Enumerator[T]) Enumerator[E] {
	return merged("TakeUntil", func(m *merge[E]) {
		ctx, stop := m.stoppable()
		signals, stopSignals := m.stoppable()
		m.start(signals, signalled[E](notifier, stop), nil)
		m.start(ctx, source, stopSignals)
	})
}

// DropUntil returns the Enumerator of the elements that source gives after notifier has given an element or
// has run out. It drops the elements before that. DropUntil runs out when source does, and then stops
// notifier. A failure of either ends the run. EOF of either ends that one alone.
//
// DropUntil runs source and notifier in goroutines of their own, and the consumer in that of the run; they
// end as with [Interleave].
//
// ReactiveX: skipUntil.
func DropUntil[E, T any](source Enumerator[E], notifier Enumerator[T]) Enumerator[E] {
	return merged("DropUntil", func(m *merge[E]) {
		var open atomic.Bool
		signals, stopSignals := m.stoppable()
		m.start(signals, signalled[E](notifier, func() { open.Store(true) }), nil)
		m.start(m.ctx, sided(source, func(out iteratee.Sink[E], e E) iteratee.Step {
			if !open.Load() {
				return iteratee.StepCont
			}
			return out.Next(e)
		}, nil), stopSignals)
	})
}
