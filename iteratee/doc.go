// Package iteratee holds the consumers of streams, and what consumers, adapters
// and sources say to one another.
//
// An [Iteratee] consumes elements of one type, one at a time, and ends with a
// result. It is a recipe; [Iteratee.Start] makes a running one, whose [Sink] is
// handed the elements and answers a [Step] to each: more, done, or failed. A Sink
// that is done may leave over some of what it was handed, its rest, which goes to
// the next consumer ([FlatMap]).
//
// There are three ways to make one: the ready ones ([Fold], [Collect], [Head] and
// so on) and their combinations; the pure form ([Cont], [Done], [Error]), which
// is closest to the theory and to Play; and [New], on which all others stand.
//
// Words used throughout the toolkit: EOF says that no more elements will come, and
// only whoever runs a stream sends it. The rest, or what is left over, is what a
// consumer was handed and did not consume.
package iteratee
