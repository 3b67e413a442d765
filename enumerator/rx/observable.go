package rx

import (
	"context"
	"slices"

	"github.com/reactivex/rxgo/v2"
)

// An observable is what the operators are called on. It stands for an Observable of RxGo and
// makes, for each operator that is called on it, another such one of what comes out of it.
//
// Between two operators stands a relay: a goroutine that hands on what the first sends, until
// the context ends, and then receives the rest until the first has closed its channel. So no
// operator waits to send for ever, and when no relay goes on, no operator does.
type observable struct {
	run     *run
	source  rxgo.Observable                      // if set, it is observed as it is,
	observe func([]rxgo.Option) <-chan rxgo.Item // or else this, with the options of what comes after
	adopt   func() func(any) any                 // if set, what each relay does to the values
}

// chained is an observable, or a Single made of one.
type chained interface{ last() observable }

func (o observable) last() observable { return o }

// relay calls f with each item until that returns false, and receives all.
func (o observable) relay(after []rxgo.Option, f func(rxgo.Item) bool) {
	if !o.run.start() {
		return
	}
	defer o.run.relays.Done()
	if o.source != nil {
		o.observe = func([]rxgo.Option) <-chan rxgo.Item { return o.source.Observe() }
	}
	adopt := func(v any) any { return v }
	if o.adopt != nil {
		adopt = o.adopt()
	}
	items := o.observe(after)
	defer func() { // also if f panics
		for item := range items {
			adopt(item.V)
		}
	}()
	for item := range items {
		item.V = adopt(item.V)
		if !f(item) {
			return
		}
	}
}

// upstream is the Observable of RxGo that the next operator is called on. after are the
// options that it, and what comes after it, propagate to the operators before.
func (o observable) upstream(after []rxgo.Option) rxgo.Observable {
	if o.source != nil {
		return o.source
	}
	return rxgo.Defer([]rxgo.Producer{func(_ context.Context, next chan<- rxgo.Item) {
		o.relay(after, func(item rxgo.Item) bool { return item.SendContext(o.run.ctx, next) })
	}}, rxgo.WithContext(o.run.ctx))
}

// An operator calls one of RxGo's.
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

// late is op with the context that ends last, for what does not end well when its context
// does. It ends when what it is called on completes and all that it sends has been received.
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

// then is o with an operator after it that starts when it is observed.
func (o observable) then(op operator, own []rxgo.Option) observable {
	return observable{run: o.run, observe: func(after []rxgo.Option) <-chan rxgo.Item {
		return op(o.upstream(slices.Concat(own, after)), o.run.in(own)).Observe(o.run.in(after)...)
	}}
}

// eager is o with an operator after it that starts at once, and takes no options from what
// comes after it.
func (o observable) eager(op operator, own []rxgo.Option) observable {
	it := op(o.upstream(own), o.run.in(own))
	return observable{run: o.run, observe: func([]rxgo.Option) <-chan rxgo.Item { return it.Observe() }}
}

// adopting is o whose values are Observables, for which it makes observables.
func (o observable) adopting(adopt func() func(any) any) observable {
	o.adopt = adopt
	return o
}

// Observe is for RxGo's operators and for who gets an observable as an element.
func (o observable) Observe(opts ...rxgo.Option) <-chan rxgo.Item {
	return o.upstream(opts).Observe(o.run.in(opts)...)
}

// get is Get of a Single and an OptionalSingle.
func (o observable) get(opts []rxgo.Option) (rxgo.Item, error) {
	select {
	case <-o.run.ctx.Done():
		return rxgo.Item{}, o.run.ctx.Err()
	case item := <-o.Observe(opts...):
		return item, nil
	}
}
