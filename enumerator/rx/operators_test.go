package rx_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/reactivex/rxgo/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/rx"
	"github.com/halley-go/halley/iteratee"
)

var errBoom = errors.New("boom")

// A chain is applied by Lift and by RxGo alone. The options hold a context, which only RxGo alone
// needs.
type (
	chain      = func(o observable, opts ...option) iterable
	observable = rxgo.Observable
	iterable   = rxgo.Iterable
	option     = rxgo.Option
)

// in is the input of each chain, one element a second.
var in = []any{1, 2, 2, 5, 4, 3, 7}

// second is longer than a second, so that it never ends at the same time as one.
var second = rxgo.WithDuration(1700 * time.Millisecond)

func same(_ context.Context, v any) (any, error) { return v, nil }

func failAt5(_ context.Context, v any) (any, error) {
	if v == 5 {
		return nil, errBoom
	}
	return v, nil
}

func plus(_ context.Context, a, b any) (any, error) {
	if a == nil {
		return b, nil
	}
	return a.(int) + b.(int), nil
}

func small(v any) bool     { return v.(int) < 5 }
func compare(a, b any) int { return cmp.Compare(a.(int), b.(int)) }
func number(v any) int     { return v.(int) }
func at(v any) time.Time   { return time.Unix(int64(v.(int)), 0) }
func always(error) bool    { return true }

// parity returns the group of an item, which may be an error.
func parity(item rxgo.Item) int {
	if item.E != nil {
		return 0
	}
	return item.V.(int) % 2
}

// twice emits each value twice, and an error once.
func twice(item rxgo.Item) rxgo.Observable {
	if item.E != nil {
		return rxgo.Thrown(item.E)
	}
	return rxgo.Just(item.V, item.V)()
}

// whole collects an Observable that another has emitted into one item.
func whole(item rxgo.Item) rxgo.Observable {
	return item.V.(rxgo.Observable).BufferWithCount(100)
}

// as converts each element.
func as[E any](convert func(int) E) rxgo.Func {
	return func(_ context.Context, v any) (any, error) { return convert(v.(int)), nil }
}

// sending returns the Observable of the values that f sends. It is for methods that do not return an
// Observable.
func sending(opts []rxgo.Option, f func(send func(any))) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		f(func(v any) { rxgo.Of(v).SendContext(ctx, next) })
	}}, opts...)
}

