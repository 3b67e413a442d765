package chunk_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/chunk"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
	"github.com/halley-go/halley/iteratee/iterateetest"
)

var errBoom = errors.New("boom")

type (
	chunks  = [][]int
	adapter = enumeratee.Enumeratee[[]int, []int]
)

// split runs consumer behind tr over in. It returns the result, and the chunks that are
// left for the next consumer.
func split[A any](t require.TestingT, tr adapter, consumer iteratee.Iteratee[[]int, A], in ...[]int) (a A, rest chunks) {
	rest, err := enumerator.Run(context.Background(), enumerator.Of(in...), iteratee.FlatMap(enumeratee.Transform(tr, consumer), func(got A) iteratee.Iteratee[[]int, chunks] {
		a = got
		return iteratee.Collect[[]int]()
	}))
	require.NoError(t, err)
	return a, rest
}

func all() iteratee.Iteratee[[]int, chunks] { return iteratee.Collect[[]int]() }

// items is done with the n-th item, and leaves over the items after it in its chunk.
func items(n int) iteratee.Iteratee[[]int, []int] { return itemsAfter(nil, n) }

func itemsAfter(got []int, n int) iteratee.Iteratee[[]int, []int] {
	if n == 0 {
		return iteratee.Done(got, iteratee.Empty[[]int]())
	}
	return iteratee.Cont(func(in iteratee.Input[[]int]) iteratee.Iteratee[[]int, []int] {
		es, ok := in.El()
		switch {
		case !ok:
			return iteratee.Done(got, in)
		case len(es) <= n:
			return itemsAfter(slices.Concat(got, es), n-len(es))
		}
		return iteratee.Done(slices.Concat(got, es[:n]), iteratee.El(es[n:]))
	})
}

// peek is done with the first chunk, and leaves it over.
func peek() iteratee.Iteratee[[]int, bool] { return iteratee.IsEmpty[[]int]() }

func isNot(n int) func(int) bool { return func(e int) bool { return e != n } }

func ints(from, to int) (es []int) {
	for e := from; e <= to; e++ {
		es = append(es, e)
	}
	return es
}

// singles is 1, 2, 3, … in chunks of one.
func singles(source *probe.Source) enumerator.Enumerator[[]int] {
	return enumerator.Through(source.Enumerator(), enumeratee.Map(func(e int) []int { return []int{e} }))
}

func TestOutputAndLeftovers(t *testing.T) {
	for name, c := range map[string]struct {
		t        adapter
		in       chunks
		on, rest chunks
	}{
		"take within a chunk":           {chunk.Take[int](3), chunks{{1, 2}, {3, 4, 5, 6}, {7}}, chunks{{1, 2}, {3}}, chunks{{4, 5, 6}, {7}}},
		"take at the end of a chunk":    {chunk.Take[int](2), chunks{{1, 2}, {3}}, chunks{{1, 2}}, chunks{{3}}},
		"take all":                      {chunk.Take[int](3), chunks{{1, 2}, {3}}, chunks{{1, 2}, {3}}, nil},
		"take of a shorter stream":      {chunk.Take[int](9), chunks{{1, 2}, {3}}, chunks{{1, 2}, {3}}, nil},
		"take 0":                        {chunk.Take[int](0), chunks{{1, 2}, {3}}, nil, chunks{{1, 2}, {3}}},
		"take of nothing":               {chunk.Take[int](2), nil, nil, nil},
		"take hands on empty chunks":    {chunk.Take[int](1), chunks{{}, {1}, {}}, chunks{{}, {1}}, chunks{{}}},
		"take up to, within a chunk":    {chunk.TakeUpTo[int](3), chunks{{1, 2}, {3, 4, 5, 6}, {7}}, chunks{{1, 2}, {3}}, chunks{{4, 5, 6}, {7}}},
		"take up to the end of one":     {chunk.TakeUpTo[int](2), chunks{{1, 2}, {3}}, chunks{{1, 2}}, chunks{{3}}},
		"take up to more than all":      {chunk.TakeUpTo[int](9), chunks{{1, 2}, {3}}, chunks{{1, 2}, {3}}, nil},
		"take up to 0":                  {chunk.TakeUpTo[int](0), chunks{{1}}, nil, chunks{{1}}},
		"drop within a chunk":           {chunk.Drop[int](2), chunks{{1}, {2, 3}, {4}}, chunks{{3}, {4}}, nil},
		"drop to the end of a chunk":    {chunk.Drop[int](3), chunks{{1}, {2, 3}, {4}}, chunks{{4}}, nil},
		"drop all":                      {chunk.Drop[int](9), chunks{{1}, {2, 3}}, nil, nil},
		"drop 0":                        {chunk.Drop[int](0), chunks{{}, {1}}, chunks{{}, {1}}, nil},
		"drop, empty chunks":            {chunk.Drop[int](1), chunks{{}, {1}, {}, {2}}, chunks{{}, {2}}, nil},
		"drop of nothing":               {chunk.Drop[int](1), nil, nil, nil},
		"split within a chunk":          {chunk.SplitOnceAt(isNot(2)), chunks{{1, 2, 3}, {2}}, chunks{{1}}, chunks{{3}, {2}}},
		"split at the first of a chunk": {chunk.SplitOnceAt(isNot(2)), chunks{{1}, {2, 3}}, chunks{{1}}, chunks{{3}}},
		"split at the last of a chunk":  {chunk.SplitOnceAt(isNot(2)), chunks{{1, 2}, {3}}, chunks{{1}}, chunks{{3}}},
		"split at the last of all":      {chunk.SplitOnceAt(isNot(2)), chunks{{1, 2}}, chunks{{1}}, nil},
		"split at the first of all":     {chunk.SplitOnceAt(isNot(2)), chunks{{2}, {3}}, nil, chunks{{3}}},
		"split, no such item":           {chunk.SplitOnceAt(isNot(2)), chunks{{1}, {}, {3}}, chunks{{1}, {}, {3}}, nil},
		"split of nothing":              {chunk.SplitOnceAt(isNot(2)), nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			on, rest := split(t, c.t, all(), c.in...)
			assert.Equal(t, c.on, on)
			assert.Equal(t, c.rest, rest)
		})
	}
}

