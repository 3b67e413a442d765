package iteratee

import (
	"context"
	"fmt"
)

// Last returns an Iteratee that ends at EOF with the address of the last element, or with nil if
// there was none. It keeps one element at a time.
//
// ReactiveX: Last.
func Last[E any]() Iteratee[E, *E] {
	return Map(Fold(maybe[E]{}, func(_ maybe[E], e E) maybe[E] { return maybe[E]{e, true} }), maybe[E].address)
}

// ElementAt returns an Iteratee that drops n elements and is done with the next, the element n if
// the first is the element 0. It ends with the address of that element, or with nil if EOF comes
// first. The element after it is never asked for. ElementAt panics if n is negative.
//
// ReactiveX: ElementAt.
func ElementAt[E any](n int) Iteratee[E, *E] {
	if n < 0 {
		panic(fmt.Sprintf("iteratee: ElementAt: n must not be negative, got %d", n))
	}
	type state struct {
		at    int // of the next element
		found maybe[E]
	}
	it := FoldUntil(state{}, func(_ context.Context, s state, e E) (state, bool, error) {
		if s.at < n {
			return state{at: s.at + 1}, false, nil
		}
		return state{found: maybe[E]{e, true}}, true, nil
	})
	return Map(it, func(s state) *E { return s.found.address() })
}

// maybe is an element, or none. An address in its place would be an allocation per element.
type maybe[E any] struct {
	e  E
	ok bool
}

// address returns the address of the element, nil if there is none.
func (m maybe[E]) address() *E {
	if !m.ok {
		return nil
	}
	return &m.e
}
