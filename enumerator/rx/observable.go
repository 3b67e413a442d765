package rx

import (
	"context"
	"slices"

	"github.com/reactivex/rxgo/v2"
)

// An observable wraps an Observable of RxGo. Each operator called on it returns another observable,
// of the items of that operator.
//
// A relay runs between two operators. It is a goroutine that hands on the items of the first, until
// the second has completed or its context ends. Then it drops items until the first has closed its
// channel. So no operator waits for ever to send, and when all relays have ended, all operators have.
type observable struct {
	run     *run
	source  func(context.Context, []rxgo.Option) rxgo.Observable // if set, no relay is needed after it;
	observe observation                                          // otherwise, this starts an operator,
	adopt   adoption                                             // and this changes its values
}

// observation starts the operators of an observable for one observer. after holds the options that
// later operators propagate. The operators end when ctx ends or leave is called.
type observation func(ctx context.Context, after []rxgo.Option) (items <-chan rxgo.Item, leave func())

// adoption returns the function that is applied to the values of one observation.
type adoption func() func(any) any

func unchanged() func(any) any { return func(v any) any { return v } }

// chained is an observable, or a Single or OptionalSingle of one.
type chained interface{ last() observable }

func (o observable) last() observable { return o }

// relay observes o and calls f with each item until f returns false.
func (o observable) relay(ctx context.Context, after []rxgo.Option, f func(rxgo.Item) bool) {
	if !o.run.start() {
		return
	}
	defer o.run.relays.Done()
	if o.source == nil {
		items, leave := o.observe(ctx, after)
		handOn(items, leave, o.adopt, f)
		return
	}
	ctx, leave := context.WithCancel(ctx)
	handOn(o.source(ctx, after).Observe(), leave, unchanged, f)
}

// handOn calls f with each item until f returns false. Then it calls leave and drops the other items.
func handOn(items <-chan rxgo.Item, leave func(), adopt adoption, f func(rxgo.Item) bool) {
	adopted := adopt()
	defer func() { // even if f panics
		leave()
		for item := range items {
			adopted(item.V)
		}
	}()
	for item := range items {
		item.V = adopted(item.V)
		if !f(item) {
			return
		}
	}
}

// sendTo returns the function that sends items to next until ctx ends.
func sendTo(ctx context.Context, next chan<- rxgo.Item) func(rxgo.Item) bool {
	return func(item rxgo.Item) bool { return item.SendContext(ctx, next) }
}

// upstream returns the Observable of RxGo on which the next operator is called. after holds the
// options that it and later operators propagate to the operators before.
func (o observable) upstream(ctx context.Context, after []rxgo.Option) rxgo.Observable {
	if o.source != nil {
		return o.source(ctx, after)
	}
	return rxgo.Defer([]rxgo.Producer{func(_ context.Context, next chan<- rxgo.Item) {
		o.relay(ctx, after, sendTo(ctx, next))
	}}, rxgo.WithContext(ctx))
}

// An operator calls an operator of RxGo.
type operator func(rxgo.Observable, []rxgo.Option) rxgo.Iterable

func with[O rxgo.Iterable](op func(rxgo.Observable, ...rxgo.Option) O) operator {
	return func(o rxgo.Observable, opts []rxgo.Option) rxgo.Iterable { return op(o, opts...) }
}

func with1[A any, O rxgo.Iterable](op func(rxgo.Observable, A, ...rxgo.Option) O, a A) operator {
	return func(o rxgo.Observable, opts []rxgo.Option) rxgo.Iterable { return op(o, a, opts...) }
}

func with2[A, B any, O rxgo.Iterable](op func(rxgo.Observable, A, B, ...rxgo.Option) O, a A, b B) operator {
	return func(o rxgo.Observable, opts []rxgo.Option) rxgo.Iterable { return op(o, a, b, opts...) }
}

// late returns op with a context that ends last, for an operator that misbehaves when its context
// ends. The operator ends when its input has completed and its items have been received.
func (r *run) late(op operator) operator {
	late := []rxgo.Option{rxgo.WithContext(r.over)}
	return func(o rxgo.Observable, opts []rxgo.Option) rxgo.Iterable {
		return optioned{op(o, slices.Concat(opts, late)).(rxgo.Observable), late}
	}
}

// optioned is an Observable that is always observed with opts.
type optioned struct {
	rxgo.Observable
	opts []rxgo.Option
}

func (o optioned) Observe(opts ...rxgo.Option) <-chan rxgo.Item {
	return o.Observable.Observe(slices.Concat(opts, o.opts)...)
}

// then returns o followed by an operator that starts when it is observed.
func (o observable) then(op operator, own []rxgo.Option) observable {
	if startsAtOnce(own) {
		return o.eager(op, own, unchanged)
	}
	return observable{run: o.run, adopt: unchanged, observe: func(ctx context.Context, after []rxgo.Option) (<-chan rxgo.Item, func()) {
		ctx, leave := context.WithCancel(ctx)
		return op(o.upstream(ctx, slices.Concat(own, after)), in(ctx, own)).Observe(in(ctx, after)...), leave
	}}
}

// adopting is like then, for an operator that emits Observables. They can be in use after the operator
// has been left, so it goes on until the run is over.
func (o observable) adopting(op operator, own []rxgo.Option, adopt adoption) observable {
	if startsAtOnce(own) {
		return o.eager(op, own, adopt)
	}
	return observable{run: o.run, adopt: adopt, observe: func(_ context.Context, after []rxgo.Option) (<-chan rxgo.Item, func()) {
		return op(o.upstream(o.run.ctx, slices.Concat(own, after)), in(o.run.ctx, own)).Observe(in(o.run.ctx, after)...), func() {}
	}}
}

// grouping returns o followed by GroupBy, which starts at once, makes all its Observables then, and
// emits them to each observer.
func (o observable) grouping(op operator, own []rxgo.Option) observable {
	groups := op(o.upstream(o.run.ctx, own), in(o.run.ctx, own))
	return observable{run: o.run, adopt: o.run.groups, observe: func(context.Context, []rxgo.Option) (<-chan rxgo.Item, func()) {
		return groups.Observe(), func() {}
	}}
}

// eager returns o followed by an operator that starts at once, and takes no options from later
// operators. Its observers share its items.
func (o observable) eager(op operator, own []rxgo.Option, adopt adoption) observable {
	ctx, leave := context.WithCancel(o.run.ctx)
	items := op(o.upstream(ctx, own), in(ctx, own)).Observe()
	shared := make(chan rxgo.Item)
	counted := o.run.start()
	go func() {
		if counted {
			defer o.run.relays.Done()
		}
		defer close(shared)
		handOn(items, leave, adopt, sendTo(o.run.ctx, shared))
	}()
	return o.run.hot(rxgo.FromChannel(shared))
}

// Observe is called by RxGo's operators, and by a function that gets an observable as an element.
func (o observable) Observe(opts ...rxgo.Option) <-chan rxgo.Item {
	return o.upstream(o.run.ctx, opts).Observe(in(o.run.ctx, opts)...)
}

// get implements Get of a Single and an OptionalSingle.
func (o observable) get(opts []rxgo.Option) (rxgo.Item, error) {
	select {
	case <-o.run.ctx.Done():
		return rxgo.Item{}, o.run.ctx.Err()
	case item := <-o.Observe(opts...):
		return item, nil
	}
}
