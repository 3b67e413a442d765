package enumeratee_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

var errBoom = errors.New("boom")

// through returns the elements that adapter makes of es.
func through[From, To any](t *testing.T, adapter enumeratee.Enumeratee[From, To], es ...From) []To {
	t.Helper()
	got, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(es...), adapter), iteratee.Collect[To]())
	require.NoError(t, err)
	return got
}

// split feeds es to consumer through adapter. It returns the result, and the elements that are left for the
// next consumer.
func split[From, To, A any](t *testing.T, adapter enumeratee.Enumeratee[From, To], consumer iteratee.Iteratee[To, A], es ...From) (a A, rest []From) {
	t.Helper()
	rest, err := enumerator.Run(t.Context(), enumerator.Of(es...), iteratee.FlatMap(enumeratee.Transform(adapter, consumer), func(got A) iteratee.Iteratee[From, []From] {
		a = got
		return iteratee.Collect[From]()
	}))
	require.NoError(t, err)
	return a, rest
}

func ints(from, to int) (es []int) {
	for e := from; e <= to; e++ {
		es = append(es, e)
	}
	return es
}

func even(e int) bool            { return e%2 == 0 }
func below(n int) func(int) bool { return func(e int) bool { return e < n } }
func sum() iteratee.Iteratee[int, int] {
	return iteratee.Fold(0, func(a, e int) int { return a + e })
}
func pairs() iteratee.Iteratee[int, []int] {
	return enumeratee.Transform(enumeratee.Take[int](2), iteratee.Collect[int]())
}

// peek is done on the first element, which it leaves over.
func peek[E any]() iteratee.Iteratee[E, bool] {
	return iteratee.Cont(func(in iteratee.Input[E]) iteratee.Iteratee[E, bool] {
		_, ok := in.El()
		return iteratee.Done(ok, in)
	})
}

func TestMap(t *testing.T) {
	assert.Equal(t, []int{2, 3, 4, 5}, through(t, enumeratee.Map(func(e int) int { return e + 1 }), 1, 2, 3, 4))
	assert.Equal(t, []string{"1", "2"}, through(t, enumeratee.Map(strconv.Itoa), 1, 2))
	assert.Nil(t, through(t, enumeratee.Map(strconv.Itoa)))
}

func TestMapGivesBackTheElement(t *testing.T) {
	saw, rest := split(t, enumeratee.Map(strconv.Itoa), peek[string](), 1, 2, 3)
	assert.True(t, saw)
	assert.Equal(t, []int{1, 2, 3}, rest)

	_, rest = split(t, enumeratee.Map(strconv.Itoa), iteratee.Head[string](), 1, 2, 3)
	assert.Equal(t, []int{2, 3}, rest, "consumed elements are not given back")
}

func TestMapM(t *testing.T) {
	double := enumeratee.MapM(func(_ context.Context, e int) (int, error) { return 2 * e, nil })
	assert.Equal(t, []int{2, 4}, through(t, double, 1, 2))
	_, rest := split(t, double, peek[int](), 1, 2)
	assert.Equal(t, []int{1, 2}, rest)
}

func TestMapMStopsAtTheFirstError(t *testing.T) {
	var calls []int
	failing := enumeratee.MapM(func(_ context.Context, e int) (int, error) {
		calls = append(calls, e)
		if e == 2 {
			return 0, errBoom
		}
		return e, nil
	})
	source := &probe.Source{N: -1}
	_, err := enumerator.Run(t.Context(), enumerator.Through(source.Enumerator(), failing), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1, 2}, calls)
	assert.EqualValues(t, 2, source.Pulls.Load())
	assert.EqualValues(t, 1, source.Closes.Load())
}

func TestMapMGetsNothingAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	calls := 0
	_, err := enumerator.Run(ctx, enumerator.Through(enumerator.Of(1, 2, 3), enumeratee.MapM(func(context.Context, int) (int, error) {
		calls++
		cancel(errBoom)
		return 0, nil
	})), iteratee.Ignore[int]())
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, 1, calls)
}

func TestFilter(t *testing.T) {
	short := enumeratee.Filter(func(s string) bool { return len(s) < 4 })
	assert.Equal(t, []string{"One", "Two", "Six"}, through(t, short, "One", "Two", "Three", "Four", "Five", "Six"))
	_, rest := split(t, enumeratee.Filter(even), peek[int](), 1, 2, 3)
	assert.Equal(t, []int{2, 3}, rest, "the leftovers of the consumer")
}

