// Package enumeratee holds the adapters of streams.
//
// An adapter is an [Enumeratee]. It turns a consumer of one type, To, into a consumer of another type,
// From. Seen from the other side, it turns a source of From into a source of To. enumerator.Through puts
// an adapter behind a source, [Transform] puts it before a consumer, and [Compose] joins two adapters.
// The same elements pass in each case.
//
// An adapter runs in the goroutine of the run and allocates nothing per element, unless its documentation
// says otherwise. Its leftovers are the elements that it was handed and that neither the adapter nor its
// consumer has consumed. If its documentation says that the leftovers of the consumer are left over, the
// adapter gives back the elements that the consumer did not consume.
package enumeratee
