package enumerator

import "github.com/halley-go/halley/iteratee"

// CombineLatest returns the Enumerator of the results of f. It calls f with the latest element of a and the
// latest element of b as soon as both have given an element, and then for each further element of either.
// It runs out when both have run out. If one runs out before it has given an element, CombineLatest stops
// the other and runs out. A failure of a or b ends the run. EOF that a or b sends ends only that source.
//
// a and b each run in a goroutine of their own. f and the consumer run in the goroutine of the run. The
// sources end like the sources of [Interleave]. CombineLatest holds the latest element of each. When an
// element of a source has led to a call of f, that source goes on after the consumer has answered.
//
// ReactiveX: combineLatest.
func CombineLatest[A, B, C any](a Enumerator[A], b Enumerator[B], f func(A, B) C) Enumerator[C] {
	type pair = iteratee.Pair[A, B]
	return Map(merged("CombineLatest", func(m *merge[pair]) {
		left, stopLeft := m.stoppable()
		right, stopRight := m.stoppable()
		turn := newTurn() // guards latest, hasA and hasB
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

// WithLatestFrom returns the Enumerator of the results of f. It calls f with each element of source and the
// latest element of other. It drops the elements that source gives before the first element of other. When
// source runs out, WithLatestFrom stops other and runs out. If other runs out before it has given an
// element, WithLatestFrom stops source and runs out. A failure of source or other ends the run. EOF that
// one of them sends ends only that one.
//
// source and other each run in a goroutine of their own. f and the consumer run in the goroutine of the
// run. The sources end like the sources of [Interleave]. WithLatestFrom holds the latest element of other.
// It always asks other for the next element at once.
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
