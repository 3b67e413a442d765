package enumerator_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
	"github.com/halley-go/halley/iteratee/iterateetest"
)

type source = enumerator.Enumerator[int]

// gives has, of each exported function that returns an Enumerator of anything, a source that
// gives es. Some draws another that does, for one that is made of others.
var gives = map[string]func(t *rapid.T, es []int, some func(es []int) source) source{
	"Of":        func(_ *rapid.T, es []int, _ func([]int) source) source { return enumerator.Of(es...) },
	"FromSlice": func(_ *rapid.T, es []int, _ func([]int) source) source { return enumerator.FromSlice(es) },
	"FromSeq":   func(_ *rapid.T, es []int, _ func([]int) source) source { return enumerator.FromSeq(slices.Values(es)) },
	"Unfold": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return enumerator.Unfold(0, func(i int) (int, int, bool) { return at(es, i), i + 1, i < len(es) })
	},
	"UnfoldM": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return enumerator.UnfoldM(0, func(_ context.Context, i int) (int, int, bool, error) { return at(es, i), i + 1, i < len(es), nil })
	},
	"FromInput": func(_ *rapid.T, es []int, _ func([]int) source) source {
		var in iteratee.Input[int]
		for _, e := range es {
			in = in.Then(iteratee.El(e))
		}
		return enumerator.FromInput(in)
	},

	// What these keep is shared by all runs, or used up by the first: each run makes its own.
	"Generate": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return perRun(func() source {
			i := -1
			return enumerator.Generate(func(context.Context) (int, bool, error) { i++; return at(es, i), i < len(es), nil })
		})
	},
	"FromCallback": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return perRun(func() source {
			i := -1
			next := func(context.Context, bool) (int, bool, error) { i++; return at(es, i), i < len(es), nil }
			return enumerator.FromCallback(next, func() {}, func(error) {})
		})
	},
	"FromChan": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return perRun(func() source {
			ch := make(chan int, len(es))
			for _, e := range es {
				ch <- e
			}
			close(ch)
			return enumerator.FromChan(ch)
		})
	},

	"New": func(_ *rapid.T, es []int, some func([]int) source) source { return enumerator.New(some(es).Into) },
	"Empty": func(_ *rapid.T, es []int, some func([]int) source) source {
		return enumerator.Empty[int]().AndThen(some(es))
	},
	"AndThen": func(t *rapid.T, es []int, some func([]int) source) source {
		n := rapid.IntRange(0, len(es)).Draw(t, "split at")
		return some(es[:n]).AndThen(some(es[n:]))
	},
	"Defer": func(_ *rapid.T, es []int, some func([]int) source) source {
		e := some(es)
		return enumerator.Defer(func(context.Context) (source, error) { return e, nil })
	},
	"Through": func(t *rapid.T, es []int, some func([]int) source) source {
		more := some(someInts(t))
		return enumerator.Through(some(es).AndThen(more), enumeratee.Take[int](len(es)))
	},
	"Map": func(_ *rapid.T, es []int, some func([]int) source) source {
		negative := enumerator.Map(some(es), func(e int) int { return -e })
		return enumerator.Map(negative, func(e int) int { return -e })
	},
	"FlatMap": func(_ *rapid.T, es []int, some func([]int) source) source {
		var each []source
		for _, e := range es {
			each = append(each, some([]int{e}))
		}
		indices := enumerator.Unfold(0, func(i int) (int, int, bool) { return i, i + 1, i < len(es) })
		return enumerator.FlatMap(indices, func(i int) source { return each[i] })
	},
	"OnDoneEnumerating": func(_ *rapid.T, es []int, some func([]int) source) source {
		return enumerator.OnDoneEnumerating(some(es), func() error { return nil })
	},
	"Interleave": func(_ *rapid.T, es []int, some func([]int) source) source {
		return enumerator.Interleave(some(nil), some(es))
	},
	"Unicast": func(t *rapid.T, es []int, _ func([]int) source) source {
		return pushing(es, enumerator.Channel[int].End, enumerator.Capacity(rapid.IntRange(1, 4).Draw(t, "capacity")))
	},
	"Live": func(_ *rapid.T, es []int, some func([]int) source) source { // of Shared, which runs see from where they join
		e := some(es)
		return perRun(func() source { return values(enumerator.Share(e).Live()) })
	},
	"Last": func(_ *rapid.T, es []int, _ func([]int) source) source { return values(ended(es).Last(len(es))) },
	"From": func(_ *rapid.T, es []int, _ func([]int) source) source {
		hub := ended(es)
		return values(hub.From(enumerator.Position{Epoch: hub.Position().Epoch}))
	},
	"Values": func(_ *rapid.T, es []int, some func([]int) source) source {
		return values(enumerator.Map(some(es), func(e int) item { return item{Value: e} }))
	},
}

// ended is a hub that was pushed es, and has ended.
func ended(es []int) *enumerator.Hub[int] {
	hub := enumerator.Broadcast[int]()
	for _, e := range es {
		_ = hub.Push(context.Background(), e)
	}
	hub.End()
	return hub
}

func perRun(build func() source) source {
	return enumerator.Defer(func(context.Context) (source, error) { return build(), nil })
}

func at(es []int, i int) (e int) {
	if i < len(es) {
		e = es[i]
	}
	return e
}

