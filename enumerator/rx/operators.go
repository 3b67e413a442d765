package rx

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/reactivex/rxgo/v2"
)

// These operators start when they are observed. As below, they are in the order of RxGo's interface.

func (o observable) All(predicate rxgo.Predicate, opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with1(rxgo.Observable.All, predicate), opts)}
}
func (o observable) AverageFloat32(opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with(rxgo.Observable.AverageFloat32), opts)}
}
func (o observable) AverageFloat64(opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with(rxgo.Observable.AverageFloat64), opts)}
}
func (o observable) AverageInt(opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with(rxgo.Observable.AverageInt), opts)}
}
func (o observable) AverageInt8(opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with(rxgo.Observable.AverageInt8), opts)}
}
func (o observable) AverageInt16(opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with(rxgo.Observable.AverageInt16), opts)}
}
func (o observable) AverageInt32(opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with(rxgo.Observable.AverageInt32), opts)}
}
func (o observable) AverageInt64(opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with(rxgo.Observable.AverageInt64), opts)}
}
func (o observable) BufferWithCount(count int, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.BufferWithCount, count), opts)
}
func (o observable) BufferWithTime(timespan rxgo.Duration, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.BufferWithTime, timespan), opts)
}
func (o observable) BufferWithTimeOrCount(timespan rxgo.Duration, count int, opts ...rxgo.Option) rxgo.Observable {
	return o.then(o.run.late(with2(rxgo.Observable.BufferWithTimeOrCount, timespan, count)), opts)
}
func (o observable) Contains(equal rxgo.Predicate, opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with1(rxgo.Observable.Contains, equal), opts)}
}
func (o observable) Count(opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with(rxgo.Observable.Count), opts)}
}
func (o observable) Debounce(timespan rxgo.Duration, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.Debounce, timespan), opts)
}
func (o observable) DefaultIfEmpty(defaultValue any, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.DefaultIfEmpty, defaultValue), opts)
}
func (o observable) Distinct(apply rxgo.Func, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.Distinct, apply), opts)
}
func (o observable) DistinctUntilChanged(apply rxgo.Func, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.DistinctUntilChanged, apply), opts)
}
func (o observable) ElementAt(index uint, opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with1(rxgo.Observable.ElementAt, index), opts)}
}
func (o observable) Filter(apply rxgo.Predicate, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.Filter, apply), opts)
}
func (o observable) Find(find rxgo.Predicate, opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with1(rxgo.Observable.Find, find), opts)}
}
func (o observable) First(opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with(rxgo.Observable.First), opts)}
}
func (o observable) FirstOrDefault(defaultValue any, opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with1(rxgo.Observable.FirstOrDefault, defaultValue), opts)}
}
func (o observable) FlatMap(apply rxgo.ItemToObservable, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.FlatMap, apply), opts)
}
func (o observable) IgnoreElements(opts ...rxgo.Option) rxgo.Observable {
	return o.then(with(rxgo.Observable.IgnoreElements), opts)
}
func (o observable) Join(joiner rxgo.Func2, right rxgo.Observable, timeExtractor func(any) time.Time, window rxgo.Duration, opts ...rxgo.Option) rxgo.Observable {
	return o.then(func(left rxgo.Observable, opts []rxgo.Option) rxgo.Iterable {
		return left.Join(joiner, optioned{right, opts}, timeExtractor, window, opts...)
	}, opts)
}
func (o observable) Last(opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with(rxgo.Observable.Last), opts)}
}
func (o observable) LastOrDefault(defaultValue any, opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with1(rxgo.Observable.LastOrDefault, defaultValue), opts)}
}
func (o observable) Map(apply rxgo.Func, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.Map, apply), opts)
}
func (o observable) Marshal(marshaller rxgo.Marshaller, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.Marshal, marshaller), opts)
}
func (o observable) Max(comparator rxgo.Comparator, opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with1(rxgo.Observable.Max, comparator), opts)}
}
func (o observable) Min(comparator rxgo.Comparator, opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with1(rxgo.Observable.Min, comparator), opts)}
}
func (o observable) OnErrorResumeNext(resumeSequence rxgo.ErrorToObservable, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.OnErrorResumeNext, resumeSequence), opts)
}
func (o observable) OnErrorReturn(resumeFunc rxgo.ErrorFunc, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.OnErrorReturn, resumeFunc), opts)
}
func (o observable) OnErrorReturnItem(resume any, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.OnErrorReturnItem, resume), opts)
}
func (o observable) Reduce(apply rxgo.Func2, opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with1(rxgo.Observable.Reduce, apply), opts)}
}
func (o observable) Repeat(count int64, frequency rxgo.Duration, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with2(rxgo.Observable.Repeat, count, frequency), opts)
}
func (o observable) Scan(apply rxgo.Func2, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.Scan, apply), opts)
}
func (o observable) Skip(nth uint, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.Skip, nth), opts)
}
func (o observable) SkipLast(nth uint, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.SkipLast, nth), opts)
}
func (o observable) SkipWhile(apply rxgo.Predicate, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.SkipWhile, apply), opts)
}
func (o observable) SumFloat32(opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with(rxgo.Observable.SumFloat32), opts)}
}
func (o observable) SumFloat64(opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with(rxgo.Observable.SumFloat64), opts)}
}
func (o observable) SumInt64(opts ...rxgo.Option) rxgo.OptionalSingle {
	return optionalSingle{o.then(with(rxgo.Observable.SumInt64), opts)}
}
func (o observable) Take(nth uint, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.Take, nth), opts)
}
func (o observable) TakeLast(nth uint, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.TakeLast, nth), opts)
}
func (o observable) TakeUntil(apply rxgo.Predicate, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.TakeUntil, apply), opts)
}
func (o observable) TakeWhile(apply rxgo.Predicate, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with1(rxgo.Observable.TakeWhile, apply), opts)
}
func (o observable) TimeInterval(opts ...rxgo.Option) rxgo.Observable {
	return o.then(with(rxgo.Observable.TimeInterval), opts)
}
func (o observable) Timestamp(opts ...rxgo.Option) rxgo.Observable {
	return o.then(with(rxgo.Observable.Timestamp), opts)
}
func (o observable) ToMap(keySelector rxgo.Func, opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with1(rxgo.Observable.ToMap, keySelector), opts)}
}
func (o observable) ToMapWithValueSelector(keySelector, valueSelector rxgo.Func, opts ...rxgo.Option) rxgo.Single {
	return single{o.then(with2(rxgo.Observable.ToMapWithValueSelector, keySelector, valueSelector), opts)}
}
func (o observable) Unmarshal(unmarshaller rxgo.Unmarshaller, factory func() any, opts ...rxgo.Option) rxgo.Observable {
	return o.then(with2(rxgo.Observable.Unmarshal, unmarshaller, factory), opts)
}

