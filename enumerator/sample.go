package enumerator

import (
	"context"
	"sync/atomic"

	"github.com/halley-go/halley/iteratee"
)

// SampleBy returns the Enumerator of samples of source. Each time that sampler gives an element, it hands on
// the newest element of source, if one has come since the last sample. It drops the others. The end of source
// or of sampler is a last sample; then SampleBy stops the other and runs out. A failure of either ends the
// run. EOF of either ends that one alone. enumeratee.Sample takes its samples by a clock.
//
// SampleBy runs source and sampler in goroutines of their own, and the consumer in that of the run; they
// end as with [Interleave]. It holds the newest element. While the consumer is busy, sampler waits and source
// goes on.
//
// ReactiveX: sample, with an Observable. There the end is not a sample.
func SampleBy[E, T any](source Enumerator[E], sampler Enumerator[T]) Enumerator[E] {
	return merged("SampleBy", func(m *merge[E]) {
		var held newest[E]
		turn := newTurn() // to hand on an element
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

// DebounceBy returns the Enumerator of the elements of source that are followed by a pause. For each element
// it runs the source that f returns, and hands the element on when that source gives an element or runs out.
// If the next element of source comes first, DebounceBy stops that source and drops the element. When source
// runs out, DebounceBy hands its last element on at once. A failure of source, or of a source that f has
// returned, ends the run. EOF of each ends that one alone. enumeratee.Debounce tells a pause by a clock.
//
// DebounceBy runs source in a goroutine of its own, each source that f returns in another, and the consumer
// in that of the run; they end as with [Interleave]. It calls f in the goroutine of source. It holds one
// element. While the consumer is busy, source waits with its next element.
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
	decided atomic.Bool // it was handed on, or withdrawn
	stop    func()      // the notifier
	over    chan struct{}
}

// debounced hands e on when notifier gives an element or runs out, unless e is withdrawn first.
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
		stop() // the context, which would stay with the run
		close(p.over)
	})
	return p
}

// withdraw drops the element, unless it was handed on. It waits until the notifier is over.
func (p *pending[E]) withdraw() (withdrawn bool) {
	withdrawn = !p.decided.Swap(true)
	if withdrawn {
		p.stop()
	}
	<-p.over
	return withdrawn
}
