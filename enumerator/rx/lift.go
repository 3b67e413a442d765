package rx

import (
	"context"
	"slices"
	"sync"

	"github.com/reactivex/rxgo/v2"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Lift returns the adapter that does what operators does: a chain of operators of RxGo, which
// is built anew for each attachment. It may end with a Single or an OptionalSingle as well.
// When what operators returned completes, the adapter stops; the first error that comes out
// of it, or value that is not a To, fails the run. What the chain has taken counts as
// consumed; it can be an element or two per operator ahead of the consumer, and more with
// rxgo.WithBufferedChannel.
//
// The consumer, and each operator, run in goroutines of their own. When the run is over,
// however it ends, their context ends, and Lift waits until each operator has closed its
// channel; a helper of one, such as that which joins RxGo's contexts, may end a moment later.
// For that, the Observable that operators gets is not RxGo's own but one that calls it, for
// each operator, with the context of the run; rxgo.WithContext has no effect on them. It takes
// a goroutine more for each operator but the first. Lift waits for a function that RxGo calls
// and that does not return, and so for the sleep of Repeat between two rounds. SequenceEqual
// keeps a processor busy from the end of the shorter to that of the longer one.
//
// Observables that operators gets from elsewhere, or starts itself with rxgo.Merge and the
// like, do not have that context, unless an operator observes them as FlatMap does what its
// function returns. Lift leaves one that operators returns as [FromObservable] does. In place
// of rxgo.Interval, which only the end of its own context ends, Sample and others can
// be given [ToObservable] of enumerator.Interval. The Observables that GroupBy and the
// windows emit can be used until the run is over.
//
// Lift panics if operators is nil; a run does, if it returns nil. A panic in a function that
// RxGo calls ends the program: see the package's documentation.
//
// It is what Play's processorToEnumeratee does for a processor, without its deadlocks: the
// output is read while the input still comes.
func Lift[From, To any, O rxgo.Iterable](operators func(rxgo.Observable) O) enumeratee.Enumeratee[From, To] {
	if operators == nil {
		panic("rx: Lift: the function must not be nil")
	}
	return enumeratee.Async(func(ctx context.Context, in <-chan From, out iteratee.Sink[To]) (last iteratee.Step) {
		chain, cancel := context.WithCancel(ctx)
		over, end := context.WithCancel(context.WithoutCancel(ctx))
		r := &run{ctx: chain, over: over}
		defer func() {
			r.starting.Lock()
			cancel()
			r.starting.Unlock()
			r.relays.Wait()
			end()
		}()
		items := make(chan rxgo.Item)
		r.relays.Go(func() {
			defer close(items)
			receive(chain, in, func(e From) bool { return rxgo.Of(e).SendContext(chain, items) })
		})
		deliver := func(item rxgo.Item) (more bool) {
			defer func() { // also if out panics
				if !more {
					cancel()
				}
			}()
			if ctx.Err() != nil {
				return false // what operators send at their end would be wrong
			}
			to, err := element[To]("Lift", item)
			if err != nil {
				last = iteratee.StepError(err)
			} else {
				last = out.Next(to)
			}
			return last.IsCont()
		}
		switch o := any(operators(r.source(rxgo.FromChannel(items)))).(type) {
		case nil:
			panic("rx: Lift: the function returned nil")
		case chained:
			o.last().relay(nil, deliver)
		case rxgo.Iterable:
			items := o.Observe(rxgo.WithContext(chain))
			defer leave(items) // the context has ended by then, unless they have
			receive(chain, items, deliver)
		}
		if last.IsCont() {
			return iteratee.Cancelled(ctx)
		}
		return last
	})
}

// receive calls f with what comes from ch until that is closed, ctx ends or f returns false.
func receive[E any](ctx context.Context, ch <-chan E, f func(E) bool) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-ch:
			if !ok || !f(e) {
				return
			}
		}
	}
}

// run is one run of Lift.
type run struct {
	ctx      context.Context // of the operators
	over     context.Context // ends when no relay goes on
	relays   sync.WaitGroup
	starting sync.Mutex // held while a relay is added
}

// start adds a relay, unless the run is over.
func (r *run) start() bool {
	r.starting.Lock()
	defer r.starting.Unlock()
	if r.ctx.Err() != nil {
		return false
	}
	r.relays.Add(1)
	return true
}

// in returns options with the context of the run, in a slice of its own: RxGo appends to it.
func (r *run) in(opts []rxgo.Option) []rxgo.Option {
	return slices.Clip(append(slices.Clone(opts), rxgo.WithContext(r.ctx)))
}

// source is the observable of an Observable that hands out what comes from a channel, which
// is closed when the context ends.
func (r *run) source(o rxgo.Observable) observable { return observable{run: r, source: o} }

// windows returns what makes observables of the Observables of RxGo that one relay receives,
// each of which is the only one open.
func (r *run) windows() func(any) any {
	forget := func() bool { return true }
	return func(v any) any {
		window, ok := v.(rxgo.Observable)
		if !ok {
			return v
		}
		forget()
		forget = r.dropAtEnd(window)
		return r.source(window)
	}
}

// groups is windows of Observables that are open together.
func (r *run) groups() func(any) any {
	return func(v any) any {
		switch group := v.(type) {
		case rxgo.GroupedObservable:
			r.dropAtEnd(group.Observable)
			group.Observable = r.source(group.Observable)
			return group
		case rxgo.Observable:
			r.dropAtEnd(group)
			return r.source(group)
		}
		return v
	}
}

// dropAtEnd receives all that comes from o when the run is over. Without that, the operator
// that emitted o would wait for its observer.
func (r *run) dropAtEnd(o rxgo.Observable) (forget func() bool) {
	return context.AfterFunc(r.ctx, func() {
		for range o.Observe() {
		}
	})
}
