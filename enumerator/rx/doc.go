// Package rx joins Halley and RxGo: an Observable is a source, a source is an Observable, and
// a chain of RxGo operators is an adapter.
//
// RxGo runs every operator in goroutines of its own, and passes elements as interface{}. So
// the cost of an element is RxGo's, and what this package adds to it: see [Lift]. An element
// of another type than was asked for ends the run with an error.
//
// # Panics
//
// A panic in a function that RxGo calls, or in an Enumerator that RxGo observes, is in a
// goroutine of RxGo, which does not recover it: it ends the program. The function can return
// an error instead, where RxGo lets it; one that may panic can recover itself. A panic of
// anything else in the run reaches the caller of the run, as always.
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
