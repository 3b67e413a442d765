package main

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/destel/rill"
	"github.com/reactivex/rxgo/v2"
	"github.com/reugn/go-streams"
	"github.com/reugn/go-streams/flow"
	"github.com/samber/ro"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// All contenders call these functions.
var (
	triple    = func(e int) int { return 3 * e }
	increment = func(e int) int { return e + 1 }
	isEven    = func(e int) bool { return e%2 == 0 }
	add       = func(a, e int) int { return a + e }
	mix       = func(a, e int) int { return 31*a + e } // depends on the order
	same      = func(es []int) []int { return es }
	count     = func(n int) (e, next int, ok bool) { return n, n + 1, true }

	tripleKey = func(r record) record { r.key *= 3; return r }
	isEvenKey = func(r record) bool { return r.key%2 == 0 }
	addKey    = func(a int, r record) int { return a + r.key }
)

// record is an element of 160 bytes.
type record struct {
	key int
	_   [19]int
}

var jobs = []job{
	{"map, filter, fold", "int", mapFilterFold(ints, triple, isEven, add)},
	{"ten maps, fold", "int", tenMaps},
	{"take 10 of an endless source", "run", takeTen},
	{"flatten 1,000 x 100", "int", flatten},
	{"group by 100, sum", "int", group},
	{"map, four at once", "int", mapConcurrent(false, 20_000, triple)},
	{"map, four at once, in order", "int", mapConcurrent(true, 20_000, triple)},
	{"hash, four at once, in order", "int", mapConcurrent(true, 2_000, hash)},
	{"lines of 64 MiB", "line", lines},
	{"search 64 MiB", "KiB", search},
	{"structs of 160 bytes: map, filter, fold", "struct", mapFilterFold(records, tripleKey, isEvenKey, addKey)},
}

func scaled(n int, size float64) int { return max(1, int(float64(n)*size)) }

func ints(n int) []int {
	es := make([]int, n)
	for i := range es {
		es[i] = i
	}
	return es
}

func records(n int) []record {
	es := make([]record, n)
	for i := range es {
		es[i].key = i
	}
	return es
}

func ours[E any](e enumerator.Enumerator[E], f func(int, E) int) contender {
	consumer := iteratee.Fold(0, f)
	return contender{halley, func() int {
		a, err := enumerator.Run(context.Background(), e, consumer)
		must(err)
		return a
	}}
}

func mapFilterFold[E any](elements func(n int) []E, f func(E) E, keep func(E) bool, fold func(int, E) int) func(float64, string) (int, []contender, error) {
	return func(size float64, _ string) (int, []contender, error) {
		es := elements(scaled(100_000, size))
		source := enumerator.Through(enumerator.Through(enumerator.FromSlice(es), enumeratee.Map(f)), enumeratee.Filter(keep))
		sequence := filterSeq(mapSeq(slices.Values(es), f), keep)
		observable := ro.Pipe3(ro.FromSlice(es), ro.Map(f), ro.Filter(keep), ro.Reduce(fold, 0))
		return len(es), []contender{
			ours(source, fold),
			{loop, func() (a int) {
				for _, e := range es {
					if e := f(e); keep(e) {
						a = fold(a, e)
					}
				}
				return a
			}},
			{seq, func() int { return foldSeq(sequence, 0, fold) }},
			{channels, func() int { return foldChan(filterChan(mapChan(sliceChan(es), f), keep), 0, fold) }},
			{roLib, func() int { return lastOf(observable) }},
			{rillLib, func() int { // FilterMap takes less than half the time of Map and Filter
				return foldRill(rill.FilterMap(rill.FromSlice(es, nil), 1, func(e E) (E, bool, error) {
					e = f(e)
					return e, keep(e), nil
				}), 0, fold)
			}},
			{goStreams, func() int {
				return foldStreams(sliceStreams(es).Via(flow.NewMap(f, 1)).Via(flow.NewFilter(keep, 1)).Out(), 0, fold)
			}},
			{rxGo, func() int {
				return foldRx(sliceRx(es).Map(mapRx(f), buffered).Filter(filterRx(keep), buffered), 0, fold)
			}},
		}, nil
	}
}