// operators holds the methods of rxgo.Observable, each with the chains that test it.
var operators = map[string][]chain{
	"All": {
		func(o observable, opts ...option) iterable { return o.All(small, opts...) },
		func(o observable, opts ...option) iterable {
			return o.All(func(any) bool { return true }, opts...)
		},
	},
	"AverageFloat32": {func(o observable, opts ...option) iterable { return o.AverageFloat32(opts...) }},
	"AverageFloat64": {func(o observable, opts ...option) iterable { return o.AverageFloat64(opts...) }},
	"AverageInt":     {func(o observable, opts ...option) iterable { return o.AverageInt(opts...) }},
	"AverageInt8": {
		func(o observable, opts ...option) iterable {
			return o.Map(as(func(n int) int8 { return int8(n) }), opts...).AverageInt8(opts...)
		},
		func(o observable, opts ...option) iterable { return o.AverageInt8(opts...) }, // fails
	},
	"AverageInt16": {func(o observable, opts ...option) iterable {
		return o.Map(as(func(n int) int16 { return int16(n) }), opts...).AverageInt16(opts...)
	}},
	"AverageInt32": {func(o observable, opts ...option) iterable {
		return o.Map(as(func(n int) int32 { return int32(n) }), opts...).AverageInt32(opts...)
	}},
	"AverageInt64": {func(o observable, opts ...option) iterable {
		return o.Map(as(func(n int) int64 { return int64(n) }), opts...).AverageInt64(opts...)
	}},
	"BackOffRetry": {
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).BackOffRetry(backoff.WithMaxRetries(backoff.NewConstantBackOff(time.Second/4), 2), opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).BackOffRetry(&backoff.StopBackOff{}, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.BackOffRetry(backoff.WithMaxRetries(backoff.NewConstantBackOff(time.Second/4), 2), opts...)
		},
	},
	"BufferWithCount": {func(o observable, opts ...option) iterable { return o.BufferWithCount(3, opts...) }},
	"BufferWithTime":  {func(o observable, opts ...option) iterable { return o.BufferWithTime(second, opts...) }},
	"BufferWithTimeOrCount": {
		func(o observable, opts ...option) iterable {
			return o.BufferWithTimeOrCount(rxgo.WithDuration(3300*time.Millisecond), 2, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.BufferWithTimeOrCount(second, 3, opts...)
		},
	},
	"Contains": {func(o observable, opts ...option) iterable {
		return o.Contains(func(v any) bool { return v == 5 }, opts...)
	}},
	"Count": {func(o observable, opts ...option) iterable { return o.Count(opts...) }},
	"Debounce": {func(o observable, opts ...option) iterable {
		return o.Debounce(rxgo.WithDuration(time.Second/2), opts...)
	}},
	"DefaultIfEmpty": {
		func(o observable, opts ...option) iterable { return o.DefaultIfEmpty(0, opts...) },
		func(o observable, opts ...option) iterable {
			return o.Skip(100, opts...).DefaultIfEmpty(0, opts...)
		},
	},
	"Distinct": {func(o observable, opts ...option) iterable { return o.Distinct(same, opts...) }},
	"DistinctUntilChanged": {func(o observable, opts ...option) iterable {
		return o.DistinctUntilChanged(same, opts...)
	}},
	"DoOnCompleted": {func(o observable, opts ...option) iterable {
		return sending(opts, func(send func(any)) { <-o.DoOnCompleted(func() { send("completed") }, opts...) })
	}},
	"DoOnError": {func(o observable, opts ...option) iterable {
		return sending(opts, func(send func(any)) {
			<-o.Map(failAt5, opts...).DoOnError(func(err error) { send(err.Error()) }, opts...)
		})
	}},
	"DoOnNext": {func(o observable, opts ...option) iterable {
		return sending(opts, func(send func(any)) { <-o.DoOnNext(send, opts...) })
	}},
	"ElementAt": {
		func(o observable, opts ...option) iterable { return o.ElementAt(2, opts...) },
		func(o observable, opts ...option) iterable { return o.ElementAt(100, opts...) }, // fails
	},
	"Error": {func(o observable, opts ...option) iterable {
		return sending(opts, func(send func(any)) { send(fmt.Sprint(o.Map(failAt5, opts...).Error(opts...))) })
	}},
	"Errors": {func(o observable, opts ...option) iterable {
		return sending(opts, func(send func(any)) { send(fmt.Sprint(o.Map(failAt5, opts...).Errors(opts...))) })
	}},
	"Filter": {func(o observable, opts ...option) iterable { return o.Filter(small, opts...) }},
	"Find": {
		func(o observable, opts ...option) iterable {
			return o.Find(func(v any) bool { return v == 5 }, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.Find(func(v any) bool { return v == 0 }, opts...)
		},
	},
	"First":          {func(o observable, opts ...option) iterable { return o.First(opts...) }},
	"FirstOrDefault": {func(o observable, opts ...option) iterable { return o.FirstOrDefault(0, opts...) }},
	"FlatMap": {
		func(o observable, opts ...option) iterable {
			return o.FlatMap(twice, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.FlatMap(func(item rxgo.Item) rxgo.Observable { return rxgo.Range(0, 1e9) }, opts...).Take(5, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.FlatMap(func(item rxgo.Item) rxgo.Observable { return o.Take(2, opts...) }, opts...)
		},
	},
	"ForEach": {func(o observable, opts ...option) iterable {
		return sending(opts, func(send func(any)) {
			<-o.ForEach(send, func(err error) { send(err.Error()) }, func() { send("completed") }, opts...)
		})
	}},
	"GroupBy": {
		func(o observable, opts ...option) iterable {
			return o.GroupBy(2, parity, append(opts, rxgo.WithBufferedChannel(100))...).FlatMap(whole, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.GroupBy(2, func(item rxgo.Item) int { return 5 * parity(item) }, append(opts, rxgo.WithBufferedChannel(100))...).FlatMap(whole, opts...) // fails
		},
	},
	"GroupByDynamic": {func(o observable, opts ...option) iterable {
		key := func(item rxgo.Item) string { return fmt.Sprint(parity(item)) }
		return o.GroupByDynamic(key, append(opts, rxgo.WithBufferedChannel(100))...).FlatMap(func(item rxgo.Item) rxgo.Observable {
			group := item.V.(rxgo.GroupedObservable)
			return group.BufferWithCount(100).Map(func(_ context.Context, v any) (any, error) { return fmt.Sprint(group.Key, v), nil })
		}, opts...)
	}},
	"IgnoreElements": {func(o observable, opts ...option) iterable { return o.IgnoreElements(opts...) }},
	"Join": {func(o observable, opts ...option) iterable {
		pair := func(_ context.Context, a, b any) (any, error) { return fmt.Sprint(a, b), nil }
		right := rxgo.Just(1, 2, 4, 8, 9, 10)(opts...)
		return o.Join(pair, right, at, rxgo.WithDuration(time.Second), opts...)
	}, func(o observable, opts ...option) iterable {
		pair := func(_ context.Context, a, b any) (any, error) { return fmt.Sprint(a, b), nil }
		return o.Join(pair, o.Map(same, opts...), at, rxgo.WithDuration(time.Second), opts...)
	}},
	"Last":          {func(o observable, opts ...option) iterable { return o.Last(opts...) }},
	"LastOrDefault": {func(o observable, opts ...option) iterable { return o.LastOrDefault(0, opts...) }},
	"Map": {
		func(o observable, opts ...option) iterable {
			return o.Map(as(func(n int) int { return 3 * n }), opts...)
		},
		func(o observable, opts ...option) iterable { return o.Map(failAt5, opts...) },
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, append(opts, rxgo.WithErrorStrategy(rxgo.ContinueOnError))...)
		},
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, append(opts, rxgo.WithBufferedChannel(3))...).Map(same, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, append(opts, rxgo.WithObservationStrategy(rxgo.Eager))...)
		},
		func(o observable, opts ...option) iterable { // the Observable is cold, so nothing has to connect it
			return o.Map(failAt5, append(opts, rxgo.WithPublishStrategy())...)
		},
	},
	"Marshal": {func(o observable, opts ...option) iterable { return o.Marshal(json.Marshal, opts...) }},
	"Max":     {func(o observable, opts ...option) iterable { return o.Max(compare, opts...) }},
	"Min":     {func(o observable, opts ...option) iterable { return o.Min(compare, opts...) }},
	"Observe": {func(o observable, opts ...option) iterable {
		return rxgo.FromChannel(o.Observe(opts...), opts...)
	}, func(o observable, opts ...option) iterable {
		return rxgo.Concat([]rxgo.Observable{o.Take(2, opts...), o, o.Map(same, opts...)}, opts...)
	}},
	"OnErrorResumeNext": {
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).OnErrorResumeNext(func(err error) rxgo.Observable { return rxgo.Just(err.Error(), 0)() }, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.OnErrorResumeNext(func(err error) rxgo.Observable { return o.OnErrorReturnItem(err.Error(), opts...) }, opts...)
		},
	},
	"OnErrorReturn": {
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).OnErrorReturn(func(err error) any { return err.Error() }, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.OnErrorReturn(func(err error) any { return err.Error() }, opts...)
		},
	},
	"OnErrorReturnItem": {
		func(o observable, opts ...option) iterable { return o.OnErrorReturnItem(99, opts...) },
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).OnErrorReturnItem(0, opts...)
		},
		func(o observable, opts ...option) iterable { // the option also counts for the operators before
			return o.Map(failAt5, opts...).Filter(small, opts...).
				OnErrorReturnItem(0, append(opts, rxgo.WithErrorStrategy(rxgo.ContinueOnError))...)
		},
	},
	"Reduce": {
		func(o observable, opts ...option) iterable { return o.Reduce(plus, opts...) },
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).Reduce(plus, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.Reduce(plus, opts...).Map(same, opts...).Map(as(func(n int) int { return -n }), opts...)
		},
	},
	"Repeat": {
		func(o observable, opts ...option) iterable { return o.Repeat(2, second, opts...) },
		func(o observable, opts ...option) iterable {
			return o.Repeat(rxgo.Infinite, nil, opts...).Take(20, opts...)
		},
	},
	"Retry": {
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).Retry(3, always, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).Retry(0, always, opts...)
		},
		func(o observable, opts ...option) iterable { return o.Retry(2, always, opts...) },
		func(o observable, opts ...option) iterable {
			return o.Retry(2, func(error) bool { return false }, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.Retry(1, always, opts...).Retry(1, always, opts...)
		},
		func(o observable, opts ...option) iterable { // the items of the first attempt are gone before the second
			return o.BufferWithCount(2, opts...).Retry(2, always, append(opts, rxgo.WithBufferedChannel(3))...)
		},
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).Retry(1, always, append(opts, rxgo.WithErrorStrategy(rxgo.ContinueOnError))...)
		},
		func(o observable, opts ...option) iterable { // an operator that starts at once is not started again
			return o.Map(failAt5, append(opts, rxgo.WithObservationStrategy(rxgo.Eager))...).Retry(2, always, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.StartWith(rxgo.Just(8, 9)(), opts...).Map(failAt5, opts...).Retry(1, always, opts...)
		},
	},
	"Run": {func(o observable, opts ...option) iterable {
		return sending(opts, func(send func(any)) { <-o.Run(opts...); send("completed") })
	}},
	"Sample": {func(o observable, opts ...option) iterable {
		clock := enumerator.Interval(1700 * time.Millisecond)
		return o.Sample(rx.ToObservable(clock), opts...)
	}},
	"Scan": {func(o observable, opts ...option) iterable { return o.Scan(plus, opts...) }},
	"Send": {func(o observable, opts ...option) iterable {
		sent := make(chan rxgo.Item)
		o.Send(sent, opts...)
		return rxgo.FromChannel(sent, opts...)
	}},
	"SequenceEqual": {
		func(o observable, opts ...option) iterable {
			return o.SequenceEqual(rx.ToObservable(slowly(time.Second)), opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.SequenceEqual(rx.ToObservable(enumerator.Interval(time.Second)), opts...)
		},
		func(o observable, opts ...option) iterable { return o.SequenceEqual(o, opts...) },
	},
	"Serialize": {
		func(o observable, opts ...option) iterable {
			return o.Distinct(same, opts...).Serialize(1, number, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.Map(failAt5, opts...).Serialize(1, number, opts...)
		},
	},
	"Skip":      {func(o observable, opts ...option) iterable { return o.Skip(2, opts...) }},
	"SkipLast":  {func(o observable, opts ...option) iterable { return o.SkipLast(2, opts...) }},
	"SkipWhile": {func(o observable, opts ...option) iterable { return o.SkipWhile(small, opts...) }},
	"StartWith": {
		func(o observable, opts ...option) iterable {
			return o.StartWith(rxgo.Just(8, 9)(), opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.StartWith(rxgo.Thrown(errBoom), opts...)
		},
		func(o observable, opts ...option) iterable { return o.StartWith(o.Map(same, opts...), opts...) },
		func(o observable, opts ...option) iterable { // each observer gets the items that the one before has left
			o = o.StartWith(rxgo.Just(8, 9)(), opts...)
			return rxgo.Concat([]rxgo.Observable{o.Take(2, opts...), o.Take(1, opts...), o}, opts...)
		},
		func(o observable, opts ...option) iterable {
			return o.Map(same, opts...).Map(same, opts...).StartWith(rxgo.Just(8, 9)(), opts...).Take(3, opts...).Map(same, opts...)
		},
	},
	"SumFloat32": {func(o observable, opts ...option) iterable { return o.SumFloat32(opts...) }},
	"SumFloat64": {func(o observable, opts ...option) iterable { return o.SumFloat64(opts...) }},
	"SumInt64":   {func(o observable, opts ...option) iterable { return o.SumInt64(opts...) }},
	"Take": {
		func(o observable, opts ...option) iterable { return o.Take(3, opts...) },
		func(o observable, opts ...option) iterable { return o.Take(0, opts...) },
	},
	"TakeLast": {func(o observable, opts ...option) iterable { return o.TakeLast(3, opts...) }},
	"TakeUntil": {func(o observable, opts ...option) iterable {
		return o.TakeUntil(func(v any) bool { return v == 5 }, opts...)
	}},
	"TakeWhile":    {func(o observable, opts ...option) iterable { return o.TakeWhile(small, opts...) }},
	"TimeInterval": {func(o observable, opts ...option) iterable { return o.TimeInterval(opts...) }},
	"Timestamp": {func(o observable, opts ...option) iterable {
		start := time.Now()
		return o.Timestamp(opts...).Map(func(_ context.Context, v any) (any, error) {
			item := v.(rxgo.TimestampItem)
			return fmt.Sprint(item.V, " after ", item.Timestamp.Sub(start)), nil
		}, opts...)
	}},
	"ToMap": {func(o observable, opts ...option) iterable { return o.ToMap(same, opts...) }},
	"ToMapWithValueSelector": {func(o observable, opts ...option) iterable {
		return o.ToMapWithValueSelector(same, as(func(n int) string { return fmt.Sprint(n) }), opts...)
	}},
	"ToSlice": {func(o observable, opts ...option) iterable {
		return sending(opts, func(send func(any)) {
			all, err := o.ToSlice(0, opts...)
			send(fmt.Sprint(all, err))
		})
	}},
	"Unmarshal": {func(o observable, opts ...option) iterable {
		return o.Marshal(json.Marshal, opts...).Unmarshal(json.Unmarshal, func() any { return new(int) }, opts...)
	}},
	"WindowWithCount": {func(o observable, opts ...option) iterable {
		return o.WindowWithCount(3, opts...).FlatMap(whole, opts...)
	}},
	"WindowWithTime": {func(o observable, opts ...option) iterable {
		return o.WindowWithTime(second, opts...).FlatMap(whole, opts...)
	}},
	"WindowWithTimeOrCount": {func(o observable, opts ...option) iterable {
		return o.WindowWithTimeOrCount(rxgo.WithDuration(3300*time.Millisecond), 2, opts...).FlatMap(whole, opts...)
	}},
	"ZipFromIterable": {func(o observable, opts ...option) iterable {
		return o.ZipFromIterable(rxgo.Range(10, 1e6), plus, opts...)
	}, func(o observable, opts ...option) iterable {
		return o.ZipFromIterable(o.Map(same, opts...), plus, opts...)
	}},
}

// exceptions holds the methods without a result to compare.
var exceptions = map[string]string{
	"Connect": "it starts an Observable with rxgo.WithPublishStrategy, which Lift's does not have; it has no result",
}

func TestEveryOperatorIsTested(t *testing.T) {
	observable := reflect.TypeFor[rxgo.Observable]()
	var names []string
	for i := range observable.NumMethod() {
		names = append(names, observable.Method(i).Name)
	}
	tested := slices.Concat(slices.Collect(maps.Keys(operators)), slices.Collect(maps.Keys(exceptions)))
	assert.ElementsMatch(t, names, tested)
}

// forEachChain runs f with each chain, in a bubble that fails if a goroutine is left in it.
func forEachChain(t *testing.T, f func(t *testing.T, c chain)) {
	for _, name := range slices.Sorted(maps.Keys(operators)) {
		for i, c := range operators[name] {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { f(t, c) })
			})
		}
	}
}