func TestPlaysExamples(t *testing.T) {
	text := func(tr enumeratee.Enumeratee[[]byte, []byte], in ...string) (on string, rest []string) {
		toBytes := enumerator.Through(enumerator.Of(in...), enumeratee.Map(func(s string) []byte { return []byte(s) }))
		left, err := enumerator.Run(t.Context(), toBytes, iteratee.FlatMap(enumeratee.Transform(tr, iteratee.Consume[byte]()), func(got []byte) iteratee.Iteratee[[]byte, [][]byte] {
			on = string(got)
			return iteratee.Collect[[]byte]()
		}))
		require.NoError(t, err)
		for _, chunk := range left {
			rest = append(rest, string(chunk))
		}
		return on, rest
	}
	on, rest := text(chunk.Take[byte](3), "he", "ybbb", "bbb")
	assert.Equal(t, "hey", on)
	assert.Equal(t, []string{"bbb", "bbb"}, rest)
	on, rest = text(chunk.SplitOnceAt(func(b byte) bool { return b != 'e' }), "hello", "there")
	assert.Equal(t, "h", on)
	assert.Equal(t, []string{"llo", "there"}, rest)

	// The head of the first chunk, in take 4.
	head, left := split(t, chunk.Take[int](4), chunk.Head[int](), []int{1, 2}, []int{3, 4, 5})
	assert.Equal(t, 1, *head)
	assert.Equal(t, chunks{{5}}, left, "take always consumes n")
	_, left = split(t, chunk.TakeUpTo[int](4), iteratee.Head[[]int](), []int{1, 2}, []int{3, 4, 5})
	assert.Equal(t, chunks{{3, 4, 5}}, left, "take up to stops with the consumer")

	for n, want := range map[int]string{3: "right", 4: "left"} {
		side := iteratee.FlatMap(enumeratee.Transform(chunk.TakeUpTo[int](3), iteratee.Ignore[[]int]()), func(struct{}) iteratee.Iteratee[[]int, string] {
			return iteratee.EOFOrElse[[]int]("left", "right")
		})
		got, err := enumerator.Run(t.Context(), enumerator.Of(ints(1, n)), side)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestTakeAsksForNoChunkAfterTheLast(t *testing.T) {
	for name, take := range map[string]func(int) adapter{"Take": chunk.Take[int], "TakeUpTo": chunk.TakeUpTo[int]} {
		for n := range 4 {
			source := &probe.Source{N: -1}
			got, err := enumerator.Run(t.Context(), enumerator.Through(singles(source), take(n)), iteratee.Consume[int]())
			require.NoError(t, err)
			assert.Equal(t, ints(1, n), got, name)
			assert.EqualValues(t, n, source.Pulls.Load(), "%s %d", name, n)
		}
	}
}

func TestTakeConsumesAllWhenTheConsumerIsDone(t *testing.T) {
	source := &probe.Source{N: -1}
	consumer := &probe.Counted[[]int, *[]int]{It: iteratee.Head[[]int]()}
	head, err := enumerator.Run(t.Context(), singles(source), enumeratee.Transform(chunk.Take[int](5), consumer.Iteratee()))
	require.NoError(t, err)
	assert.Equal(t, []int{1}, *head)
	assert.EqualValues(t, 5, source.Pulls.Load())
	assert.EqualValues(t, 1, consumer.Nexts.Load(), "the dropped items are not offered to it")

	_, rest := split(t, chunk.Take[int](3), peek(), []int{1, 2}, []int{3, 4})
	assert.Equal(t, chunks{{4}}, rest, "the consumer's leftovers are dropped too")
}

func TestTakeReportsAtEOFThatTheConsumerIsDone(t *testing.T) {
	after := &probe.Source{N: -1}
	short := enumerator.Through(enumerator.Of([]int{1}), chunk.Take[int](5)).AndThen(singles(after))
	_, err := enumerator.Run(t.Context(), short, iteratee.Head[[]int]())
	require.NoError(t, err)
	assert.Zero(t, after.Starts.Load(), "the run is over")
}

func TestTakeUpToStopsWithTheConsumer(t *testing.T) {
	for n := range 6 {
		got, rest := split(t, chunk.TakeUpTo[int](5), items(n), []int{1, 2}, []int{3}, []int{4, 5, 6}, []int{7})
		assert.Equal(t, ints(1, n), got)
		assert.Equal(t, ints(n+1, 7), slices.Concat(rest...))
	}
	_, rest := split(t, chunk.TakeUpTo[int](3), items(1), []int{1, 2, 3, 4, 5})
	assert.Equal(t, chunks{{2, 3, 4, 5}}, rest, "as one chunk")
}

func TestSplitOnceAtRemovesNothingIfTheConsumerIsDoneBefore(t *testing.T) {
	for _, in := range []chunks{{{1, 2, 3, 4, 5}}, {{1, 2}, {3, 4, 5}}, {{1}, {2}, {3}, {4}, {5}}} {
		for n := range 3 {
			got, rest := split(t, chunk.SplitOnceAt(isNot(3)), items(n), in...)
			assert.Equal(t, ints(1, n), got)
			assert.Equal(t, ints(n+1, 5), slices.Concat(rest...), "3 is not removed")
		}
	}
	_, rest := split(t, chunk.SplitOnceAt(isNot(3)), items(1), []int{1, 2, 3, 4, 5})
	assert.Equal(t, chunks{{2, 3, 4, 5}}, rest, "as one chunk")
}

func TestSplitOnceAtCallsKeepOncePerItem(t *testing.T) {
	var calls []int
	split(t, chunk.SplitOnceAt(func(e int) bool { calls = append(calls, e); return e != 3 }), all(), []int{1}, nil, []int{2, 3, 4}, []int{5})
	assert.Equal(t, []int{1, 2, 3}, calls)
}

func TestDropPassesOnTheLeftoversOfTheConsumer(t *testing.T) {
	_, rest := split(t, chunk.Drop[int](2), peek(), []int{1, 2, 3}, []int{4})
	assert.Equal(t, chunks{{3}, {4}}, rest)
}

func TestHead(t *testing.T) {
	for name, c := range map[string]struct {
		in   chunks
		want any
		rest chunks
	}{
		"of several":           {chunks{{1, 2}, {3}}, 1, chunks{{2}, {3}}},
		"alone in its chunk":   {chunks{{1}, {3}}, 1, chunks{{3}}},
		"after empty chunks":   {chunks{{}, nil, {1, 2}, {}}, 1, chunks{{2}, {}}},
		"of nothing":           {nil, nil, nil},
		"of empty chunks only": {chunks{{}, {}}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			head, rest := split(t, enumeratee.PassAlong[[]int](), chunk.Head[int](), c.in...)
			if c.want == nil {
				assert.Nil(t, head)
			} else if assert.NotNil(t, head) {
				assert.Equal(t, c.want, *head)
			}
			assert.Equal(t, c.rest, rest)
		})
	}
	t.Run("is a copy", func(t *testing.T) {
		in := []int{1, 2}
		head, _ := split(t, enumeratee.PassAlong[[]int](), chunk.Head[int](), in)
		*head = 9
		assert.Equal(t, []int{1, 2}, in)
	})
}

func TestComposeConcat(t *testing.T) {
	both := chunk.ComposeConcat(chunk.TakeUpTo[int](4), chunk.TakeUpTo[int](2))
	on, rest := split(t, both, all(), []int{1, 2, 3}, []int{4, 5, 6})
	assert.Equal(t, chunks{{1, 2}}, on)
	assert.Equal(t, chunks{{3}, {4, 5, 6}}, rest)
	_, rest = split(t, both, all(), []int{1, 2, 3, 4, 5, 6})
	assert.Equal(t, chunks{{3, 4, 5, 6}}, rest)

	// Leftovers that are not neighbours in memory.
	splits := chunk.ComposeConcat(chunk.SplitOnceAt(isNot(5)), chunk.SplitOnceAt(isNot(3)))
	_, rest = split(t, splits, backwards(2), []int{1, 2, 3, 4, 5, 6})
	assert.Equal(t, chunks{{2, 1, 3, 4, 5, 6}}, rest)
	_, rest = split(t, splits, all(), []int{1, 2})
	assert.Empty(t, rest)

	on, rest = split(t, chunk.ComposeConcat(chunk.Take[int](4), chunk.Take[int](0)), all(), []int{1, 2})
	assert.Empty(t, on)
	assert.Equal(t, chunks{{1, 2}}, rest, "done when attached")
}

// backwards leaves over the first n items in reverse order, each as a chunk.
func backwards(n int) iteratee.Iteratee[[]int, []int] {
	return iteratee.FlatMap(items(n), func(got []int) iteratee.Iteratee[[]int, []int] {
		rest := iteratee.Empty[[]int]()
		for _, e := range got {
			rest = iteratee.El([]int{e}).Then(rest)
		}
		return iteratee.Done(got, rest)
	})
}

func TestNegativeCountsPanic(t *testing.T) {
	assert.PanicsWithValue(t, "enumeratee/chunk: Take: n must not be negative, got -1", func() { chunk.Take[int](-1) })
	assert.PanicsWithValue(t, "enumeratee/chunk: TakeUpTo: n must not be negative, got -2", func() { chunk.TakeUpTo[int](-2) })
	assert.PanicsWithValue(t, "enumeratee/chunk: Drop: n must not be negative, got -3", func() { chunk.Drop[int](-3) })
}

// adapters holds one of each adapter. Each hands on more than one of 1, …, 9 in chunks
// of one.
var adapters = map[string]adapter{
	"Take":          chunk.Take[int](5),
	"TakeUpTo":      chunk.TakeUpTo[int](5),
	"Drop":          chunk.Drop[int](3),
	"SplitOnceAt":   chunk.SplitOnceAt(isNot(6)),
	"ComposeConcat": chunk.ComposeConcat(chunk.Drop[int](1), chunk.TakeUpTo[int](4)),
}

func TestErrorsOfTheConsumerEndTheRunAtOnce(t *testing.T) {
	for name, tr := range adapters {
		t.Run(name, func(t *testing.T) {
			calls := 0
			source := &probe.Source{N: -1}
			_, err := enumerator.Run(t.Context(), singles(source), enumeratee.Transform(tr, iteratee.ForEach(func(context.Context, []int) error {
				calls++
				return errBoom
			})))
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, 1, calls)
			assert.LessOrEqual(t, source.Pulls.Load(), int64(4), "no chunk after the one on which it failed")
		})
	}
}