func tenMaps(size float64, _ string) (int, []contender, error) {
	es := ints(scaled(100_000, size))
	source := enumerator.FromSlice(es)
	sequence := slices.Values(es)
	for range 10 {
		source = enumerator.Through(source, enumeratee.Map(increment))
		sequence = mapSeq(sequence, increment)
	}
	step := ro.Map(increment)
	observable := ro.Pipe11(ro.FromSlice(es), step, step, step, step, step, step, step, step, step, step, ro.Reduce(add, 0))
	return len(es), []contender{
		ours(source, add),
		{loop, func() (a int) {
			for _, e := range es {
				for range 10 {
					e = increment(e)
				}
				a = add(a, e)
			}
			return a
		}},
		{seq, func() int { return foldSeq(sequence, 0, add) }},
		{channels, func() int {
			es := sliceChan(es)
			for range 10 {
				es = mapChan(es, increment)
			}
			return foldChan(es, 0, add)
		}},
		{roLib, func() int { return lastOf(observable) }},
		{rillLib, func() int {
			es := rill.FromSlice(es, nil)
			for range 10 {
				es = rill.Map(es, 1, func(e int) (int, error) { return increment(e), nil })
			}
			return foldRill(es, 0, add)
		}},
		{goStreams, func() int {
			var es streams.Flow = sliceStreams(es).Via(flow.NewMap(increment, 1))
			for range 9 {
				es = es.Via(flow.NewMap(increment, 1))
			}
			return foldStreams(es.Out(), 0, add)
		}},
		{rxGo, func() int {
			es := sliceRx(es)
			for range 10 {
				es = es.Map(mapRx(increment), buffered)
			}
			return foldRx(es, 0, add)
		}},
	}, nil
}

// takeTen leaves go-streams out: it has no Take and cannot be stopped.
func takeTen(float64, string) (int, []contender, error) {
	source := enumerator.Through(enumerator.Unfold(0, count), enumeratee.Take[int](10))
	sequence := takeSeq(func(yield func(int) bool) {
		for e, n, ok := count(0); ok && yield(e); e, n, ok = count(n) {
		}
	}, 10)
	// ro's Take cannot stop a source that sends within Subscribe.
	observable := ro.Pipe2(ro.NewObservableWithContext(func(ctx context.Context, to ro.Observer[int]) ro.Teardown {
		ctx, cancel := context.WithCancel(ctx)
		go sendUntil(ctx, func(e int) { to.NextWithContext(ctx, e) })
		return ro.Teardown(cancel)
	}), ro.Take[int](10), ro.Reduce(add, 0))
	return 1, []contender{
		ours(source, add),
		{loop, func() (a int) {
			for i, s := 0, 0; i < 10; i++ {
				e, next, _ := count(s)
				a, s = add(a, e), next
			}
			return a
		}},
		{seq, func() int { return foldSeq(sequence, 0, add) }},
		{channels, func() int {
			return endless(func(ctx context.Context, produce func(func(int))) (a int) {
				es := stage(func(out chan<- int) {
					produce(func(e int) {
						select {
						case out <- e:
						case <-ctx.Done():
						}
					})
				})
				for range 10 {
					a = add(a, <-es)
				}
				return a
			})
		}},
		{roLib, func() int { return lastOf(observable) }},
		{rillLib, func() int {
			return endless(func(_ context.Context, produce func(func(int))) (a int) {
				n := 0
				for e, err := range rill.ToSeq2(rill.Generate(func(send func(int), _ func(error)) { produce(send) })) {
					must(err)
					a = add(a, e)
					if n++; n == 10 {
						break
					}
				}
				return a
			})
		}},
		{rxGo, func() int { // without a context that ends, Take would leave its source blocked
			return endless(func(ctx context.Context, produce func(func(int))) int {
				producer := func(ctx context.Context, next chan<- rxgo.Item) {
					produce(func(e int) { rxgo.Of(e).SendContext(ctx, next) })
				}
				return foldRx(rxgo.Defer([]rxgo.Producer{producer}, rxgo.WithContext(ctx), buffered).
					Take(10, rxgo.WithContext(ctx), buffered), 0, add)
			})
		}},
	}, nil
}

// endless calls use with an endless source, which runs in another goroutine. Then it ends
// the source and waits for its end, so that no run pays for the one before.
func endless(use func(ctx context.Context, produce func(send func(int))) int) int {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	a := use(ctx, func(send func(int)) {
		defer close(ended)
		sendUntil(ctx, send)
	})
	cancel()
	<-ended
	return a
}

func sendUntil(ctx context.Context, send func(int)) {
	for e, n, ok := count(0); ok && ctx.Err() == nil; e, n, ok = count(n) {
		send(e)
	}
}