// slowly returns the source of in, which waits before each element.
func slowly(wait time.Duration) enumerator.Enumerator[any] {
	return (&script{es: in}).enumerator(wait)
}

// alone returns the result of RxGo alone: the items until the first error, and that error.
func alone(s *script, wait time.Duration, c chain) (got []any, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	for item := range c(s.observable(ctx, wait), rxgo.WithContext(ctx)).Observe(rxgo.WithContext(ctx)) {
		if err == nil && item.E == nil {
			got = append(got, item.V)
		}
		err = cmp.Or(err, item.E)
	}
	cancel()
	return got, err
}

func lifted(c chain, wait time.Duration) enumerator.Enumerator[any] {
	return lift(slowly(wait), c)
}

func lift(e enumerator.Enumerator[any], c chain) enumerator.Enumerator[any] {
	return rx.Lift[any](e, func(o rxgo.Observable) rxgo.Iterable { return c(o) })
}

// seen runs e and returns the elements, even if the run failed.
func seen[E any](ctx context.Context, e enumerator.Enumerator[E], after func(n int) (bool, error)) (got []E, err error) {
	_, err = enumerator.Run(ctx, e, iteratee.FoldUntil(0, func(_ context.Context, n int, e E) (int, bool, error) {
		got = append(got, e)
		stop, err := after(n + 1)
		return n + 1, stop, err
	}))
	return got, err
}