func someInts(t *rapid.T) []int {
	return rapid.SliceOfN(rapid.IntRange(0, 4), 0, 5).Draw(t, "elements")
}

// someOf draws sources, made of others down to the depth.
func someOf(t *rapid.T, depth int) func([]int) source {
	return func(es []int) source {
		names := []string{"Of", "FromSeq", "Generate", "FromChan"}
		if depth > 0 {
			names = slices.Sorted(maps.Keys(gives))
		}
		return gives[rapid.SampledFrom(names).Draw(t, "source")](t, es, someOf(t, depth-1))
	}
}

func TestEveryEnumeratorKeepsTheLaws(t *testing.T) {
	for name, draw := range gives {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				es := someInts(t)
				assert.NoError(t, enumeratortest.Test(draw(t, es, someOf(t, 1)), es))
			})
		})
	}
	t.Run("Interleave of several", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			a, b, c := someInts(t), someInts(t), someInts(t)
			some := someOf(t, 1)
			assert.NoError(t, enumeratortest.Test(enumerator.Interleave(some(a), some(b), some(c)), a, b, c))
		})
	})
}

func TestEverySourceOfChunksKeepsTheLaws(t *testing.T) {
	name := filepath.Join(t.TempDir(), "chunks")
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "content")
		size := rapid.IntRange(1, 4).Draw(t, "size")
		chunks, single := slices.Collect(slices.Chunk(content, size)), slices.Collect(slices.Chunk(content, 1))
		from := func(wrap func(io.Reader) io.Reader) enumerator.Enumerator[[]byte] {
			return enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
				return enumerator.FromReader(wrap(bytes.NewReader(content)), size), nil
			})
		}
		assert.NoError(t, enumeratortest.Test(from(func(r io.Reader) io.Reader { return r }), chunks), "FromReader")
		assert.NoError(t, enumeratortest.Test(from(iotest.DataErrReader), chunks), "FromReader of what ends with its last chunk")
		assert.NoError(t, enumeratortest.Test(from(iotest.OneByteReader), single), "FromReader of single bytes")

		require.NoError(t, os.WriteFile(name, content, 0o600))
		assert.NoError(t, enumeratortest.Test(enumerator.FromFile(name, size), chunks), "FromFile")

		assert.NoError(t, enumeratortest.Test(enumerator.FromWriter(func(w io.Writer) error {
			for _, chunk := range chunks {
				if _, err := w.Write(chunk); err != nil {
					return err
				}
			}
			return nil
		}), chunks), "FromWriter")
	})
}

func TestEveryEndlessSourceKeepsTheLaws(t *testing.T) {
	sevens := []int{7, 7, 7}
	assert.NoError(t, enumeratortest.TestEndless(enumerator.Repeat(func() int { return 7 }), sevens), "Repeat")
	assert.NoError(t, enumeratortest.TestEndless(enumerator.RepeatM(func(context.Context) (int, error) { return 7, nil }), sevens), "RepeatM")
	synctest.Test(t, func(t *testing.T) { // no two runs see the same time
		ticks := enumerator.Map(enumerator.Interval(time.Hour), func(time.Time) int { return 7 })
		assert.NoError(t, enumeratortest.TestEndless(ticks, sevens), "Interval")
		assert.NoError(t, enumeratortest.TestEndless(enumerator.Interleave(ticks, ticks), sevens), "Interleave")
	})
}

func TestEveryEnumerateeOfSourcesKeepsTheLaws(t *testing.T) {
	few := func(t *rapid.T) []int { return rapid.SliceOfN(rapid.IntRange(0, 4), 0, 2).Draw(t, "few") }
	rapid.Check(t, func(t *rapid.T) {
		some := someOf(t, 1)
		e, atEOF, in := some(few(t)), some(few(t)), few(t)
		assert.NoError(t, enumerateetest.TestRest(enumerator.Heading(e), in), "Heading")
		assert.NoError(t, enumerateetest.TestRest(enumerator.Trailing(e), in), "Trailing")
		assert.NoError(t, enumerateetest.Test(enumerator.MapFlatten(func(int) source { return e }), in), "MapFlatten")
		assert.NoError(t, enumerateetest.Test(enumerator.MapInputFlatten(func(in iteratee.Input[int]) source {
			if in.IsEOF() {
				return atEOF
			}
			return e
		}), in), "MapInputFlatten")
	})
}

func TestApplyKeepsTheLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, in := someOf(t, 1)(someInts(t)), someInts(t)
		collect := iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[int, []int], error) {
			return enumerator.Apply(ctx, e, iteratee.Collect[int]()), nil // it can be used once
		})
		assert.NoError(t, iterateetest.Test(collect, in))
	})
}

func TestNoEnumeratorIsForgotten(t *testing.T) {
	assert.ElementsMatch(t, probe.FunctionsReturning(t, "Enumerator"), slices.Concat(slices.Collect(maps.Keys(gives)),
		[]string{"FromReader", "FromFile", "FromWriter", "Repeat", "RepeatM", "Interval", "Live", "Last", "From"})) // these three of Hub or Shared
	assert.ElementsMatch(t, probe.FunctionsReturning(t, "Enumeratee"), []string{"Heading", "MapFlatten", "MapInputFlatten", "Trailing"})
	assert.ElementsMatch(t, probe.FunctionsReturning(t, "Iteratee"), []string{"Apply"})
}
