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

// FromObservable returns the Enumerator of the items of o, which is an Observable, a Single or an
// OptionalSingle. The first item that is an error, or whose value is not an E, fails the run.
//
// Each run observes o. It depends on o whether an observation starts anew: an rxgo.Just starts anew,
// an rxgo.FromChannel goes on with the rest of the channel. The result of FlatMap, or of an operator
// with a time, ends the program when it is observed again, so make it within enumerator.Defer.
//
// The context of the observation ends with the run. If o has not completed by then, FromObservable
// receives and drops its items, so that no goroutine of o waits to send, until o has completed or has
// been silent for a tenth of a second. The run waits at most a few milliseconds for that; a goroutine
// does the rest. So, for a channel with other receivers, use [enumerator.FromChan], which does not
// drop elements. After a run that stops early, an [rxgo.FromEventSource] may wait for its observer
// until its own context ends.
//
// RxGo runs goroutines of its own: see the package's documentation for panics and contexts.
// FromObservable panics if o is nil.
//
// Play's publisherToEnumerator does the same for a publisher.
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

// receive calls f with each item of o until f returns false or ctx ends, then leaves o.
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

// handOver hands the value of item to sink, or fails if item is an error or of another type. function
// is the caller's name, for the error.
func handOver[E any](function string, item rxgo.Item, sink iteratee.Sink[E]) iteratee.Step {
	if item.Error() {
		return iteratee.StepError(item.E)
	}
	e, ok := item.V.(E)
	want := reflect.TypeFor[E]()
	if !ok && (item.V != nil || want.Kind() != reflect.Interface) {
		return iteratee.StepError(fmt.Errorf("rx: %s: an item has type %T, not %v", function, item.V, want))
	}
	return sink.Next(e)
}

// ToObservable returns the Observable of the elements of source. It is cold: each observation runs
// source in a goroutine of its own. An element is made only after the one before has been received.
// If source fails, the error is the last item.
//
// The run and its goroutine end when source has run out or the context ends. This is the context of
// the observation or, if opts have a context, that one for all observations. A receiver that stops
// early must end the context, as everywhere in RxGo. An error of source after that is dropped.
//
// A panic in source ends the program: see the package's documentation.
//
// Play's enumeratorToPublisher does the same for a publisher.
func ToObservable[E any](source enumerator.Enumerator[E], opts ...rxgo.Option) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		send(ctx, source, next)
	}}, slices.Clip(opts)...) // RxGo appends to it, for each observer
}

// send runs e and sends its elements to next, then its error if it fails.
func send[E any](ctx context.Context, e enumerator.Enumerator[E], next chan<- rxgo.Item) {
	sendOne := func(ctx context.Context, _ struct{}, e E) (_ struct{}, stop bool, err error) {
		return struct{}{}, !rxgo.Of(e).SendContext(ctx, next), nil
	}
	if _, err := enumerator.Run(ctx, e, iteratee.FoldUntil(struct{}{}, sendOne)); err != nil {
		rxgo.Error(err).SendContext(ctx, next)
	}
}

// patience is the longest silence of an Observable, after it was left, that leave waits for.
const patience = 100 * time.Millisecond

// leave receives and drops items after their context has ended, so that the senders can end. Most
// Observables complete then, but those of RxGo's Range, GroupBy and FromChannel may not.
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
