// Package rx joins Halley and RxGo: an Observable is a source, a source is an Observable, and
// a chain of RxGo operators makes a source of a source.
//
// RxGo runs every operator in goroutines of its own, and passes elements as interface{}. So
// the cost of an element is RxGo's, and what this package adds to it: see [Lift]. An element
// of another type than was asked for ends the run with an error.
//
// # Operators
//
// Under [Lift], every operator of RxGo gives the items and the error that it gives under RxGo alone
// over a cold Observable: the elements of the source, then its error, and the source again for an
// operator that observes again. Those are Retry and BackOffRetry, and all that observe an
// Observable given as an argument, if that is the lifted one: OnErrorResumeNext, StartWith,
// ZipFromIterable, FlatMap, Join, Sample, SequenceEqual, and rxgo.Concat, Merge, CombineLatest and
// Amb. There are two exceptions. Connect has no effect. Lift refuses rxgo.WithPublishStrategy where
// it would wait for Connect: after BackOffRetry, GroupByDynamic, Retry, Sample, SequenceEqual,
// Serialize, StartWith and ZipFromIterable, after an operator with the strategy rxgo.Eager, and in
// a window or a group.
//
// Some operators of RxGo treat an error in a way of their own, alone and under Lift. Count drops
// it, and Sample does unless it emits once more. BufferWithCount, BufferWithTime and
// BufferWithTimeOrCount emit it before their last buffer, which a run therefore does not see.
// FlatMap, GroupBy and GroupByDynamic call their function with it: the Item has an error and no
// value then. Repeat repeats the items that it has kept, and does not observe again.
//
// # Panics
//
// A panic in a function that RxGo calls, or in the Enumerator of a [ToObservable], is in a
// goroutine of RxGo, which does not recover it: it ends the program. The function can return
// an error instead, where RxGo lets it; one that may panic can recover itself. A panic of
// anything else in the run, such as the source of a Lift, reaches the caller of the run.
//
// # Contexts
//
// RxGo's goroutines wait on channels, and an operator that stops early, such as Take, leaves
// those before it waiting until their context ends. RxGo passes the context of Observe to the
// operators before, but not through all: FlatMap, Debounce, Count and others have only the one
// that they were made with, and Sample or StartWith pass none on. [Lift] sees to that itself.
// Who observes the result of [ToObservable], or hands a chain to [FromObservable], gives
// rxgo.WithContext to such operators.
package rx
