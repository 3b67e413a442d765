package enumeratee

import (
	"slices"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Pairwise returns the adapter that hands on a pair for each element but the first: the element before
// it, and the element itself. It hands on nothing if only one element comes. If the consumer ends on a
// pair and leaves it over, the second element of the pair is left over.
//
// ReactiveX: Pairwise in RxJS.
func Pairwise[E any]() Enumeratee[E, iteratee.Pair[E, E]] {
	return New(func(stage Stage, out iteratee.Outlet[iteratee.Pair[E, E]]) (iteratee.Sink[E], iteratee.Step) {
		var last E
		first := true
		return FilterMap(func(e E) (iteratee.Pair[E, E], bool) {
			pair, ok := iteratee.Pair[E, E]{First: last, Second: e}, !first
			last, first = e, false
			return pair, ok
		}).Attach(stage, out)
	})
}

// Sliding returns the adapter that hands on windows: slices of n elements, which begin step elements
// apart. If step is less than n, the windows overlap. If step is n, each window begins where the one
// before ends. If step is more than n, the elements between two windows are dropped.
//
// A window is handed on when it is full. At EOF, a window that has begun is handed on as a shorter
// window, unless the window before holds all its elements. The consumer may keep the windows. Each
// window has memory of its own, and costs a copy of n elements.
//
// If the consumer ends on a window and leaves it over, the elements that this window does not share with
// the one before are left over. Sliding panics if n or step is not positive.
//
// Scala: sliding. ReactiveX: Buffer with count and skip; at EOF it hands on every window that has begun.
func Sliding[E any](n, step int) Enumeratee[E, []E] {
	check.Positive("enumeratee: Sliding: n", n)
	check.Positive("enumeratee: Sliding: step", step)
	return New(func(stage Stage, out iteratee.Outlet[[]E]) (iteratee.Sink[E], iteratee.Step) {
		s := &sliding[E]{stage: stage, out: out, n: n, step: step}
		return s, iteratee.StepCont
	})
}

type sliding[E any] struct {
	stage   Stage
	out     iteratee.Outlet[[]E]
	n, step int
	window  []E // the elements of the window that has begun
	fresh   int // how many of them were not in the window before
	skip    int // how many elements to drop before the next window
	end     iteratee.Step
}

func (s *sliding[E]) Next(e E) iteratee.Step {
	switch {
	case !s.end.IsCont():
	case s.skip > 0:
		s.skip--
	default:
		s.window = append(s.window, e)
		s.fresh++
		if len(s.window) == s.n {
			s.handOn()
		}
	}
	return s.end
}

// handOn hands on the window, and begins the next one if the consumer wants more.
func (s *sliding[E]) handOn() {
	if s.end = s.out.Next(slices.Clone(s.window)); !s.end.IsCont() {
		return
	}
	gone := min(s.step, len(s.window))
	s.window, s.fresh, s.skip = slices.Delete(s.window, 0, gone), 0, s.step-gone
}

func (s *sliding[E]) EOF() iteratee.Step {
	if s.end.IsCont() && s.fresh > 0 {
		s.handOn()
	}
	if s.end.IsCont() {
		s.end, s.window = s.stage.Stop(), nil
	}
	return s.end
}

func (s *sliding[E]) Rest() iteratee.Input[E] {
	if _, ok := s.out.Rest().El(); ok {
		return iteratee.Els(slices.Clone(s.window[len(s.window)-s.fresh:])...)
	}
	return iteratee.Empty[E]()
}