// These operators start at once.

func (o observable) BackOffRetry(backOffCfg backoff.BackOff, opts ...rxgo.Option) rxgo.Observable {
	return o.eager(o.run.late(with1(rxgo.Observable.BackOffRetry, o.run.backOff(backOffCfg))), opts, unchanged)
}
func (o observable) Retry(count int, shouldRetry func(error) bool, opts ...rxgo.Option) rxgo.Observable {
	return o.eager(with2(rxgo.Observable.Retry, count, shouldRetry), opts, unchanged)
}
func (o observable) Sample(iterable rxgo.Iterable, opts ...rxgo.Option) rxgo.Observable {
	return o.eager(with1(rxgo.Observable.Sample, iterable), opts, unchanged)
}
func (o observable) SequenceEqual(iterable rxgo.Iterable, opts ...rxgo.Option) rxgo.Single {
	return single{o.eager(with1(rxgo.Observable.SequenceEqual, iterable), opts, unchanged)}
}
func (o observable) Serialize(from int, identifier func(any) int, opts ...rxgo.Option) rxgo.Observable {
	return o.eager(with2(rxgo.Observable.Serialize, from, identifier), opts, unchanged)
}
func (o observable) StartWith(iterable rxgo.Iterable, opts ...rxgo.Option) rxgo.Observable {
	return o.eager(with1(rxgo.Observable.StartWith, iterable), opts, unchanged)
}
func (o observable) ZipFromIterable(iterable rxgo.Iterable, zipper rxgo.Func2, opts ...rxgo.Option) rxgo.Observable {
	return o.eager(with2(rxgo.Observable.ZipFromIterable, iterable, zipper), opts, unchanged)
}

