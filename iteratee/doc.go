// Package iteratee holds the consumers of streams, and the types through which sources, adapters and
// consumers talk to one another. A source (package enumerator) makes the elements of a stream. An adapter
// (package enumeratee) stands between a source and a consumer.
//
// An [Iteratee] consumes elements of one type, one at a time, and ends with a result. It is a recipe;
// [Iteratee.Start] makes a [Running] consumer. A Running is a [Sink]: it is handed the elements one at a
// time, and answers each with a [Step], which says more, done or failed.
//
// There are three ways to make an Iteratee. The ready-made Iteratees ([Fold], [Collect], [Head] and
// others) can be combined. The pure form ([Cont], [Done], [Error]) is closest to the theory and to Play.
// [New] makes an Iteratee from the function that starts a run of it.
//
// Two words have a fixed meaning throughout the toolkit. EOF says that no more elements will come. Only
// the function that runs a stream sends EOF. The leftovers of a consumer are the elements that it was
// handed and did not consume. They go to the next consumer, as in [FlatMap]. An adapter is the consumer of
// its source, so it has leftovers too. Its documentation says which elements they are.
package iteratee
