// Package enumerator provides the sources of streams, and the functions that run them.
//
// An [Enumerator] is a recipe for a source. [Run] drives an Iteratee with it and returns the
// result. [All] makes a range loop the consumer. [Through] puts an adapter behind a source, and
// [Enumerator.AndThen] puts another source after it.
//
// A run takes place in the goroutine that calls it. It makes an element only after the consumer has
// consumed the one before. It stops as soon as the consumer is done, and it has closed everything
// when it returns.
package enumerator