func all(int) (bool, error) { return false, nil }

func TestEveryOperatorAnswersAsRxGoDoes(t *testing.T) {
	forEachChain(t, func(t *testing.T, c chain) {
		var want, got []any
		var wantErr, err error
		start := time.Now()
		want, wantErr = alone(&script{es: in}, time.Second, c)
		took := time.Since(start)
		synctest.Wait()
		for range 2 {
			start = time.Now()
			got, err = seen(t.Context(), lifted(c, time.Second), all)
			require.Equal(t, want, got)
			require.Equal(t, wantErr, err)
			require.LessOrEqual(t, time.Since(start), took)
		}
	})
}

// ways holds the ways to abandon a run after an element.
var ways = map[string]func(cancel context.CancelCauseFunc) (stop bool, err error){
	"done":   func(context.CancelCauseFunc) (bool, error) { return true, nil },
	"error":  func(context.CancelCauseFunc) (bool, error) { return false, errBoom },
	"cancel": func(cancel context.CancelCauseFunc) (bool, error) { cancel(errBoom); return false, nil },
	"panic":  func(context.CancelCauseFunc) (bool, error) { panic(errBoom) },
}

// abandon runs e, abandons the run at element n if e has that many, and checks the error.
func abandon(t *testing.T, e enumerator.Enumerator[any], n int, way string) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	reached := false
	run := func() ([]any, error) {
		return seen(ctx, e, func(i int) (bool, error) {
			if i < n {
				return false, nil
			}
			require.False(t, reached, "it goes on")
			reached = true
			return ways[way](cancel)
		})
	}
	if way == "panic" {
		defer func() {
			if v := recover(); reached {
				require.Equal(t, any(errBoom), v)
			} else {
				require.Nil(t, v)
			}
		}()
	}
	_, err := run()
	switch {
	case !reached:
	case way == "done":
		require.NoError(t, err)
	default:
		require.ErrorIs(t, err, errBoom)
	}
}

