package enumerator

import (
	"context"
	"sync/atomic"

	"github.com/halley-go/halley/iteratee"
)

// SampleBy returns the Enumerator of samples of source. Each time that sampler gives an element, SampleBy
// hands on the newest element of source, if one has come since the last sample. It drops the other elements
// of source. When source or sampler runs out, SampleBy takes a last sample, stops the other, and runs out. A
// failure of source or sampler ends the run. EOF that one of them sends ends only that one. To sample by a
// clock, use enumeratee.Sample.
//
// source and sampler each run in a goroutine of their own, and the consumer in the goroutine of the run. They
// end like the sources of [Interleave]. SampleBy holds the newest element. While the consumer is busy,
// sampler waits and source goes on.
//
// ReactiveX: sample with an Observable, which takes no sample at the end.
func SampleBy[E, T any](source Enumerator[E], sampler Enumerator[T]) Enumerator[E] {
	return merged("SampleBy", func(m *merge[E]) {
		var held newest[E]
		turn := newTurn() // held by the source that hands on an element
		sample := func(out iteratee.Sink[E]) iteratee.Step {
			defer turn.begin()()
			if e, ok := held.take(); ok {
				return out.Next(e)
			}
			return iteratee.StepCont
		}
		elements, stopElements := m.stoppable()
		samples, stopSamples := m.stoppable()
		m.start(samples, sided(sampler, func(out iteratee.Sink[E], _ T) iteratee.Step { return sample(out) }, sample), stopElements)
		m.start(elements, sided(source, func(_ iteratee.Sink[E], e E) iteratee.Step {
			held.set(e)
			return iteratee.StepCont
		}, sample), stopSamples)
	})
}

// DebounceBy returns the Enumerator of the elements of source that are followed by a pause. It calls f with
// each element, and runs the timer, which is the source that f returns. It hands on the element when the
// timer gives an element or runs out. If the next element of source comes first, DebounceBy stops the timer
// and drops the element. When source runs out, its last element is handed on at once. A failure of source or
// of a timer ends the run. EOF that one of them sends ends only that one. To measure pauses by a clock, use
// enumeratee.Debounce.
//
// source and each timer run in a goroutine of their own, and the consumer in the goroutine of the run. They
// end like the sources of [Interleave]. f is called in the goroutine of source. DebounceBy holds one element.
// While the consumer is busy, source waits with its next element.
//
// ReactiveX: debounce, with a function.
func DebounceBy[E, T any](source Enumerator[E], f func(E) Enumerator[T]) Enumerator[E] {
	return merged("DebounceBy", func(m *merge[E]) {
		var last *pending[E] // nil before the first element
		m.start(m.ctx, sided(source, func(_ iteratee.Sink[E], e E) iteratee.Step {
			if last != nil {
				last.withdraw()
			}
			last = debounced(m, e, f(e))
			return iteratee.StepCont
		}, func(out iteratee.Sink[E]) iteratee.Step {
			if last != nil && last.withdraw() {
				return out.Next(last.e)
			}
			return iteratee.StepCont
		}), nil)
	})
}

// pending is an element that waits for its notifier.
type pending[E any] struct {
	e       E
	decided atomic.Bool   // it was handed on, or withdrawn
	stop    func()        // stops the notifier
	over    chan struct{} // closed when the notifier is over
}

// debounced starts notifier, and hands on e when notifier gives an element or runs out, unless e is withdrawn
// first.
func debounced[E, T any](m *merge[E], e E, notifier Enumerator[T]) *pending[E] {
	ctx, stop := m.stoppable()
	p := &pending[E]{e: e, stop: stop, over: make(chan struct{})}
	m.start(ctx, New(func(ctx context.Context, out iteratee.Sink[E]) iteratee.Step {
		if err := await(ctx, notifier); err != nil {
			return iteratee.StepError(err)
		}
		if p.decided.Swap(true) {
			return iteratee.StepCont
		}
		return out.Next(e)
	}), func() {
		stop() // ends the context, which would live as long as the run
		close(p.over)
	})
	return p
}

// withdraw drops the element, unless it was handed on, and waits until the notifier is over.
func (p *pending[E]) withdraw() (withdrawn bool) {
	withdrawn = !p.decided.Swap(true)
	if withdrawn {
		p.stop()
	}
	<-p.over
	return withdrawn
}