func TestAdaptersEndOnceAndStayEnded(t *testing.T) {
	for name, tr := range adapters {
		t.Run(name, func(t *testing.T) {
			consumer := &probe.Counted[[]int, chunks]{It: all()}
			_, err := enumerator.Run(t.Context(), singles(&probe.Source{N: 9}), enumeratee.Transform(tr, consumer.Iteratee()))
			require.NoError(t, err)
			assert.EqualValues(t, 1, consumer.EOFs.Load(), "only Transform passes EOF on")

			stage := enumeratee.NewStage(t.Context())
			running, _ := all().Start(t.Context())
			sink, step := tr.Attach(stage, running)
			for n := 1; step.IsCont() && n < 9; n++ {
				assert.Empty(t, sink.Rest().Els(), "no leftovers before the end")
				step = sink.Next([]int{n, 0})
			}
			if step.IsCont() {
				step = sink.EOF()
			} else {
				rest := sink.Rest()
				assert.Equal(t, step, sink.Next([]int{9}))
				assert.Equal(t, rest, sink.Rest(), "the rest does not change")
			}
			assert.Equal(t, stage.Stop(), step)
			assert.Equal(t, stage.Stop(), sink.EOF())
		})
	}
}

func TestAdaptersAreRecipes(t *testing.T) {
	for name, tr := range adapters {
		t.Run(name, func(t *testing.T) {
			in := chunks{{1, 2, 3}, {4}, {5, 6, 7}, {8}}
			want, wantRest := split(t, tr, all(), in...)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					got, rest := split(t, tr, all(), in...)
					assert.Equal(t, want, got)
					assert.Equal(t, wantRest, rest)
				})
			}
			wg.Wait()
		})
	}
}