func TestTake(t *testing.T) {
	for n := range 6 {
		for size := range 6 {
			got, rest := split(t, enumeratee.Take[int](n), iteratee.Collect[int](), ints(1, size)...)
			assert.Equal(t, ints(1, min(n, size)), got, "take %d of %d", n, size)
			assert.Equal(t, ints(n+1, size), rest, "after %d of %d", n, size)
		}
	}
	assert.PanicsWithValue(t, "enumeratee: Take: n must not be negative, got -1", func() { enumeratee.Take[int](-1) })
}

func TestTakeAsksForNoMoreThanItNeeds(t *testing.T) {
	for n := range 4 {
		source := &probe.Source{N: -1}
		got, err := enumerator.Run(t.Context(), enumerator.Through(source.Enumerator(), enumeratee.Take[int](n)), iteratee.Collect[int]())
		require.NoError(t, err)
		assert.Equal(t, ints(1, n), got)
		assert.EqualValues(t, n, source.Pulls.Load())
		assert.EqualValues(t, source.Starts.Load(), source.Closes.Load())
	}
	source := &probe.Source{N: -1}
	_, err := enumerator.Run(t.Context(), source.Enumerator(), enumeratee.Transform(enumeratee.Take[int](0), iteratee.Collect[int]()))
	require.NoError(t, err)
	assert.Zero(t, source.Starts.Load(), "Take(0) does not even start the source")
}

func TestTakeStopsWithItsConsumer(t *testing.T) {
	head, rest := split(t, enumeratee.Take[int](3), iteratee.Head[int](), 1, 2, 3, 4)
	assert.Equal(t, 1, *head)
	assert.Equal(t, []int{2, 3, 4}, rest)
	_, rest = split(t, enumeratee.Take[int](1), peek[int](), 1, 2)
	assert.Equal(t, []int{1, 2}, rest)
}

func TestTakeWhile(t *testing.T) {
	got, rest := split(t, enumeratee.TakeWhile(func(e int) bool { return e <= 2 }), iteratee.Collect[int](), 1, 2, 3, 2, 1)
	assert.Equal(t, []int{1, 2}, got)
	assert.Equal(t, []int{3, 2, 1}, rest)
	_, rest = split(t, enumeratee.TakeWhile(below(3)), peek[int](), 1, 2, 3)
	assert.Equal(t, []int{1, 2, 3}, rest)
	assert.Nil(t, through(t, enumeratee.TakeWhile(below(0)), 1, 2))
	assert.Equal(t, []int{1, 2}, through(t, enumeratee.TakeWhile(below(9)), 1, 2))
}

func TestDrop(t *testing.T) {
	for n := range 6 {
		for size := range 6 {
			assert.Equal(t, ints(n+1, size), through(t, enumeratee.Drop[int](n), ints(1, size)...), "drop %d of %d", n, size)
		}
	}
	_, rest := split(t, enumeratee.Drop[int](1), peek[int](), 1, 2, 3)
	assert.Equal(t, []int{2, 3}, rest)
	assert.PanicsWithValue(t, "enumeratee: Drop: n must not be negative, got -3", func() { enumeratee.Drop[int](-3) })
}

func TestHeading(t *testing.T) {
	assert.Equal(t, []int{8, 9, 1, 2}, through(t, enumeratee.Heading(8, 9), 1, 2))
	assert.Equal(t, []int{8, 9}, through(t, enumeratee.Heading(8, 9)), "before the first element, if one comes or not")
	assert.Equal(t, []int{1}, through(t, enumeratee.Heading[int](), 1))

	head, rest := split(t, enumeratee.Heading(8, 9), iteratee.Head[int](), 1, 2)
	assert.Equal(t, 8, *head)
	assert.Equal(t, []int{1, 2}, rest, "nothing of the stream is consumed")
	_, rest = split(t, enumeratee.Heading(8, 9), peek[int](), 1, 2)
	assert.Equal(t, []int{1, 2}, rest, "the heading is not part of the stream")
}

