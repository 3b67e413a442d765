package enumeratee

import (
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// DistinctUntilChanged returns the adapter that drops an element if it equals the element that was handed on
// last. A NaN is handed on, because it equals nothing. The leftovers of the consumer are left over.
//
// ReactiveX: Distinct of adjacent elements, DistinctUntilChanged.
func DistinctUntilChanged[E comparable]() Enumeratee[E, E] {
	return DistinctUntilChangedFunc(func(last, e E) bool { return last == e })
}

// DistinctUntilChangedFunc is [DistinctUntilChanged] with a function that reports whether e counts as equal to
// last, the element that was handed on last. If that function allows a tolerance, a slow change is handed on as
// soon as it is large enough in total. equal is not called for the first element.
//
// ReactiveX: DistinctUntilChanged with a comparer.
func DistinctUntilChangedFunc[E any](equal func(last, e E) bool) Enumeratee[E, E] {
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		var last E
		first := true
		return Filter(func(e E) bool {
			if !first && equal(last, e) {
				return false
			}
			last, first = e, false
			return true
		}).Attach(stage, out)
	})
}

// Distinct returns the adapter that drops an element if it remembers the key of the element. It remembers the n
// different keys that came last, even those of elements that it dropped. When another key comes, it forgets the
// key that has not come for the longest time, and an element with that key is handed on again. A key that does
// not equal itself, such as a NaN, is not remembered.
//
// The leftovers of the consumer are left over. Each element costs a look-up in a map. Distinct panics if n is
// not positive.
//
// ReactiveX: Distinct, which remembers all keys.
func Distinct[E any, K comparable](n int, key func(E) K) Enumeratee[E, E] {
	check.Positive("enumeratee: Distinct: n", n)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		keys := newRecent[K, struct{}]()
		return Filter(func(e E) bool {
			k := key(e)
			switch {
			case k != k:
				return true
			case keys.use(k) != nil:
				return false
			}
			var x *entry[K, struct{}]
			if keys.len() < n {
				x = new(entry[K, struct{}])
			} else {
				x = keys.oldest()
				keys.remove(x)
			}
			x.key = k
			keys.add(x)
			return true
		}).Attach(stage, out)
	})
}
