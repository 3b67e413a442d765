package rx

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// FromObservable returns the Enumerator of the items of o, an Observable, a Single or an
// OptionalSingle. Each run observes o; whether that starts afresh is o's affair: what
// rxgo.Just makes does, what rxgo.FromChannel makes hands out what is left in the channel, and
// what FlatMap and the operators with a time make ends the program when it is observed again:
// make such a one in enumerator.Defer. The first item that is an error, or whose value is not
// an E, fails the run.
//
// o is observed with a context that ends with the run. If it has not completed by then, what
// it still sends is received and dropped, so that nothing waits to send it, until it has
// completed or has been silent for a tenth of a second: the run waits for that a few
// milliseconds, a goroutine goes on. So a channel that is shared should come from
// enumerator.FromChan, which takes nothing that it does not hand on. An rxgo.FromEventSource
// knows no way to leave it: after a run that stops early it can wait for that observer until
// its own context ends.
//
// The goroutines are RxGo's: see the package's documentation for panics and contexts.
// FromObservable panics if o is nil.
//
// It is what Play's publisherToEnumerator does for a publisher.
func FromObservable[E any](o rxgo.Iterable) enumerator.Enumerator[E] {
	if o == nil {
		panic("rx: FromObservable: the Observable must not be nil")
	}
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[E]) (last iteratee.Step) {
		receive(ctx, o, func(item rxgo.Item) bool {
			if last = iteratee.Cancelled(ctx); last.IsCont() {
				last = handOver("FromObservable", item, sink)
			}
			return last.IsCont()
		})
		if last.IsCont() {
			return iteratee.Cancelled(ctx)
		}
		return last
	})
}

// receive calls f with each item of o until that returns false or ctx ends, and leaves o.
func receive(ctx context.Context, o rxgo.Iterable, f func(rxgo.Item) bool) {
	observed, cancel := context.WithCancel(ctx)
	items := o.Observe(rxgo.WithContext(observed))
	defer func() {
		cancel()
		leave(items)
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case item, ok := <-items:
			if !ok || !f(item) {
				return
			}
		}
	}
}

// handOver hands the value of an item to sink, or fails with the error that it is, for a function
// of the package.
func handOver[E any](function string, item rxgo.Item, sink iteratee.Sink[E]) iteratee.Step {
	if item.Error() {
		return iteratee.StepError(item.E)
	}
	e, ok := item.V.(E)
	want := reflect.TypeFor[E]()
	if !ok && (item.V != nil || want.Kind() != reflect.Interface) {
		return iteratee.StepError(fmt.Errorf("rx: %s: an item is a %T, not a %v", function, item.V, want))
	}
	return sink.Next(e)
}

// ToObservable returns the Observable of the elements of e. It is cold: each observation is a
// run of e, in a goroutine of its own, which makes the next element when the one before has
// been received. If e fails, the error is the last item.
//
// The run ends, and the goroutine with it, when e has run out or when the context ends, which
// is that of the observation or, in opts, of all. Who stops receiving before must end that
// context, as with everything in RxGo; an error with which e answers that is dropped.
//
// A panic in e ends the program: see the package's documentation.
//
// It is what Play's enumeratorToPublisher does for a publisher.
func ToObservable[E any](e enumerator.Enumerator[E], opts ...rxgo.Option) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		send(ctx, e, next)
	}}, slices.Clip(opts)...) // RxGo appends to it, for each observer
}

// send runs e and sends its elements to next, and then its error if it fails.
func send[E any](ctx context.Context, e enumerator.Enumerator[E], next chan<- rxgo.Item) {
	sendOne := func(ctx context.Context, _ struct{}, e E) (_ struct{}, stop bool, err error) {
		return struct{}{}, !rxgo.Of(e).SendContext(ctx, next), nil
	}
	if _, err := enumerator.Run(ctx, e, iteratee.FoldUntil(struct{}{}, sendOne)); err != nil {
		rxgo.Error(err).SendContext(ctx, next)
	}
}

// patience is how long an Observable that has been left may be silent before it sends again.
const patience = 100 * time.Millisecond

// leave receives what is still sent to items, whose context has ended, so that its senders
// can end. Most Observables complete then, but those of RxGo's Range, GroupBy and FromChannel
// may not.
func leave(items <-chan rxgo.Item) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		silence := time.NewTimer(patience)
		defer silence.Stop()
		for {
			select {
			case <-silence.C:
				return
			case _, ok := <-items:
				if !ok {
					return
				}
				silence.Reset(patience)
			}
		}
	}()
	select {
	case <-left:
	case <-time.After(10 * time.Millisecond):
	}
}
