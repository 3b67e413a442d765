package iteratee

import "cmp"

// Count returns an Iteratee that ends at EOF with the number of elements.
//
// ReactiveX: Count.
func Count[E any]() Iteratee[E, int] {
	return Fold(0, func(n int, _ E) int { return n + 1 })
}

// Min returns an Iteratee that ends at EOF with a pointer to the least element, or with nil if
// there was none. As with [slices.Min], the result is a NaN if an element is a NaN.
//
// ReactiveX: Min.
func Min[E cmp.Ordered]() Iteratee[E, *E] { return best(func(a, e E) E { return min(a, e) }) }

// MinFunc is [Min] with a function that compares two elements. cmp returns a negative number if a is
// less than b. As with [slices.MinFunc], the first of several least elements is the result.
//
// ReactiveX: Min with a comparer.
func MinFunc[E any](cmp func(a, b E) int) Iteratee[E, *E] {
	return best(func(a, e E) E {
		if cmp(e, a) < 0 {
			return e
		}
		return a
	})
}

// Max returns an Iteratee that ends at EOF with a pointer to the greatest element, or with nil if
// there was none. As with [slices.Max], the result is a NaN if an element is a NaN.
//
// ReactiveX: Max.
func Max[E cmp.Ordered]() Iteratee[E, *E] { return best(func(a, e E) E { return max(a, e) }) }

// MaxFunc is [Max] with a function that compares two elements. cmp returns a negative number if a is
// less than b. As with [slices.MaxFunc], the first of several greatest elements is the result.
//
// ReactiveX: Max with a comparer.
func MaxFunc[E any](cmp func(a, b E) int) Iteratee[E, *E] {
	return MinFunc(func(a, b E) int { return cmp(b, a) })
}

// best returns an Iteratee that ends with the element that choose prefers to all others.
func best[E any](choose func(best, e E) E) Iteratee[E, *E] {
	chosen := Fold(maybe[E]{}, func(best maybe[E], e E) maybe[E] {
		if !best.ok {
			return maybe[E]{e, true}
		}
		best.e = choose(best.e, e)
		return best
	})
	return Map(chosen, maybe[E].address)
}
