package rx

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/reactivex/rxgo/v2"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/iteratee"
)

// Lift returns the Enumerator of the items that a chain of RxGo operators makes of source. Each run
// calls build, which applies the operators to the Observable of source and returns the end of the
// chain: an Observable, a Single or an OptionalSingle.
//
// The Observable is cold, like the result of [ToObservable]. Each observation is a run of source: its
// elements come first, and its error, if it fails, comes last. So OnErrorReturnItem replaces the error
// of source, and Count drops it. Retry, BackOffRetry, an OnErrorResumeNext that returns the
// Observable, and rxgo.Concat of the Observable with itself run source again. Repeat does not, since
// in RxGo it repeats the items that it has kept. A source that can be run only once, such as
// enumerator.FromChan, goes on where it was.
//
// Two branches of the Observable run source twice, concurrently, unless source is from
// [enumerator.Share]. An observer that build starts with DoOnNext, ForEach, Run or Send is such a
// branch, and ends when the chain has completed.
//
// The run ends when the chain completes, and another source can follow. The first error that the chain
// emits, or the first value that is not a To, fails the run. Items after an error, which operators with
// rxgo.ContinueOnError emit, are dropped. When the context ends, source and the operators end, and the
// items that they emit then are dropped. Each operator can be an element or two ahead of the consumer,
// or more with rxgo.WithBufferedChannel.
//
// The consumer runs in the goroutine of the caller; source and the operators run in other
// goroutines. Source and each operator have a context that ends when the next operator has completed,
// and at the latest with the run. To this end, the Observable is not one of RxGo's: it calls RxGo's
// operators itself and receives all their items, which takes one more goroutine between two
// operators. rxgo.WithContext has no effect on the operators.
//
// The run waits until each operator has closed its channel. A helper of an operator, such as the
// goroutine that joins RxGo's contexts, may end a moment later. The run also waits for functions that
// RxGo calls, and for the sleep of Repeat between two rounds. SequenceEqual keeps a processor busy from
// the end of the shorter sequence to the end of the longer one.
//
// Observables that build gets elsewhere, or makes with functions such as rxgo.Merge, do not have that
// context, unless an operator observes them, as FlatMap observes the result of its function. If build
// returns such an Observable, Lift treats it like [FromObservable]. rxgo.Interval ends only with a
// context of its own; instead, Sample and others accept [ToObservable] of enumerator.Interval. The
// Observables that GroupBy and the windows emit can be used until the run is over.
//
// Connect has no effect, since nothing waits for it. rxgo.WithPublishStrategy has no effect on operators
// that start when they are observed, as in RxGo over a cold source. Lift refuses that option with an
// error where it would wait for Connect: after Retry, StartWith and the other operators that start at
// once, after an operator with the strategy rxgo.Eager, and in windows and groups.
//
// Lift panics if build is nil. A run panics if build returns nil. A panic of source or of the
// consumer reaches the caller of the run. A panic in a function that RxGo calls ends the program: see
// the package's documentation.
//
// Lift is not an Enumeratee, because an adapter can neither see that its source has failed nor start
// it again. Play's processorToEnumeratee does the same for a processor, but can deadlock.
func Lift[To, From any, O rxgo.Iterable](source enumerator.Enumerator[From], build func(rxgo.Observable) O) enumerator.Enumerator[To] {
	if build == nil {
		panic("rx: Lift: the function must not be nil")
	}
	produce := func(ctx context.Context, next chan<- rxgo.Item) { send(ctx, source, next) }
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[To]) (last iteratee.Step) {
		r := newRun(ctx)
		func() {
			defer r.end()
			deliver := func(item rxgo.Item) (more bool) {
				defer func() { // even if sink panics
					if !more {
						r.cancel()
					}
				}()
				if r.ctx.Err() != nil {
					return false // operators that are cut short may emit wrong items
				}
				last = handOver("Lift", item, sink)
				return last.IsCont()
			}
			switch o := any(build(r.cold(produce))).(type) {
			case nil:
				panic("rx: Lift: the function returned nil")
			case chained:
				o.last().relay(r.ctx, nil, deliver)
			case rxgo.Iterable:
				receive(r.ctx, o, deliver)
			}
		}()
		switch {
		case r.panicked != nil:
			panic(r.panicked)
		case last.IsCont() && r.refused != nil:
			return iteratee.StepError(r.refused)
		case last.IsCont():
			return iteratee.Cancelled(ctx)
		}
		return last
	})
}

