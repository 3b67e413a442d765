package marbles

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

type (
	stream = enumerator.Enumerator[string]
	pair   = iteratee.Pair[string, string]
)

func upper(e string) string                { return strings.ToUpper(e) }
func isLower(e string) bool                { return e == strings.ToLower(e) }
func below(n string) func(string) bool     { return func(e string) bool { return e < n } }
func join(a, e string) string              { return a + e }
func newest(_, e string) string            { return e }
func same(e string) string                 { return e }
func twice(e string) []string              { return []string{e, e} }
func total(a pair) string                  { return a.First + a.Second }
func ticks(n int) time.Duration            { return time.Duration(n) * tick }
func named(t time.Time) string             { return "t" }
func or[E any](e E) func(error) (E, error) { return func(error) (E, error) { return e, nil } }

// late returns its element in upper case: a after 9 units of time, b after 2, and c after 3.
func late(ctx context.Context, e string) (string, error) {
	times := map[string]int{"a": 9, "b": 2, "c": 3}
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-time.After(ticks(times[e])):
		return upper(e), nil
	}
}

// fails returns an error for the element "x".
func fails(_ context.Context, e string) (string, error) {
	if e == "x" {
		return "", errFailed
	}
	return upper(e), nil
}

// inner returns a source of e and of e in upper case, which come 3 and 8 units of time after its start.
func inner(e string) stream {
	after := func(d int, label string) stream {
		return enumerator.Map(enumerator.Timer(ticks(d)), func(time.Time) string { return label })
	}
	return after(3, e).AndThen(after(5, upper(e)))
}

// two shows an operator of the sources "a" and "b".
func two[E any](f func(a, b stream) enumerator.Enumerator[E]) func(l *lab) error {
	return sources(func(l *lab) enumerator.Enumerator[E] { return f(l.source("a"), l.source("b")) })
}

// one shows an operator of the source "in".
func one[E any](f func(in stream) enumerator.Enumerator[E]) func(l *lab) error {
	return sources(func(l *lab) enumerator.Enumerator[E] { return f(l.source("in")) })
}

// broadcast shows a Hub with two readers.
func broadcast(l *lab) error {
	hub := enumerator.Broadcast[string]()
	var runs sync.WaitGroup
	read := func(name string, at int, items enumerator.Enumerator[enumerator.Item[string]]) {
		runs.Go(func() {
			l.sleepUntil(l.ctx, at)
			_, err := enumerator.Run(l.ctx, enumerator.Values(items, nil), consumer[string](l, name))
			assert.NoError(l.t, err)
		})
	}
	late, _ := l.diagram.Line("late")
	read("live", 0, hub.Live())
	read("late", late.Start, hub.Last(2))
	_, err := enumerator.Run(l.ctx, l.source("push"), iteratee.ForEach(hub.Push))
	hub.End()
	runs.Wait()
	return err
}

