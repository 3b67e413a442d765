// Package rx converts between Halley's sources and RxGo's Observables, and lets a chain of RxGo
// operators turn one source into another.
//
// RxGo runs each operator in goroutines of its own, and passes elements as interface{}. So an
// element costs as much as in RxGo, plus the overhead that [Lift] describes. An element of an
// unexpected type ends the run with an error.
//
// # Operators
//
// Under [Lift], each operator of RxGo gives the same items and the same error as in RxGo alone, over
// a cold Observable that emits the elements of the source and then its error. An operator that
// observes again runs the source again. Such operators are Retry and BackOffRetry, and, if the lifted
// Observable is their argument, OnErrorResumeNext, StartWith, ZipFromIterable, FlatMap, Join, Sample,
// SequenceEqual, rxgo.Concat, rxgo.Merge, rxgo.CombineLatest and rxgo.Amb.
//
// There are two exceptions. Connect has no effect. Lift refuses rxgo.WithPublishStrategy where it
// would wait for Connect: after BackOffRetry, GroupByDynamic, Retry, Sample, SequenceEqual,
// Serialize, StartWith and ZipFromIterable, after an operator with the strategy rxgo.Eager, and in
// a window or a group.
//
// Some operators of RxGo treat an error specially, both in RxGo alone and under Lift. Count drops it.
// Sample drops it unless Sample emits once more. BufferWithCount, BufferWithTime and
// BufferWithTimeOrCount emit the error before their last buffer, so a run does not see that buffer.
// FlatMap, GroupBy and GroupByDynamic call their function with an Item that has the error and no
// value. Repeat repeats the items that it has kept, and does not observe again.
//
// # Panics
//
// RxGo calls your functions, and runs the Enumerator of a [ToObservable], in goroutines of its own,
// and does not recover their panics. So such a panic ends the program. A function can return an error instead,
// where RxGo allows that, or recover by itself. Any other panic in the run, such as one in the source
// of a Lift, reaches the caller of the run.
//
// # Contexts
//
// RxGo's goroutines wait on channels. If an operator stops early, as Take does, the operators before
// it wait until their context ends. RxGo passes the context of Observe on to the operators before,
// but not all operators take part: FlatMap, Debounce, Count and others have only the context with
// which they were made, and Sample and StartWith do not pass on a context. Lift solves this. With
// [ToObservable] and [FromObservable], give rxgo.WithContext to such operators.
package rx