var errPublished = errors.New("rx: Lift: WithPublishStrategy after an operator that starts at once: nothing can connect it; " +
	"for several observers of one run, use enumerator.Share")

// run is one run of Lift.
type run struct {
	ctx    context.Context // of source and of the operators
	cancel func()
	over   context.Context // ends when all relays have ended
	close  func()
	relays sync.WaitGroup // the relays and the runs of source

	mutex    sync.Mutex // held while relays are added, and for the fields below
	panicked any        // by source
	refused  error
}

func newRun(ctx context.Context) *run {
	r := new(run)
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.over, r.close = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

// start adds a relay, unless the run is over.
func (r *run) start() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.ctx.Err() != nil {
		return false
	}
	r.relays.Add(1)
	return true
}

// end ends all relays and runs of source, and waits for them.
func (r *run) end() {
	r.mutex.Lock()
	r.cancel()
	r.mutex.Unlock()
	r.relays.Wait()
	r.close()
}

// caught ends the run if source has panicked.
func (r *run) caught(panicked any) {
	if panicked == nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.panicked = panicked
	r.cancel()
}

// refuse ends the run with err, which no operator sees.
func (r *run) refuse(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.refused = err
	r.cancel()
}

// cold returns the observable that calls produce for each observation.
func (r *run) cold(produce rxgo.Producer) observable {
	return observable{run: r, source: func(ctx context.Context, _ []rxgo.Option) rxgo.Observable {
		return rxgo.Defer([]rxgo.Producer{func(_ context.Context, next chan<- rxgo.Item) {
			if !r.start() {
				return
			}
			defer r.relays.Done()
			guard.Run("rx: Lift: the source", func() { produce(ctx, next) }, r.caught)
		}}, rxgo.WithContext(ctx))
	}}
}

// hot returns the observable of o, whose observers share one channel that is closed when the run is
// over.
func (r *run) hot(o rxgo.Observable) observable {
	return observable{run: r, source: func(_ context.Context, after []rxgo.Option) rxgo.Observable {
		if published(after) {
			r.refuse(errPublished)
			return rxgo.Empty()
		}
		return o
	}}
}

// windows returns the function that wraps the Observables that a relay receives, of which only the
// latest is open.
func (r *run) windows() func(any) any {
	forget := func() bool { return true }
	return func(v any) any {
		window, ok := v.(rxgo.Observable)
		if !ok {
			return v
		}
		forget()
		forget = r.dropAtEnd(window)
		return r.hot(window)
	}
}

// groups is like windows, for Observables that are open together.
func (r *run) groups() func(any) any {
	return func(v any) any {
		switch group := v.(type) {
		case rxgo.GroupedObservable:
			r.dropAtEnd(group.Observable)
			group.Observable = r.hot(group.Observable)
			return group
		case rxgo.Observable:
			r.dropAtEnd(group)
			return r.hot(group)
		}
		return v
	}
}

// dropAtEnd receives and drops all items of o when the run is over. Otherwise the operator that
// emitted o would wait for an observer.
func (r *run) dropAtEnd(o rxgo.Observable) (forget func() bool) {
	return context.AfterFunc(r.ctx, func() {
		for range o.Observe() {
		}
	})
}

// in returns a copy of opts with ctx. It is a copy since RxGo appends to it.
func in(ctx context.Context, opts []rxgo.Option) []rxgo.Option {
	return slices.Clip(append(slices.Clone(opts), rxgo.WithContext(ctx)))
}

// published reports whether opts have rxgo.WithPublishStrategy. Without that option, the Observable of
// a channel returns that channel.
func published(opts []rxgo.Option) bool {
	ch := make(<-chan rxgo.Item)
	return rxgo.FromChannel(ch).Observe(opts...) != ch
}

// startsAtOnce reports whether opts make an operator start at once, as rxgo.Eager does. Such an
// operator has one channel for all observers.
func startsAtOnce(opts []rxgo.Option) bool {
	if len(opts) == 0 {
		return false
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	o := rxgo.Empty().Filter(func(any) bool { return true }, in(ended, opts)...)
	first, second := o.Observe(), o.Observe()
	return first == second
}
