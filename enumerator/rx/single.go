package rx

import "github.com/reactivex/rxgo/v2"

// single and optionalSingle are observables of at most one item.
type (
	single         struct{ observable }
	optionalSingle struct{ observable }
)

var (
	_ rxgo.Observable     = observable{}
	_ rxgo.Single         = single{}
	_ rxgo.OptionalSingle = optionalSingle{}
)

// The operators of a Single differ from those of an Observable only in their results.

func (s single) Filter(apply rxgo.Predicate, opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{s.then(with1(rxgo.Observable.Filter, apply), opts)}
}

func (s single) Map(apply rxgo.Func, opts ...rxgo.Option) rxgo.Single {
	return single{s.then(with1(rxgo.Observable.Map, apply), opts)}
}

func (s single) Get(opts ...rxgo.Option) (rxgo.Item, error) { return s.get(opts) }

func (s optionalSingle) Map(apply rxgo.Func, opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{s.then(with1(rxgo.Observable.Map, apply), opts)}
}

func (s optionalSingle) Get(opts ...rxgo.Option) (rxgo.Item, error) { return s.get(opts) }
