// Package iteratee holds the consumers of streams, and the types with which consumers, adapters and
// sources talk to one another.
//
// An [Iteratee] consumes elements of one type, one at a time, and ends with a result. It is a recipe;
// [Iteratee.Start] makes a [Running] consumer. A Running is a [Sink]: it is handed the elements, and
// answers a [Step] to each: more, done, or failed.
//
// There are three ways to make an Iteratee. The ready ones ([Fold], [Collect], [Head] and so on) can be
// combined. The pure form ([Cont], [Done], [Error]) is closest to the theory and to Play. [New] makes one
// from a function, and the others are made by New.
//
// Two words have a fixed meaning throughout the toolkit. EOF says that no more elements will come; only
// the function that runs a stream sends it. The leftovers of a consumer are the elements that it was
// handed and did not consume. They go to the next consumer, as in [FlatMap]. An adapter is the consumer of
// its source, so it has leftovers too: its documentation says which elements are left over.
package iteratee