func TestGrouped(t *testing.T) {
	assert.Equal(t, [][]int{{1, 2}, {3}}, through(t, enumeratee.Grouped(pairs()), 1, 2, 3))
	assert.Equal(t, [][]int{{1, 2}, {3, 4}}, through(t, enumeratee.Grouped(pairs()), 1, 2, 3, 4), "no ghost group")
	assert.Nil(t, through(t, enumeratee.Grouped(pairs())), "no ghost group")
	assert.Len(t, through(t, enumeratee.Grouped(iteratee.Head[int]()), 1, 2), 2, "no ghost group")

	// Joins words up to a separator, as in Play's example.
	word := iteratee.FlatMap(
		enumeratee.Transform(enumeratee.TakeWhile(func(s string) bool { return s != "Concat" }), iteratee.Collect[string]()),
		func(parts []string) iteratee.Iteratee[string, string] {
			return iteratee.Map(iteratee.Head[string](), func(*string) string { return strings.Join(parts, "") })
		})
	assert.Equal(t, []string{"Hello", "World", "!"},
		through(t, enumeratee.Grouped(word), "He", "ll", "o", "Concat", "Wo", "r", "ld", "Concat", "!"))
}

func TestGroupedGivesBackElementsThatAreNotGrouped(t *testing.T) {
	runs := iteratee.FlatMap(iteratee.Head[int](), func(first *int) iteratee.Iteratee[int, int] {
		return enumeratee.Transform(enumeratee.TakeWhile(func(e int) bool { return e/10 == *first/10 }), sum())
	})
	head, rest := split(t, enumeratee.Grouped(runs), iteratee.Head[int](), 1, 2, 3, 11, 12)
	assert.Equal(t, 5, *head)
	assert.Equal(t, []int{11, 12}, rest)
}

func TestGroupedErrors(t *testing.T) {
	failing := iteratee.FoldM(0, func(context.Context, int, int) (int, error) { return 0, errBoom })
	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1), enumeratee.Grouped(failing)), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom)
	for _, folder := range []iteratee.Iteratee[int, bool]{peek[int](), iteratee.Done(true, iteratee.Empty[int]())} {
		_, err := enumerator.Run(t.Context(), enumerator.Through(probe.Naturals(), enumeratee.Grouped(folder)), iteratee.Collect[bool]())
		assert.ErrorIs(t, err, iteratee.ErrNoProgress)
	}
}

func TestGroupedFlushesOnce(t *testing.T) {
	consumer := &probe.Counted[[]int, [][]int]{It: iteratee.Collect[[]int]()}
	got, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3),
		enumeratee.Transform(enumeratee.Compose(enumeratee.Take[int](3), enumeratee.Grouped(pairs())), consumer.Iteratee()))
	require.NoError(t, err)
	assert.Equal(t, [][]int{{1, 2}, {3}}, got)
	assert.EqualValues(t, 2, consumer.Nexts.Load())
}

func TestGroupedWhile(t *testing.T) {
	near := func(last, e int) bool { return e-last <= 1 }
	oneOfTwo := iteratee.FlatMap(iteratee.TakeUpTo[int](2), func(es []int) iteratee.Iteratee[int, []int] {
		return iteratee.Done(es[:1], iteratee.Els(es[1:]...))
	})
	for name, c := range map[string]struct {
		folder iteratee.Iteratee[int, []int]
		in     []int
		want   [][]int
	}{
		"nothing":                         {iteratee.Collect[int](), nil, nil},
		"one element":                     {iteratee.Collect[int](), []int{5}, [][]int{{5}}},
		"all together":                    {iteratee.Collect[int](), []int{1, 2, 3}, [][]int{{1, 2, 3}}},
		"none together":                   {iteratee.Collect[int](), []int{1, 3, 5}, [][]int{{1}, {3}, {5}}},
		"neighbours, not the first":       {iteratee.Collect[int](), []int{1, 2, 3, 7, 8, 8, 10}, [][]int{{1, 2, 3}, {7, 8, 8}, {10}}},
		"a folder that is done":           {iteratee.TakeUpTo[int](2), []int{1, 2, 3, 7, 8, 8, 9}, [][]int{{1, 2}, {3}, {7, 8}, {8, 9}}},
		"a folder that is done at an end": {iteratee.TakeUpTo[int](2), []int{1, 2, 7, 8}, [][]int{{1, 2}, {7, 8}}},
		"a folder with leftovers":         {oneOfTwo, []int{1, 2, 3}, [][]int{{1}, {2}, {3}}},
	} {
		t.Run(name, func(t *testing.T) {
			adapter := enumeratee.GroupedWhile(c.folder, near)
			for range 2 { // each run starts afresh
				assert.Equal(t, c.want, through(t, adapter, c.in...))
			}
		})
	}

	var calls [][2]int
	noted := func(last, e int) bool { calls = append(calls, [2]int{last, e}); return near(last, e) }
	through(t, enumeratee.GroupedWhile(iteratee.Collect[int](), noted), 1, 2, 7, 8)
	assert.Equal(t, [][2]int{{1, 2}, {2, 7}, {7, 8}}, calls, "once for each pair")

	first, rest := split(t, enumeratee.GroupedWhile(iteratee.Collect[int](), near), iteratee.Head[[]int](), 1, 2, 7, 8, 20)
	assert.Equal(t, []int{1, 2}, *first)
	assert.Equal(t, []int{7, 8, 20}, rest, "the element that ended the group is left over")
}

