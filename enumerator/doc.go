// Package enumerator holds the sources of streams and what runs them.
//
// An [Enumerator] is a recipe for a source. [Run] drives an iteratee with it and
// returns the result; [All] lets a range loop be the consumer. [Through] puts an
// adapter behind a source and [Enumerator.AndThen] another source after it.
//
// A run takes place in the goroutine that calls it, makes an element only when the
// one before has been consumed, stops as soon as the consumer is done, and has
// closed everything when it returns.
package enumerator