func TestEveryOperatorEndsWhenItsConsumerDoes(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Second} {
		forEachChain(t, func(t *testing.T, c chain) {
			if wait == 0 && strings.Contains(t.Name(), "SequenceEqual") {
				t.Skip("RxGo's goroutine spins until the longer one has completed, which stops the clock")
			}
			for way := range ways {
				for n := 1; n <= len(in)+2; n++ {
					start := time.Now()
					abandon(t, lifted(c, wait), n, way)
					require.LessOrEqual(t, time.Since(start), 20*time.Second)
				}
			}
		})
	}
}

func TestEveryOperatorEndsWithItsContext(t *testing.T) {
	forEachChain(t, func(t *testing.T, c chain) {
		// The source waits for ever after its elements. No element comes after the end of the context.
		source := slowly(time.Second).AndThen(enumerator.FromChan(make(chan any)))
		for limit := time.Second / 4; limit < 8*time.Second; limit += time.Second / 2 {
			ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errBoom)
			start := time.Now()
			_, err := seen(ctx, lift(source, c), all)
			if took := time.Since(start); took >= limit {
				require.ErrorIs(t, err, errBoom)
				if !strings.Contains(t.Name(), "Repeat0") { // Repeat sleeps between two rounds, even if its context ends
					require.Equal(t, limit, took)
				}
			}
			cancel()
		}
	})
}

