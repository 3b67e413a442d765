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

// Lift returns the Enumerator of the items that a chain of RxGo operators makes of source. Each
// run calls operators, which builds the chain on the Observable that it gets. The chain may end
// with a Single or an OptionalSingle as well.
//
// The operators see what they see under RxGo alone: the Observable is cold, as the result of
// [ToObservable] is. Each observation of it is a run of source, whose elements come first and
// whose error, if it fails, comes last. So OnErrorReturnItem replaces the error of source, Count
// drops it, and Retry, BackOffRetry, an OnErrorResumeNext that returns the Observable, and
// rxgo.Concat of it with itself run source again. Repeat does not: in RxGo, it repeats what it has
// kept. A source that can be run only once, such as enumerator.FromChan, goes on where it was.
//
// Two branches of the Observable are two runs of source, side by side, unless that is from
// [enumerator.Share]. So are observers that operators starts itself with DoOnNext, ForEach, Run or
// Send; they end when the chain has completed.
//
// The run ends when the chain completes, and another source can follow. The first error that the
// chain emits fails the run, and so does a value that is not a To; what an operator emits
// after an error, with rxgo.ContinueOnError for example, is dropped. When the context ends, so do
// source and operators, and what they emit then is dropped. The chain can be an element or two per
// operator ahead of the consumer, and more with rxgo.WithBufferedChannel.
//
// The consumer runs in the goroutine of the caller; source and the operators run in others. Each
// of them gets a context, which ends when the operator after it has completed, and at the latest
// with the run. Lift waits until each operator has closed its channel; a helper of one, such as the
// goroutine that joins RxGo's contexts, may end a moment later. For that, the Observable that
// operators gets is not one of RxGo's: it calls RxGo's for each operator, and receives all that
// they emit. rxgo.WithContext has no effect on them. That takes one more goroutine between two
// operators. Lift waits for a function that RxGo calls until it returns, and so for the
// sleep of Repeat between two rounds. SequenceEqual keeps a processor busy from the end of the
// shorter sequence to the end of the longer one.
//
// Observables that operators gets from elsewhere, or starts itself with rxgo.Merge and the
// like, do not have that context, unless an operator observes them as FlatMap does with the result
// of its function. If operators returns one of them, Lift treats it as [FromObservable] does. In
// place of rxgo.Interval, which ends only with a context of its own, Sample and others accept
// [ToObservable] of enumerator.Interval. The Observables that GroupBy and the windows emit can be
// used until the run is over.
//
// Connect cannot be lifted: it has no effect, since nothing waits for it. rxgo.WithPublishStrategy
// has no effect either on operators that start when they are observed, as in RxGo where the
// source is cold. After Retry, StartWith and the others that start at once, after an operator
// with the strategy rxgo.Eager, and in windows and groups, that option would wait for Connect;
// Lift refuses it there, with an error.
//
// Lift panics if operators is nil; a run panics if operators returns nil. A panic of source or of
// the consumer reaches the caller of the run. A panic in a function that RxGo calls ends the
// program: see the package's documentation.
//
// Lift is not an Enumeratee, because an adapter can neither see that its source has failed nor
// start it again. It does for a source what Play's processorToEnumeratee does, without its
// deadlocks: the output is read while the input still comes.
func Lift[To, From any, O rxgo.Iterable](source enumerator.Enumerator[From], operators func(rxgo.Observable) O) enumerator.Enumerator[To] {
	if operators == nil {
		panic("rx: Lift: the function must not be nil")
	}
	produce := func(ctx context.Context, next chan<- rxgo.Item) { send(ctx, source, next) }
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[To]) (last iteratee.Step) {
		r := newRun(ctx)
		func() {
			defer r.end()
			deliver := func(item rxgo.Item) (more bool) {
				defer func() { // also if sink panics
					if !more {
						r.cancel()
					}
				}()
				if r.ctx.Err() != nil {
					return false // what operators emit when they are cut short would be wrong
				}
				last = handOver("Lift", item, sink)
				return last.IsCont()
			}
			switch o := any(operators(r.cold(produce))).(type) {
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
	over   context.Context // ends when no relay goes on
	close  func()
	relays sync.WaitGroup // and the runs of source

	mutex    sync.Mutex // held while relays are added, and for what follows
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

// end ends all that goes on, and waits for it.
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

// refuse ends the run with an error that no operator can see.
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

// hot returns the observable of an Observable whose observers share one channel, which is closed
// when the run is over.
func (r *run) hot(o rxgo.Observable) observable {
	return observable{run: r, source: func(_ context.Context, after []rxgo.Option) rxgo.Observable {
		if published(after) {
			r.refuse(errPublished)
			return rxgo.Empty()
		}
		return o
	}}
}

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
		return r.hot(window)
	}
}

// groups is windows of Observables that are open together.
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

// dropAtEnd receives all that comes from o when the run is over. Without that, the operator
// that emitted o would wait for its observer.
func (r *run) dropAtEnd(o rxgo.Observable) (forget func() bool) {
	return context.AfterFunc(r.ctx, func() {
		for range o.Observe() {
		}
	})
}

// in returns options with ctx, in a slice of its own: RxGo appends to it.
func in(ctx context.Context, opts []rxgo.Option) []rxgo.Option {
	return slices.Clip(append(slices.Clone(opts), rxgo.WithContext(ctx)))
}

// published reports whether opts have rxgo.WithPublishStrategy. An Observable of a channel hands
// out that channel, unless it has that option.
func published(opts []rxgo.Option) bool {
	ch := make(<-chan rxgo.Item)
	return rxgo.FromChannel(ch).Observe(opts...) != ch
}

// startsAtOnce reports whether opts make an operator start at once, as rxgo.Eager does. Such an
// operator has one channel for all of its observers.
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