func TestGroupedWhileErrors(t *testing.T) {
	all := func(int, int) bool { return true }
	two := iteratee.FoldM(nil, func(_ context.Context, es []int, e int) ([]int, error) {
		if len(es) == 2 {
			return nil, errBoom
		}
		return append(es, e), nil
	})
	var seen [][]int
	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1, 2, 7, 8, 9, 20),
		enumeratee.GroupedWhile(two, func(last, e int) bool { return e-last == 1 })), iteratee.ForEach(func(_ context.Context, es []int) error {
		seen = append(seen, es)
		return nil
	}))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, [][]int{{1, 2}}, seen, "a group that is too long ends the run")

	_, err = enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1), enumeratee.GroupedWhile(peek[int](), all)), iteratee.Collect[bool]())
	assert.ErrorIs(t, err, iteratee.ErrNoProgress)
	_, err = enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1).AndThen(enumerator.Throw[int](errBoom)),
		enumeratee.GroupedWhile(iteratee.Collect[int](), all)), iteratee.ForEach(func(context.Context, []int) error {
		t.Error("the group had not ended when the source failed")
		return nil
	}))
	assert.ErrorIs(t, err, errBoom)
}

// Groups are those of a loop over a slice, and together they are the stream.
func TestGroupedWhileMatchesALoop(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 20).Draw(rt, "in")
		var want [][]int
		for i, e := range in {
			if i == 0 || e != in[i-1] {
				want = append(want, nil)
			}
			want[len(want)-1] = append(want[len(want)-1], e)
		}
		got := through(t, enumeratee.GroupedWhile(iteratee.Collect[int](), func(last, e int) bool { return last == e }), in...)
		assert.Equal(rt, want, got)
	})
}

func TestPassAlong(t *testing.T) {
	assert.Equal(t, []int{1, 2}, through(t, enumeratee.PassAlong[int](), 1, 2))
	_, rest := split(t, enumeratee.PassAlong[int](), peek[int](), 1, 2)
	assert.Equal(t, []int{1, 2}, rest)
}

func TestCompose(t *testing.T) {
	inc := enumeratee.Map(func(e int) int { return e + 1 })
	assert.Equal(t, []int{2, 4}, through(t, enumeratee.Compose(inc, enumeratee.Filter(even)), 1, 2, 3))
}

func TestComposeLosesNothing(t *testing.T) {
	for name, first := range map[string]enumeratee.Enumeratee[int, int]{
		"PassAlong": enumeratee.PassAlong[int](), // Play loses the 3 here
		"Map":       enumeratee.Map(func(e int) int { return e }),
		"MapM":      enumeratee.MapM(func(_ context.Context, e int) (int, error) { return e, nil }),
		"Filter":    enumeratee.Filter(func(int) bool { return true }),
		"Take":      enumeratee.Take[int](9),
		"TakeWhile": enumeratee.TakeWhile(below(9)),
		"Drop":      enumeratee.Drop[int](0),
		"Heading":   enumeratee.Heading[int](),
	} {
		got, rest := split(t, enumeratee.Compose(first, enumeratee.TakeWhile(below(3))), iteratee.Collect[int](), 1, 2, 3, 4)
		assert.Equal(t, []int{1, 2}, got, name)
		assert.Equal(t, []int{3, 4}, rest, name)
	}
}

