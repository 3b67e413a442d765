package enumeratee

import (
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// DistinctUntilChanged returns the adapter that drops an element if it equals the element that was
// handed on last. A NaN equals nothing, so it is handed on. The leftovers of the consumer are left
// over.
//
// ReactiveX: DistinctUntilChanged.
func DistinctUntilChanged[E comparable]() Enumeratee[E, E] {
	return DistinctUntilChangedFunc(func(last, e E) bool { return last == e })
}

// DistinctUntilChangedFunc is [DistinctUntilChanged] with a function that reports whether e counts
// as equal to last, the element that was handed on last. If equal allows a tolerance, small changes
// add up: an element is handed on when it differs enough from last. equal is not called for the
// first element.
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

// Distinct returns the adapter that remembers n keys and drops an element if its key is one of them.
// When another key comes and n keys are remembered, Distinct forgets the key that has not come for
// the longest time. An element with that key is then handed on again. A dropped element counts as a
// coming of its key. A key that does not equal itself, such as a NaN, is not remembered.
//
// The leftovers of the consumer are left over. Each element costs a look-up in a map. The memory
// grows with the number of different keys, up to n. Distinct panics if n is not positive.
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
