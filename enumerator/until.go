package enumerator

import (
	"sync/atomic"

	"github.com/halley-go/halley/iteratee"
)

// TakeUntil returns the Enumerator of the elements that source gives until notifier gives an element or
// runs out. Then it stops source. A channel that is closed as a signal can be the notifier; see [FromChan].
// TakeUntil also runs out when source does, and then stops notifier. A failure of source or notifier ends
// the run. EOF that one of them sends ends only that one.
//
// source and notifier each run in a goroutine of their own, and the consumer in the goroutine of the run.
// They end like the sources of [Interleave]. If an element of source is being handed on when notifier gives
// its element, the element of source is the last one.
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
// run out. It drops the earlier elements. DropUntil runs out when source does, and then stops notifier. A
// failure of source or notifier ends the run. EOF that one of them sends ends only that one.
//
// source and notifier each run in a goroutine of their own, and the consumer in the goroutine of the run.
// They end like the sources of [Interleave].
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