// diagrams are the diagrams of the documentation.
var diagrams = []example{
	// Adapters: one element for one.
	{"enumeratee.Map", `
in   -a---b---c---|
> Map(upper)
out  -A---B---C---|
`, adapter(enumeratee.Map(upper))},
	{"enumeratee.MapM", `
in   -b=---c==--x!-c-|
> MapM(fetch)
out  ---B-----C-#
`, adapter(enumeratee.MapM(func(ctx context.Context, e string) (string, error) {
		if e == "x" {
			return "", errFailed
		}
		return late(ctx, e)
	}))},
	{"enumeratee.MapConcat", `
in   -a---b---c---|
> MapConcat(e => e, e)
out  -a,a-b,b-c,c-|
`, adapter(enumeratee.MapConcat(twice))},
	{"enumeratee.ScanLeft", `
in   -a---b---c---|
> ScanLeft("", join)
out  -a---ab--abc-|
`, adapter(enumeratee.ScanLeft("", join))},
	{"enumeratee.MapConcurrent", `
in   -a--b--c-----------|
> MapConcurrent(3, fetch)
out  ----------A,B,C----|
`, adapter(enumeratee.MapConcurrent(3, late))},
	{"enumeratee.MapConcurrentUnordered", `
in   -a--b----c---------|
> MapConcurrentUnordered(3, fetch)
out  ------B---A-C------|
`, adapter(enumeratee.MapConcurrentUnordered(3, late))},

	// Adapters that drop elements.
	{"enumeratee.Filter", `
in   -a---B---c---D---|
> Filter(isLower)
out  -a-------c-------|
`, adapter(enumeratee.Filter(isLower))},
	{"enumeratee.FilterNot", `
in   -a---B---c---D---|
> FilterNot(isLower)
out  -----B-------D---|
`, adapter(enumeratee.FilterNot(isLower))},
	{"enumeratee.FilterMap", `
in   -a---B---c---D---|
> FilterMap(e => upper(e), isLower(e))
out  -A-------C-------|
`, adapter(enumeratee.FilterMap(func(e string) (string, bool) { return upper(e), isLower(e) }))},
	{"enumeratee.Take", `
in   -1---2---3---4---|
> Take(2)
out  -1---2|
next      ----3---4---|
`, adapter(enumeratee.Take[string](2))},
	{"enumeratee.TakeWhile", `
in   -1---2---3---1---|
> TakeWhile(e < 3)
out  -1---2---|
next          3---1---|
`, adapter(enumeratee.TakeWhile(below("3")))},
	{"enumeratee.BreakE", `
in   -1---2---3---1---|
> BreakE(e >= 3)
out  -1---2---|
next          3---1---|
`, adapter(enumeratee.BreakE(func(e string) bool { return e >= "3" }))},
	{"enumeratee.Drop", `
in   -1---2---3---4---|
> Drop(2)
out  ---------3---4---|
`, adapter(enumeratee.Drop[string](2))},
	{"enumeratee.DropWhile", `
in   -1---2---3---1---|
> DropWhile(e < 3)
out  ---------3---1---|
`, adapter(enumeratee.DropWhile(below("3")))},
	{"enumeratee.TakeLast", `
in   -1---2---3---4---|
> TakeLast(2)
out  -----------------3,4|
`, adapter(enumeratee.TakeLast[string](2))},
	{"enumeratee.DropLast", `
in   -1---2---3---4---|
> DropLast(2)
out  ---------1---2---|
`, adapter(enumeratee.DropLast[string](2))},
	{"enumeratee.Distinct", `
in   -a---b---a---c---a---|
> Distinct(2, key)
out  -a---b-------c-------|
`, adapter(enumeratee.Distinct(2, same))},
	{"enumeratee.DistinctUntilChanged", `
in   -a---a---b---b---a---|
> DistinctUntilChanged()
out  -a-------b-------a---|
`, adapter(enumeratee.DistinctUntilChanged[string]())},
	{"enumeratee.DistinctUntilChangedFunc", `
in   -a---A---b---B---a---|
> DistinctUntilChangedFunc(equalFold)
out  -a-------b-------a---|
`, adapter(enumeratee.DistinctUntilChangedFunc(strings.EqualFold))},

	// Adapters that add elements or change the end.
	{"enumeratee.Heading", `
in   ------1---2---|
> Heading(a, b)
out  a,b---1---2---|
`, adapter(enumeratee.Heading("a", "b"))},
	{"enumeratee.DefaultIfEmpty", `
in   ---------|
> DefaultIfEmpty(a)
out  ---------a|
`, adapter(enumeratee.DefaultIfEmpty("a"))},
	{"enumeratee.Recover", `
in   -a---x---c---|
> Recover(MapM(fails at x), log it)
out  -A-------C---|
`, adapter(enumeratee.Recover(enumeratee.MapM(fails), func(context.Context, error, iteratee.Input[string]) error { return nil }))},

	// Adapters that make groups.
	{"enumeratee.Grouped", `
in   -a---b---c---d---e---|
> Grouped(TakeUpTo(2))
out  -----[a b]---[c d]---[e]|
`, adapter(enumeratee.Grouped(iteratee.TakeUpTo[string](2)))},
	{"enumeratee.GroupedWhile", `
in   -a-------A-------b-------c-------C--------|
> GroupedWhile(Collect(), equal fold)
out  -----------------[a A]---[b]--------------[c C]|
`, adapter(enumeratee.GroupedWhile(iteratee.Collect[string](), strings.EqualFold))},
	{"enumeratee.Sliding", `
in   -a-------b-------c-------d-------e--------|
> Sliding(3, 1)
out  -----------------[a b c]-[b c d]-[c d e]--|
`, adapter(enumeratee.Sliding[string](3, 1))},
	{"enumeratee.Pairwise", `
in   -a---b---c---d---|
> Pairwise()
out  -----ab--bc--cd--|
`, adapter(enumeratee.Compose(enumeratee.Pairwise[string](), enumeratee.Map(total)))},
	{"enumeratee.GroupedWithin", `
in   -a--b--c---------d-------|
> GroupedWithin(3, 8 units)
out  -------[a b c]-----------[d]|
`, adapter(enumeratee.GroupedWithin[string](3, ticks(8)))},
	{"enumeratee.GroupBy", `
in   -a-----b-----A-----B-----a-----|
> GroupBy(4, lower, key => Grouped(TakeUpTo(2)))
out  -------------[a A]-[b B]-------[a]|
`, adapter(enumeratee.GroupBy(4, strings.ToLower, func(string) enumeratee.Enumeratee[string, []string] {
		return enumeratee.Grouped(iteratee.TakeUpTo[string](2))
	}))},

	// Adapters with a clock.
	{"enumeratee.Debounce", `
in   -a-b-c-------d-e---------|
> Debounce(4 units)
out  ---------c---------e-----|
`, adapter(enumeratee.Debounce[string](ticks(4)))},
	{"enumeratee.Throttle", `
in   -a-b-c-------d-e---------|
> Throttle(5 units)
out  -a-----------d-----------|
`, adapter(enumeratee.Throttle[string](ticks(5)))},
	{"enumeratee.Audit", `
in   -a-b-c-------d-e---------|
> Audit(5 units)
out  ------c-----------e------|
`, adapter(enumeratee.Audit[string](ticks(5)))},
	{"enumeratee.Sample", `
in   -a-b-c-------d-e---------|
> Sample(6 units)
out  ------c-----------e------|
`, adapter(enumeratee.Sample[string](ticks(6)))},
	{"enumeratee.Delay", `
in   -a--b-----c---|
> Delay(4 units)
out  -----a--b-----c---|
`, adapter(enumeratee.Delay[string](ticks(4)))},
	{"enumeratee.Timeout", `
in   -a--b-----!-c---|
> Timeout(6 units)
out  -a--b-----#
`, adapter(enumeratee.Timeout[string](ticks(6)))},
	{"enumeratee.TimeoutFirst", `
in   -a---------b---|
> TimeoutFirst(6 units)
out  -a---------b---|
`, adapter(enumeratee.TimeoutFirst[string](ticks(6)))},

	// Adapters between a source and a slow consumer.
	{"enumeratee.PassAlong", `
in   -a=====b=====c=====|
> PassAlong()
out  -a=====b=====c=====|
`, adapter(enumeratee.PassAlong[string]())},
	{"enumeratee.Buffer", `
in   -a--b--c--d--e=--------------|
> Buffer(2)
out  -a======b======c======d======e======|
`, adapter(enumeratee.Buffer[string](2))},
	{"enumeratee.BufferOrFail", `
in   -a--b--c--d!-e-----|
> BufferOrFail(2)
out  -a========#
`, adapter(enumeratee.BufferOrFail[string](2))},
	{"enumeratee.Conflate", `
in   -a--b--c--d-----------------|
> Conflate(newest)
out  -a=======c=======d=======---|
`, adapter(enumeratee.Conflate(newest))},
	{"enumeratee.DropInputIfNotReady", `
in   -a--b--c--d-----------------|
> DropInputIfNotReady(0)
out  -a=======-d=======----------|
`, adapter(enumeratee.DropInputIfNotReady[string](0))},
	{"enumeratee.LazyAndErrIfNotReady", `
in   -a--b==!-c-----|
> LazyAndErrIfNotReady(3 units)
out  -a=====#
`, adapter(enumeratee.LazyAndErrIfNotReady[string](ticks(3)))},

	// Sources.
	{"enumerator.Interval", `
> Interval(5 units)
out  -----t----t----t---
`, func(l *lab) error {
		_, err := enumerator.Run(l.ctx, enumerator.Map(enumerator.Interval(ticks(5)), named), consumer[string](l, "out"))
		return err
	}},
	{"enumerator.Timer", `
> Timer(5 units)
out  -----t|
`, sources(func(*lab) stream { return enumerator.Map(enumerator.Timer(ticks(5)), named) })},
	{"enumerator.Enumerator.AndThen", `
a    -1---2--|
b            ---3---4---|
> a.AndThen(b)
out  -1---2-----3---4---|
`, two(func(a, b stream) stream { return a.AndThen(b) })},
	{"enumerator.Interleave", `
a    -1-----2-----3--|
b    ---a-----b----------c--|
> Interleave(a, b)
out  -1-a---2-b---3------c--|
`, two(func(a, b stream) stream { return enumerator.Interleave(a, b) })},
	{"enumerator.Race", `
a    -----!1---2---3--|
b    -----a-----b-----|
> Race(a, b)
out  -----a-----b-----|
`, two(func(a, b stream) stream { return enumerator.Race(a, b) })},
	{"enumerator.Zip", `
a    -1=2======-3======!--4-|
b    ---a------b-------|
> Zip(a, b)
out  ---1a-----2b------|
`, two(func(a, b stream) enumerator.Enumerator[pair] { return enumerator.Zip(a, b) })},
	{"enumerator.CombineLatest", `
a    -1------2---------3-----|
b    ----a------b-----------|
> CombineLatest(a, b, join)
out  ----1a--2a-2b-----3b----|
`, two(func(a, b stream) stream { return enumerator.CombineLatest(a, b, join) })},
	{"enumerator.WithLatestFrom", `
a    -1------2---------3-----|
b    ----a------b------------!-c---|
> WithLatestFrom(a, b, join)
out  --------2a--------3b----|
`, two(func(a, b stream) stream { return enumerator.WithLatestFrom(a, b, join) })},
	{"enumerator.FlatMap", `
in   -a=======---b=======---|
> FlatMap(e => e after 3 units, E after 8)
out  ----a----A-----b----B--|
`, one(func(in stream) stream { return enumerator.FlatMap(in, inner) })},
	{"enumerator.FlatMapConcurrent", `
in   -a--b====---|
> FlatMapConcurrent(2, e => e after 3 units, E after 8)
out  ----a--b-A--B|
`, one(func(in stream) stream { return enumerator.FlatMapConcurrent(in, 2, inner) })},
	{"enumerator.SwitchMap", `
in   -a----b-----------|
> SwitchMap(e => e after 3 units, E after 8)
out  ----a----b----B---|
`, one(func(in stream) stream { return enumerator.SwitchMap(in, inner) })},
	{"enumerator.TakeUntil", `
a    -1---2---3--!-4---|
b    ------------x!----|
> TakeUntil(a, b)
out  -1---2---3--|
`, two(func(a, b stream) stream { return enumerator.TakeUntil(a, b) })},
	{"enumerator.DropUntil", `
a    -1---2---3----4---|
b    -------x!----|
> DropUntil(a, b)
out  ---------3----4---|
`, two(func(a, b stream) stream { return enumerator.DropUntil(a, b) })},
	{"enumerator.SampleBy", `
a    -1---2---3----4-------!-5--|
b    -------x-------x---x--|
> SampleBy(a, b)
out  -------2-------4------|
`, two(func(a, b stream) stream { return enumerator.SampleBy(a, b) })},
	{"enumerator.DebounceBy", `
in   -a-b-c-------d-e---------|
> DebounceBy(e => Timer(4 units))
out  ---------c---------e-----|
`, one(func(in stream) stream {
		return enumerator.DebounceBy(in, func(string) enumerator.Enumerator[time.Time] { return enumerator.Timer(ticks(4)) })
	})},
	{"enumerator.Catch", `
a    -1---2---#
b             ----3---4---|
> Catch(a, error => b)
out  -1---2-------3---4---|
`, two(func(a, b stream) stream { return enumerator.Catch(a, func(error) stream { return b }) })},
	{"enumerator.Retry", `
first   -1---#
second       ---1---2---|
> Retry(source, 1)
out     -1------1---2---|
`, sources(func(l *lab) stream {
		names := []string{"first", "second"}
		return enumerator.Retry(enumerator.Defer(func(context.Context) (stream, error) {
			name := names[0]
			names = names[1:]
			return l.source(name), nil
		}), 1)
	})},
	{"enumerator.Materialize", `
in   -a---b---#
> Materialize(in)
out  -a---b---error|
`, one(func(in stream) stream {
		return enumerator.Map(enumerator.Materialize(in), func(n enumerator.Notification[string]) string {
			if n.End {
				return "error"
			}
			return n.Value
		})
	})},
	{"enumerator.Heading", `
a    -1---2--|
in           ---a---b---|
> in through Heading(a)
out  -1---2-----a---b---|
`, sources(func(l *lab) stream { return enumerator.Through(l.source("in"), enumerator.Heading(l.source("a"))) })},
	{"enumerator.Trailing", `
in   -a---b--|
a            ---1---2---|
> in through Trailing(a)
out  -a---b-----1---2---|
`, sources(func(l *lab) stream { return enumerator.Through(l.source("in"), enumerator.Trailing(l.source("a"))) })},

	// Consumers.
	{"iteratee.Head", `
in      -a---b---c---|
> Head()
result  -a
next     ----b---c---|
`, result(iteratee.Head[string]())},
	{"iteratee.Last", `
in      -a---b---c---|
> Last()
result  -------------c
`, result(iteratee.Last[string]())},
	{"iteratee.ElementAt", `
in      -a---b---c---|
> ElementAt(1)
result  -----b
next         ----c---|
`, result(iteratee.ElementAt[string](1))},
	{"iteratee.TakeUpTo", `
in      -a---b---c---d---|
> TakeUpTo(2)
result  -----[a b]
next         ----c---d---|
`, result(iteratee.TakeUpTo[string](2))},
	{"iteratee.Collect", `
in      -a---b---c---|
> Collect()
result  -------------[a b c]
`, result(iteratee.Collect[string]())},
	{"iteratee.Fold", `
in      -a---b---c---|
> Fold("", join)
result  -------------abc
`, result(iteratee.Fold("", join))},
	{"iteratee.FoldUntil", `
in      -1---2---3---4---|
> FoldUntil("", join, until 3)
result  ---------123
next             ----4---|
`, result(iteratee.FoldUntil("", func(_ context.Context, a, e string) (string, bool, error) { return a + e, e == "3", nil }))},
	{"iteratee.Count", `
in      -a---b---c---|
> Count()
result  -------------3
`, result(iteratee.Count[string]())},
	{"iteratee.Max", `
in      -2---3---1---|
> Max()
result  -------------3
`, result(iteratee.Max[string]())},
	{"iteratee.Min", `
in      -2---3---1---|
> Min()
result  -------------1
`, result(iteratee.Min[string]())},
	{"iteratee.IsEmpty", `
in      -----a---b---|
> IsEmpty()
result  -----false
next         a---b---|
`, result(iteratee.IsEmpty[string]())},
	{"iteratee.EOFOrElse", `
in      -----a---b---|
> EOFOrElse(more, end)
result  -----more
next         a---b---|
`, result(iteratee.EOFOrElse[string]("more", "end"))},
	{"iteratee.FlatMap", `
in      -a---b---c---d---|
> FlatMap(Head(), first => TakeUpTo(2))
result  ---------[b c]
next             ----d---|
`, result(iteratee.FlatMap(iteratee.Head[string](), func(*string) iteratee.Iteratee[string, []string] { return iteratee.TakeUpTo[string](2) }))},
	{"iteratee.Repeat", `
in      -a---b---c---|
> Repeat(TakeUpTo(2))
result  -------------[[a b] [c]]
`, result(iteratee.Repeat(iteratee.TakeUpTo[string](2)))},
	{"iteratee.Zip", `
in      -a---b---c---|
> Zip(Head(), Last())
result  -------------ac
`, result(iteratee.ZipWith(iteratee.Head[string](), iteratee.Last[string](), func(a, b *string) string { return *a + *b }))},
	{"iteratee.Recover", `
in      -a---x---c---|
> Recover(FoldM(fails at x), error => none)
result  -----none
next         ----c---|
`, result(iteratee.Recover(iteratee.FoldM("", func(ctx context.Context, a, e string) (string, error) {
		e, err := fails(ctx, e)
		return a + e, err
	}), or("none")))},

	// Diagrams of the guide.
	{"guide.broadcast", `
push  -1---2-----3---4---|
> a Hub, read by Live and, from a later time on, by Last(2)
live  -1---2-----3---4---|
late         1,2-3---4---|
`, broadcast},
	{"guide.buffered", `
in   -1--2--3--4---------5-------|
> Buffer(4), behind it Take(2)
out  -1========2========-|
next                     3,4,5---|
`, adapter(enumeratee.Compose(enumeratee.Buffer[string](4), enumeratee.Take[string](2)))},
}
