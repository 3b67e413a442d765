package enumerator

import "github.com/halley-go/halley/iteratee"

// CombineLatest returns the Enumerator of f of the latest element of a and the latest element of b. Once
// both have given an element, each element of either makes a result. CombineLatest runs out when both have
// run out. It also runs out when one of them has run out without an element, and then stops the other. A
// failure of either ends the run. EOF of either ends that one alone.
//
// CombineLatest runs a and b in goroutines of their own, and the consumer in that of the run, where it calls
// f; they end as with [Interleave]. It holds the latest element of each. It asks a source for its next
// element when the consumer has answered the result of the one before.
//
// ReactiveX: combineLatest.
func CombineLatest[A, B, C any](a Enumerator[A], b Enumerator[B], f func(A, B) C) Enumerator[C] {
	type pair = iteratee.Pair[A, B]
	return Map(merged("CombineLatest", func(m *merge[pair]) {
		left, stopLeft := m.stoppable()
		right, stopRight := m.stoppable()
		turn := newTurn() // for these three
		var latest pair
		var hasA, hasB bool
		handOn := func(out iteratee.Sink[pair]) iteratee.Step {
			if !hasA || !hasB {
				return iteratee.StepCont
			}
			return out.Next(latest)
		}
		m.start(left, sided(a, func(out iteratee.Sink[pair], e A) iteratee.Step {
			defer turn.begin()()
			latest.First, hasA = e, true
			return handOn(out)
		}, nil), func() {
			if !hasA {
				stopRight()
			}
		})
		m.start(right, sided(b, func(out iteratee.Sink[pair], e B) iteratee.Step {
			defer turn.begin()()
			latest.Second, hasB = e, true
			return handOn(out)
		}, nil), func() {
			if !hasB {
				stopLeft()
			}
		})
	}), unpaired(f))
}

// WithLatestFrom returns the Enumerator of f of each element of source and the latest element of other. It
// drops the elements of source that come before other has given one. WithLatestFrom runs out when source
// has run out, and then stops other. It also runs out when other has run out without an element, and then
// stops source. A failure of either ends the run. EOF of either ends that one alone.
//
// WithLatestFrom runs source and other in goroutines of their own, and the consumer in that of the run, where
// it calls f; they end as with [Interleave]. It holds the latest element of other, and asks other for the next
// one at once.
//
// ReactiveX: withLatestFrom. There the end of other has no effect.
func WithLatestFrom[E, O, C any](source Enumerator[E], other Enumerator[O], f func(E, O) C) Enumerator[C] {
	type pair = iteratee.Pair[E, O]
	return Map(merged("WithLatestFrom", func(m *merge[pair]) {
		left, stopLeft := m.stoppable()
		right, stopRight := m.stoppable()
		var latest newest[O]
		m.start(right, sided(other, func(_ iteratee.Sink[pair], e O) iteratee.Step {
			latest.set(e)
			return iteratee.StepCont
		}, nil), func() {
			if _, ok := latest.get(); !ok {
				stopLeft()
			}
		})
		m.start(left, sided(source, func(out iteratee.Sink[pair], e E) iteratee.Step {
			o, ok := latest.get()
			if !ok {
				return iteratee.StepCont
			}
			return out.Next(pair{First: e, Second: o})
		}, nil), stopRight)
	}), unpaired(f))
}