// These operators emit Observables.

func (o observable) GroupBy(length int, distribution func(rxgo.Item) int, opts ...rxgo.Option) rxgo.Observable {
	return o.grouping(o.run.late(with2(rxgo.Observable.GroupBy, length, distribution)), opts)
}
func (o observable) GroupByDynamic(distribution func(rxgo.Item) string, opts ...rxgo.Option) rxgo.Observable {
	return o.eager(o.run.late(with1(rxgo.Observable.GroupByDynamic, distribution)), opts, o.run.groups)
}
func (o observable) WindowWithCount(count int, opts ...rxgo.Option) rxgo.Observable {
	return o.adopting(o.run.late(with1(rxgo.Observable.WindowWithCount, count)), opts, o.run.windows)
}
func (o observable) WindowWithTime(timespan rxgo.Duration, opts ...rxgo.Option) rxgo.Observable {
	return o.adopting(o.run.late(with1(rxgo.Observable.WindowWithTime, timespan)), opts, o.run.windows)
}
func (o observable) WindowWithTimeOrCount(timespan rxgo.Duration, count int, opts ...rxgo.Option) rxgo.Observable {
	return o.adopting(o.run.late(with2(rxgo.Observable.WindowWithTimeOrCount, timespan, count)), opts, o.run.windows)
}

// These methods observe, and do not return an Observable.

func (o observable) Connect(ctx context.Context) (context.Context, rxgo.Disposable) {
	ctx, dispose := context.WithCancel(ctx) // nothing is published, so nothing has to be started
	return ctx, rxgo.Disposable(dispose)
}
func (o observable) DoOnCompleted(completedFunc rxgo.CompletedFunc, opts ...rxgo.Option) rxgo.Disposed {
	return o.upstream(o.run.ctx, opts).DoOnCompleted(completedFunc, in(o.run.ctx, opts)...)
}
func (o observable) DoOnError(errFunc rxgo.ErrFunc, opts ...rxgo.Option) rxgo.Disposed {
	return o.upstream(o.run.ctx, opts).DoOnError(errFunc, in(o.run.ctx, opts)...)
}
func (o observable) DoOnNext(nextFunc rxgo.NextFunc, opts ...rxgo.Option) rxgo.Disposed {
	return o.upstream(o.run.ctx, opts).DoOnNext(nextFunc, in(o.run.ctx, opts)...)
}
func (o observable) Error(opts ...rxgo.Option) error {
	return o.upstream(o.run.ctx, opts).Error(in(o.run.ctx, opts)...)
}
func (o observable) Errors(opts ...rxgo.Option) []error {
	return o.upstream(o.run.ctx, opts).Errors(in(o.run.ctx, opts)...)
}
func (o observable) ForEach(nextFunc rxgo.NextFunc, errFunc rxgo.ErrFunc, completedFunc rxgo.CompletedFunc, opts ...rxgo.Option) rxgo.Disposed {
	return o.upstream(o.run.ctx, opts).ForEach(nextFunc, errFunc, completedFunc, in(o.run.ctx, opts)...)
}
func (o observable) Run(opts ...rxgo.Option) rxgo.Disposed {
	return o.upstream(o.run.ctx, opts).Run(in(o.run.ctx, opts)...)
}
func (o observable) Send(output chan<- rxgo.Item, opts ...rxgo.Option) {
	o.upstream(o.run.ctx, opts).Send(output, in(o.run.ctx, opts)...)
}
func (o observable) ToSlice(initialCapacity int, opts ...rxgo.Option) ([]any, error) {
	return o.upstream(o.run.ctx, opts).ToSlice(initialCapacity, in(o.run.ctx, opts)...)
}

// backOff is a policy with a context that ends the waits.
type backOff struct {
	backoff.BackOff
	ctx context.Context
}

func (b backOff) Context() context.Context { return b.ctx }

// backOff returns policy with a context that ends with the run or with policy's own context.
func (r *run) backOff(policy backoff.BackOff) backoff.BackOff {
	ctx := context.Background()
	if own, ok := policy.(backoff.BackOffContext); ok {
		ctx = own.Context()
	}
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(r.ctx, cancel)
	return backOff{policy, ctx}
}
