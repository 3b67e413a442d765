// Package enumeratee holds the adapters of streams.
//
// An [Enumeratee] turns a consumer of one type into a consumer of another, and so
// a source of the other into a source of the one. It is used from either side:
// enumerator.Through puts it behind a source, [Transform] before a consumer, and
// [Compose] joins two. Whichever is chosen, the elements that pass are the same.
//
// Every adapter here runs in the goroutine of the run and allocates nothing per
// element, unless its documentation says otherwise.
package enumeratee