// Chains combine operators at random.
func TestChainsAnswerAsRxGoDoesAndEnd(t *testing.T) {
	links := map[string]chain{
		"Map": func(o observable, opts ...option) iterable {
			return o.Map(as(func(n int) int { return n + 1 }), opts...)
		},
		"failing Map":          func(o observable, opts ...option) iterable { return o.Map(failAt5, opts...) },
		"Filter":               func(o observable, opts ...option) iterable { return o.Filter(small, opts...) },
		"Take":                 func(o observable, opts ...option) iterable { return o.Take(3, opts...) },
		"TakeWhile":            func(o observable, opts ...option) iterable { return o.TakeWhile(small, opts...) },
		"Skip":                 func(o observable, opts ...option) iterable { return o.Skip(2, opts...) },
		"TakeLast":             func(o observable, opts ...option) iterable { return o.TakeLast(2, opts...) },
		"Scan":                 func(o observable, opts ...option) iterable { return o.Scan(plus, opts...) },
		"Distinct":             func(o observable, opts ...option) iterable { return o.Distinct(same, opts...) },
		"DistinctUntilChanged": func(o observable, opts ...option) iterable { return o.DistinctUntilChanged(same, opts...) },
		"DefaultIfEmpty":       func(o observable, opts ...option) iterable { return o.DefaultIfEmpty(0, opts...) },
		"StartWith":            func(o observable, opts ...option) iterable { return o.StartWith(rxgo.Just(8, 9)(), opts...) },
		"Zip": func(o observable, opts ...option) iterable {
			return o.ZipFromIterable(rxgo.Range(10, 1e6), plus, opts...)
		},
		"Repeat":            func(o observable, opts ...option) iterable { return o.Repeat(2, nil, opts...) },
		"OnErrorReturnItem": func(o observable, opts ...option) iterable { return o.OnErrorReturnItem(6, opts...) },
		"Retry":             func(o observable, opts ...option) iterable { return o.Retry(2, always, opts...) },
		"no more":           func(o observable, opts ...option) iterable { return o.Retry(0, always, opts...) },
		"FlatMap":           func(o observable, opts ...option) iterable { return o.FlatMap(twice, opts...) },
		"windows": func(o observable, opts ...option) iterable {
			windows := opts
			if len(opts) > 0 { // otherwise RxGo alone leaves a goroutine behind when a later operator stops
				windows = append(windows, rxgo.WithBufferedChannel(2))
			}
			return o.WindowWithCount(2, windows...).FlatMap(func(item rxgo.Item) rxgo.Observable { return item.V.(rxgo.Observable) }, opts...)
		},
	}
	names := slices.Sorted(maps.Keys(links))
	rapid.Check(t, func(r *rapid.T) {
		drawn := rapid.SliceOfN(rapid.SampledFrom(names), 0, 5).Draw(r, "chain")
		for i, name := range drawn {
			if name == "Retry" && (slices.Contains(drawn[:i], "FlatMap") || slices.Contains(drawn[:i], "windows")) {
				drawn[i] = "no more" // RxGo alone closes the channel twice
			}
		}
		scripted := rapid.SampledFrom([]string{"empty", "all", "fails at once", "fails in the middle", "fails at its end"}).Draw(r, "source")
		whole := func(o observable, opts ...option) iterable {
			for _, name := range drawn {
				o = links[name](o, opts...).(observable)
			}
			return o
		}
		n := rapid.IntRange(1, 12).Draw(r, "n")
		way := rapid.SampledFrom(slices.Sorted(maps.Keys(ways))).Draw(r, "way")
		synctest.Test(t, func(t *testing.T) {
			reference, source := scripts[scripted](), scripts[scripted]()
			want, wantErr := alone(reference, 0, whole)
			got, err := seen(t.Context(), lift(source.enumerator(0), whole), all)
			assert.Equal(r, want, got)
			assert.Equal(r, wantErr, err)
			abandon(t, lift(source.enumerator(0), whole), n, way)
			assert.Zero(r, source.open.Load())
		})
	})
}