func TestComposedStops(t *testing.T) {
	for name, c := range map[string]struct {
		adapter enumeratee.Enumeratee[int, int]
		want    []int
	}{
		"2 then 4":         {enumeratee.Compose(enumeratee.Take[int](2), enumeratee.Take[int](4)), []int{1, 2, 7}},
		"4 then 2":         {enumeratee.Compose(enumeratee.Take[int](4), enumeratee.Take[int](2)), []int{1, 2, 7}},
		"0 then 2":         {enumeratee.Compose(enumeratee.Take[int](0), enumeratee.Take[int](2)), []int{7}},
		"2 then 0":         {enumeratee.Compose(enumeratee.Take[int](2), enumeratee.Take[int](0)), []int{7}},
		"heading, 0":       {enumeratee.Compose(enumeratee.Take[int](0), enumeratee.Heading(5)), []int{5, 7}},
		"heading into 1":   {enumeratee.Compose(enumeratee.Heading(5, 6), enumeratee.Take[int](1)), []int{5, 7}},
		"three deep":       {enumeratee.Compose(enumeratee.Take[int](9), enumeratee.Compose(enumeratee.Take[int](2), enumeratee.Take[int](4))), []int{1, 2, 7}},
		"sum of the first": {enumeratee.Compose(enumeratee.Take[int](3), enumeratee.Grouped(sum())), []int{6, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			source := &probe.Source{N: -1}
			got, err := enumerator.Run(t.Context(), enumerator.Through(source.Enumerator(), c.adapter).AndThen(enumerator.Of(7)), iteratee.Collect[int]())
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	got, err := enumerator.Run(t.Context(), enumerator.Through(probe.Naturals(), enumeratee.Compose(enumeratee.Take[int](5), enumeratee.Grouped(pairs()))), iteratee.Collect[[]int]())
	require.NoError(t, err)
	assert.Equal(t, [][]int{{1, 2}, {3, 4}, {5}}, got)
}

func TestTransform(t *testing.T) {
	got, rest := split(t, enumeratee.TakeWhile(below(3)), iteratee.Collect[int](), 1, 2, 3, 4)
	assert.Equal(t, []int{1, 2}, got)
	assert.Equal(t, []int{3, 4}, rest)
}

func TestTransformSendsEOFOnce(t *testing.T) {
	for name, adapter := range map[string]enumeratee.Enumeratee[int, int]{
		"stopped":        enumeratee.Take[int](3),
		"at once":        enumeratee.Take[int](0),
		"ran out":        enumeratee.PassAlong[int](),
		"composed":       enumeratee.Compose(enumeratee.Take[int](3), enumeratee.Take[int](5)),
		"flushed at end": enumeratee.Grouped(sum()),
	} {
		t.Run(name, func(t *testing.T) {
			consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
			_, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3, 4), enumeratee.Transform(adapter, consumer.Iteratee()))
			require.NoError(t, err)
			assert.EqualValues(t, 1, consumer.EOFs.Load())
		})
	}
}

func TestTransformOfAConsumerThatIsDoneAttachesNothing(t *testing.T) {
	attached := enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (iteratee.Sink[int], iteratee.Step) {
		t.Error("attached")
		return enumeratee.PassAlong[int]().Attach(stage, out)
	})
	got, rest := split(t, attached, iteratee.Done(5, iteratee.Empty[int]()), 1, 2)
	assert.Equal(t, 5, got)
	assert.Equal(t, []int{1, 2}, rest)
}

func TestTransformKeepsErrors(t *testing.T) {
	failsAtEOF := iteratee.Cont(func(in iteratee.Input[int]) iteratee.Iteratee[int, int] {
		return iteratee.Error[int, int](errBoom, in)
	})
	for name, adapter := range map[string]enumeratee.Enumeratee[int, int]{
		"in the flush":   enumeratee.Grouped(sum()),
		"after a stop":   enumeratee.Take[int](0),
		"at the end":     enumeratee.Filter(func(int) bool { return false }),
		"on an element":  enumeratee.PassAlong[int](),
		"at the heading": enumeratee.Heading(1),
	} {
		_, err := enumerator.Run(t.Context(), enumerator.Of(1, 2), enumeratee.Transform(adapter, failsAtEOF))
		assert.ErrorIs(t, err, errBoom, name)
	}
}

func TestZeroEnumerateePanicsWithAdvice(t *testing.T) {
	assert.PanicsWithValue(t, "enumeratee: Attach: the zero Enumeratee cannot run; make one with Map, Take or another constructor", func() {
		_, _ = enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1), enumeratee.Enumeratee[int, int]{}), iteratee.Ignore[int]())
	})
}

func TestAMillionComposes(t *testing.T) {
	n := probe.Deep(t)
	inc := enumeratee.Map(func(e int) int { return e + 1 })
	left, right := inc, inc
	for range n - 1 {
		left, right = enumeratee.Compose(left, inc), enumeratee.Compose(inc, right)
	}
	for _, adapter := range []enumeratee.Enumeratee[int, int]{left, right} {
		assert.Equal(t, []int{n, n + 1}, through(t, adapter, 0, 1))
	}
}
