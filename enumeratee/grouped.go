package enumeratee

import "github.com/halley-go/halley/iteratee"

// Grouped returns the adapter that runs folder again and again over the elements and hands on each result. At
// EOF it sends EOF to a group that has begun, and hands on its result. An error of folder ends the run. A group
// that consumes nothing ends the run with [iteratee.ErrNoProgress].
//
// The next group is offered the leftovers of a group before new elements. If the consumer is done, elements
// that no group has consumed yet are left over.
//
// Play calls it Enumeratee.grouped, and hands on an empty last group too.
func Grouped[From, To any](folder iteratee.Iteratee[From, To]) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return iteratee.Rounds(stage.Context(), folder, stage.Stop(), out.Next), iteratee.StepCont
	})
}

// GroupedWhile returns the adapter that runs folder over each group of consecutive elements that belong together,
// and hands on each result. A group ends before the element e if together(last, e) returns false, where last is
// the element before e. Its result is handed on at that point, or at EOF. An empty stream has no group.
//
// The folder bounds the size of a group. If it is done within a group, the next element begins another group. So
// [iteratee.TakeUpTo] cuts groups that are too long, [iteratee.FoldM] can fail, and [iteratee.Collect] keeps groups
// of any length in memory.
//
// In all other respects GroupedWhile behaves like [Grouped].
//
// Ruby calls it chunk_while. Rust: chunk_by.
func GroupedWhile[From, To any](folder iteratee.Iteratee[From, To], together func(last, e From) bool) Enumeratee[From, To] {
	group := New(func(stage Stage, out iteratee.Outlet[From]) (iteratee.Sink[From], iteratee.Step) {
		var last From
		first := true
		return TakeWhile(func(e From) bool {
			within := first || together(last, e)
			last, first = e, false
			return within
		}).Attach(stage, out)
	})
	return Grouped(Transform(group, folder))
}
