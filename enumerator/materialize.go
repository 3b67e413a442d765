package enumerator

import (
	"context"

	"github.com/halley-go/halley/enumeratee"
)

// A Notification is a value that describes an event of a stream: an element or the end.
//
// ReactiveX: Notification.
type Notification[E any] struct {
	Value E     // the element
	End   bool  // the stream has ended, and there is no element
	Err   error // the failure with which the stream has ended; nil if it has run out
}

// Materialize returns the Enumerator of the events of source: a [Notification] for each element, and one
// for the end. After the end, Materialize runs out. If source fails, the last Notification holds the error.
// A failure is an event if [Catch] would catch it, so the end of the context is not an event. Materialize
// starts no goroutine. Its inverse is [Dematerialize].
//
// ReactiveX: materialize.
func Materialize[E any](source Enumerator[E]) Enumerator[Notification[E]] {
	values := Map(source, func(e E) Notification[E] { return Notification[E]{Value: e} })
	return Catch(values.AndThen(Of(Notification[E]{End: true})), func(err error) Enumerator[Notification[E]] {
		return Of(Notification[E]{End: true, Err: err})
	})
}

// Dematerialize is the inverse of [Materialize]. It returns the Enumerator of the Values of source. At a
// [Notification] of the end it stops source, and runs out or fails as the Notification says. If source
// gives no such Notification, Dematerialize runs out when source does. It starts no goroutine.
//
// ReactiveX: dematerialize.
func Dematerialize[E any](source Enumerator[Notification[E]]) Enumerator[E] {
	return Through(source, enumeratee.Compose(
		enumeratee.TakeWhile(func(n Notification[E]) bool { return !n.End || n.Err != nil }),
		enumeratee.MapM(func(_ context.Context, n Notification[E]) (E, error) { return n.Value, n.Err }),
	))
}
