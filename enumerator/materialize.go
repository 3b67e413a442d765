package enumerator

import (
	"context"

	"github.com/halley-go/halley/enumeratee"
)

// A Notification is an event of a stream as a value: an element, or the end.
//
// ReactiveX: Notification.
type Notification[E any] struct {
	Value E     // the element
	End   bool  // the stream has ended, and there is no element
	Err   error // the failure with which the stream has ended; nil if it has run out
}

// Materialize returns the Enumerator of the events of source: a [Notification] of each element, and one
// of the end. If source fails, that Notification holds the error, and Materialize runs out. EOF that source
// sends is an end too. Materialize tells failures as [Catch] does, so the end of the context is not an
// event. [Dematerialize] is the way back. Materialize needs no goroutine.
//
// ReactiveX: materialize.
func Materialize[E any](source Enumerator[E]) Enumerator[Notification[E]] {
	values := Map(source, func(e E) Notification[E] { return Notification[E]{Value: e} })
	return Catch(values.AndThen(Of(Notification[E]{End: true})), func(err error) Enumerator[Notification[E]] {
		return Of(Notification[E]{End: true, Err: err})
	})
}

// Dematerialize returns the Enumerator of the stream of which source gives the events. At a
// [Notification] of the end it stops source, and runs out or fails as the Notification says. If none comes,
// it runs out when source does. Dematerialize needs no goroutine.
//
// ReactiveX: dematerialize.
func Dematerialize[E any](source Enumerator[Notification[E]]) Enumerator[E] {
	return Through(source, enumeratee.Compose(
		enumeratee.TakeWhile(func(n Notification[E]) bool { return !n.End || n.Err != nil }),
		enumeratee.MapM(func(_ context.Context, n Notification[E]) (E, error) { return n.Value, n.Err }),
	))
}