func TestAdaptersKeepTheLaws(t *testing.T) {
	for name, tr := range adapters {
		if name == "Take" {
			continue // it does not stop with its consumer
		}
		for _, in := range []chunks{nil, {ints(1, 9)}, {{1, 2, 3}, {4, 5, 6}, {7}}, {{1}, {2}, {}, {3}, {4}, {5}, {6}, {7}}} {
			assert.NoError(t, enumerateetest.Test(tr, in), name)
		}
	}
	assert.NoError(t, iterateetest.Test(chunk.Head[int](), chunks{{}, {1, 2}, {3}}))
}

func TestAppendingToAPartChangesNothing(t *testing.T) {
	for name, tr := range adapters {
		t.Run(name, func(t *testing.T) {
			in := ints(1, 9)
			_, rest := split(t, tr, iteratee.ForEach(func(_ context.Context, es []int) error {
				_ = append(es, 0)
				return nil
			}), in)
			assert.Equal(t, ints(1, 9), in)
			assert.NotContains(t, slices.Concat(rest...), 0)
		})
	}
}

func TestChunkBoundariesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		es := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 20).Draw(t, "items")
		smallest := rapid.IntRange(0, 1).Draw(t, "smallest chunk")
		var in chunks
		for left := es; len(left) > 0; {
			size := rapid.IntRange(smallest, min(5, len(left))).Draw(t, "size")
			in = append(in, left[:size:size])
			left = left[size:]
		}
		n := rapid.IntRange(0, 22).Draw(t, "n")
		taken := min(n, len(es))
		at, after := slices.Index(es, 0), slices.Index(es, 0)+1
		if at < 0 {
			at, after = len(es), len(es)
		}
		k := rapid.IntRange(1, 22).Draw(t, "the consumer takes")
		beforeSplit := after
		if k <= at {
			beforeSplit = k
		}
		for name, c := range map[string]struct {
			t               adapter
			on, after, rest []int // all items handed on, the items left after those, and those left after k of them
		}{
			"Take":        {chunk.Take[int](n), es[:taken], es[taken:], es[taken:]},
			"TakeUpTo":    {chunk.TakeUpTo[int](n), es[:taken], es[taken:], es[min(k, taken):]},
			"Drop":        {chunk.Drop[int](n), es[taken:], nil, es[min(k+taken, len(es)):]},
			"SplitOnceAt": {chunk.SplitOnceAt(isNot(0)), es[:at], es[after:], es[beforeSplit:]},
		} {
			check := func(consumer iteratee.Iteratee[[]int, []int], on, after []int) {
				got, rest := split(t, c.t, consumer, in...)
				assert.True(t, slices.Equal(on, got), "%s hands on %v, not %v", name, got, on)
				assert.True(t, slices.Equal(after, slices.Concat(rest...)), "%s leaves over %v, not %v", name, rest, after)
				if smallest > 0 {
					assert.NotContains(t, rest, []int{}, name)
				}
			}
			check(iteratee.Consume[int](), c.on, c.after)
			check(items(k), c.on[:min(k, len(c.on))], c.rest)

			// A consumer of several parts: the head, then the other items.
			parts := iteratee.FlatMap(chunk.Head[int](), func(head *int) iteratee.Iteratee[[]int, []int] {
				if head == nil {
					return iteratee.Done[[]int]([]int(nil), iteratee.Empty[[]int]())
				}
				return itemsAfter([]int{*head}, k-1)
			})
			check(parts, c.on[:min(k, len(c.on))], c.rest)
		}
	})
}

func TestComposeConcatIsComposeInOneChunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m, k := rapid.IntRange(0, 9).Draw(t, "n"), rapid.IntRange(0, 9).Draw(t, "m"), rapid.IntRange(0, 9).Draw(t, "k")
		in := chunks{ints(1, 4), ints(5, 5), ints(6, 9)}
		first, second := chunk.TakeUpTo[int](n), chunk.TakeUpTo[int](m)
		want, wantRest := split(t, enumeratee.Compose(first, second), items(k), in...)
		got, rest := split(t, chunk.ComposeConcat(first, second), items(k), in...)
		assert.Equal(t, want, got)
		assert.Equal(t, slices.Concat(wantRest...), slices.Concat(rest...))
	})
}
