package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/check"
)

// Last returns an Iteratee that ends at EOF with a pointer to the last element, or with nil if
// there was none.
//
// ReactiveX: Last.
func Last[E any]() Iteratee[E, *E] {
	return Map(Fold(maybe[E]{}, func(_ maybe[E], e E) maybe[E] { return maybe[E]{e, true} }), maybe[E].address)
}

// ElementAt returns an Iteratee that drops n elements, is done on the next one, and ends with a
// pointer to it. So ElementAt(0) is [Head]. ElementAt ends with nil if EOF comes first, and never
// asks for another element. ElementAt panics if n is negative.
//
// ReactiveX: ElementAt.
func ElementAt[E any](n int) Iteratee[E, *E] {
	check.NotNegative("iteratee: ElementAt: n", n)
	type state struct {
		at    int // the index of the next element
		found maybe[E]
	}
	consumer := FoldUntil(state{}, func(_ context.Context, s state, e E) (state, bool, error) {
		if s.at < n {
			return state{at: s.at + 1}, false, nil
		}
		return state{found: maybe[E]{e, true}}, true, nil
	})
	return Map(consumer, func(s state) *E { return s.found.address() })
}

// maybe is an element, or none. A pointer would cost an allocation for each element.
type maybe[E any] struct {
	e  E
	ok bool
}

// address returns a pointer to the element, or nil.
func (m maybe[E]) address() *E {
	if !m.ok {
		return nil
	}
	return &m.e
}