func takeSeq[E any](es iter.Seq[E], n int) iter.Seq[E] {
	return func(yield func(E) bool) {
		left := n
		for e := range es {
			if left--; !yield(e) || left == 0 {
				return
			}
		}
	}
}

func flatten(size float64, _ string) (int, []contender, error) {
	es := ints(scaled(1_000, size) * 100)
	groups := slices.Collect(slices.Chunk(es, 100))
	source := enumerator.Through(enumerator.FromSlice(groups), enumeratee.MapConcat(same))
	sequence := func(yield func(int) bool) {
		for _, group := range groups {
			for _, e := range same(group) {
				if !yield(e) {
					return
				}
			}
		}
	}
	observable := ro.Pipe3(ro.FromSlice(groups), ro.Map(same), ro.Flatten[int](), ro.Reduce(add, 0))
	return len(es), []contender{
		ours(source, add),
		{loop, func() (a int) {
			for _, group := range groups {
				for _, e := range same(group) {
					a = add(a, e)
				}
			}
			return a
		}},
		{seq, func() int { return foldSeq(sequence, 0, add) }},
		{channels, func() int {
			in := sliceChan(groups)
			return foldChan(stage(func(out chan<- int) {
				for group := range in {
					for _, e := range same(group) {
						out <- e
					}
				}
			}), 0, add)
		}},
		{roLib, func() int { return lastOf(observable) }},
		{rillLib, func() int { // FlatMap takes half the time of Unbatch
			return foldRill(rill.FlatMap(rill.FromSlice(groups, nil), 1, func(group []int) <-chan rill.Try[int] {
				return rill.FromSlice(same(group), nil)
			}), 0, add)
		}},
		{goStreams, func() int {
			return foldStreams(sliceStreams(groups).Via(flow.NewFlatMap(same, 1)).Out(), 0, add)
		}},
		{rxGo, func() int {
			return foldRx(sliceRx(groups).FlatMap(func(group rxgo.Item) rxgo.Observable {
				return sliceRx(same(group.V.([]int)))
			}, buffered), 0, add)
		}},
	}, nil
}

func group(size float64, _ string) (int, []contender, error) {
	es := ints(scaled(100_000, size))
	sum := func(group []int) (a int) {
		for _, e := range group {
			a = add(a, e)
		}
		return a
	}
	source := enumerator.Through(enumerator.FromSlice(es),
		enumeratee.Grouped(enumeratee.Transform(enumeratee.Take[int](100), iteratee.Fold(0, add))))
	sequence := func(yield func(int) bool) {
		n, a := 0, 0
		for e := range slices.Values(es) {
			a = add(a, e)
			if n++; n%100 == 0 {
				if !yield(a) {
					return
				}
				a = 0
			}
		}
		if n%100 > 0 {
			yield(a)
		}
	}
	observable := ro.Pipe3(ro.FromSlice(es), ro.BufferWithCount[int](100), ro.Map(sum), ro.Reduce(mix, 0))
	return len(es), []contender{
		ours(source, mix),
		{loop, func() (a int) {
			for group := range slices.Chunk(es, 100) {
				a = mix(a, sum(group))
			}
			return a
		}},
		{seq, func() int { return foldSeq(sequence, 0, mix) }},
		{channels, func() int {
			in := sliceChan(es)
			return foldChan(stage(func(out chan<- int) {
				n, a := 0, 0
				for e := range in {
					a = add(a, e)
					if n++; n%100 == 0 {
						out <- a
						a = 0
					}
				}
				if n%100 > 0 {
					out <- a
				}
			}), 0, mix)
		}},
		{roLib, func() int { return lastOf(observable) }},
		{rillLib, func() int {
			return foldRill(rill.Map(rill.Batch(rill.FromSlice(es, nil), 100, -1), 1, func(group []int) (int, error) {
				return sum(group), nil
			}), 0, mix)
		}},
		{goStreams, func() int {
			return foldStreams(sliceStreams(es).Via(flow.NewBatch[int](100, time.Minute)).Via(flow.NewMap(sum, 1)).Out(), 0, mix)
		}},
		{rxGo, func() int {
			sumAny := func(group []any) (a int) {
				for _, e := range group {
					a = add(a, e.(int))
				}
				return a
			}
			return foldRx(sliceRx(es).BufferWithCount(100, buffered).Map(mapRx(sumAny), buffered), 0, mix)
		}},
	}, nil
}
