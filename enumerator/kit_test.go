package enumerator_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
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

// gives holds, for each exported function that returns an Enumerator of any type, a source that gives
// es. A source made of others draws them with some.
var gives = map[string]func(t *rapid.T, es []int, some func(es []int) source) source{
	"Of":        func(_ *rapid.T, es []int, _ func([]int) source) source { return enumerator.Of(es...) },
	"FromSlice": func(_ *rapid.T, es []int, _ func([]int) source) source { return enumerator.FromSlice(es) },
	"FromSeq":   func(_ *rapid.T, es []int, _ func([]int) source) source { return enumerator.FromSeq(slices.Values(es)) },
	"FromSeq2": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return enumerator.FromSeq2(func(yield func(int, error) bool) {
			for _, e := range es {
				if !yield(e, nil) {
					return
				}
			}
		})
	},
	"Unfold": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return enumerator.Unfold(0, func(i int) (int, int, bool) { return at(es, i), i + 1, i < len(es) })
	},
	"UnfoldM": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return enumerator.UnfoldM(0, func(_ context.Context, i int) (int, int, bool, error) { return at(es, i), i + 1, i < len(es), nil })
	},
	"Range": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return enumerator.Map(enumerator.Range(0, len(es)), func(i int) int { return es[i] })
	},
	"FromInput": func(_ *rapid.T, es []int, _ func([]int) source) source {
		var in iteratee.Input[int]
		for _, e := range es {
			in = in.Then(iteratee.El(e))
		}
		return enumerator.FromInput(in)
	},

	// All runs of these share their state, or the first uses it up, so each run makes its own source.
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

	"Joined": func(_ *rapid.T, es []int, some func([]int) source) source {
		feed := some(es)
		return enumerator.Defer(func(ctx context.Context) (source, error) {
			consumer, e := enumerator.Joined[int]()
			go func() { _, _ = enumerator.Run(ctx, feed, consumer) }()
			return e, nil
		})
	},
	"RunPartial": func(t *rapid.T, es []int, some func([]int) source) source {
		e, n := some(es), rapid.IntRange(0, len(es)+1).Draw(t, "taken")
		return enumerator.Defer(func(ctx context.Context) (source, error) {
			taken, rest, stop, err := enumerator.RunPartial(ctx, e, iteratee.TakeUpTo[int](n))
			iteratee.AtEnd(ctx, stop)
			return enumerator.FromSlice(taken).AndThen(rest), err
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
	"Throw": func(_ *rapid.T, es []int, some func([]int) source) source {
		e := some(es) // not in the function, which several runs call at the same time
		return enumerator.Catch(enumerator.Throw[int](errBoom), func(error) source { return e })
	},
	"Catch": func(t *rapid.T, es []int, some func([]int) source) source {
		n := rapid.IntRange(0, len(es)).Draw(t, "split at")
		first, second := some(es[:n]), some(es[n:])
		return enumerator.Catch(first.AndThen(enumerator.Throw[int](errBoom)), func(error) source { return second })
	},
	"Retry": func(t *rapid.T, es []int, some func([]int) source) source {
		n := rapid.IntRange(0, len(es)).Draw(t, "split at")
		first, second := some(es[:n]).AndThen(enumerator.Throw[int](errBoom)), some(es[n:])
		return perRun(func() source {
			tries := 0
			return enumerator.Retry(enumerator.Defer(func(context.Context) (source, error) {
				if tries++; tries == 1 {
					return first, nil
				}
				return second, nil
			}), 1)
		})
	},
	"Materialize": func(_ *rapid.T, es []int, some func([]int) source) source {
		return enumerator.Through(enumerator.Materialize(some(es)), enumeratee.FilterMap(func(n enumerator.Notification[int]) (int, bool) {
			return n.Value, !n.End
		}))
	},
	"Dematerialize": func(_ *rapid.T, es []int, some func([]int) source) source {
		values := enumerator.Map(some(es), func(e int) enumerator.Notification[int] { return enumerator.Notification[int]{Value: e} })
		return enumerator.Dematerialize(values.AndThen(enumerator.Of(enumerator.Notification[int]{End: true})).AndThen(values))
	},
	"FlatMapConcurrent": func(t *rapid.T, es []int, some func([]int) source) source { // one source at a time keeps the order
		n := rapid.IntRange(0, len(es)).Draw(t, "split at")
		parts := []source{some(es[:n]), some(es[n:])}
		indices := enumerator.Unfold(0, func(i int) (int, int, bool) { return i, i + 1, i < len(parts) })
		return enumerator.FlatMapConcurrent(indices, 1, func(i int) source { return parts[i] })
	},
	"SwitchMap": func(_ *rapid.T, es []int, some func([]int) source) source {
		e := some(es)
		return enumerator.SwitchMap(enumerator.Of(0), func(int) source { return e })
	},
	"PatchPanel": func(_ *rapid.T, es []int, some func([]int) source) source {
		e := some(es)
		return enumerator.PatchPanel(func(_ context.Context, patchIn func(source) bool) error { patchIn(e); return nil })
	},
	"Interleave": func(_ *rapid.T, es []int, some func([]int) source) source {
		return enumerator.Interleave(some(nil), some(es))
	},
	"TakeUntil": func(_ *rapid.T, es []int, some func([]int) source) source {
		return enumerator.TakeUntil(some(es), silent())
	},
	"DropUntil": func(_ *rapid.T, es []int, some func([]int) source) source {
		e := some(es)
		return knocked(e, func(e source) source { return enumerator.DropUntil(e, enumerator.Empty[int]()) })
	},
	"Zip": func(t *rapid.T, es []int, some func([]int) source) source {
		pairs := enumerator.Zip(some(es), some(slices.Concat(es, someInts(t))))
		return enumerator.Map(pairs, func(p iteratee.Pair[int, int]) int { return (p.First + p.Second) / 2 })
	},
	"ZipWith": func(t *rapid.T, es []int, some func([]int) source) source {
		return enumerator.ZipWith(some(slices.Concat(es, someInts(t))), some(es), func(_, e int) int { return e })
	},
	"CombineLatest": func(_ *rapid.T, es []int, some func([]int) source) source {
		e := some(es)
		return knocked(e, func(e source) source {
			return enumerator.CombineLatest(e, enumerator.Of("").AndThen(enumerator.Empty[string]()), func(e int, _ string) int { return e })
		})
	},
	"WithLatestFrom": func(_ *rapid.T, es []int, some func([]int) source) source {
		e := some(es)
		return knocked(e, func(e source) source {
			return enumerator.WithLatestFrom(e, enumerator.Of(""), func(e int, _ string) int { return e })
		})
	},
	"Race": func(_ *rapid.T, es []int, some func([]int) source) source {
		return enumerator.Race(silent(), some(es), enumerator.Never[int]())
	},
	"SampleBy": func(t *rapid.T, es []int, some func([]int) source) source { // the last of each
		return lasts(t, es, some, func(e source) source { return enumerator.SampleBy(e, silent()) })
	},
	"DebounceBy": func(t *rapid.T, es []int, some func([]int) source) source {
		return lasts(t, es, some, func(e source) source {
			return enumerator.DebounceBy(e, func(int) source { return silent() })
		})
	},
	"Unicast": func(t *rapid.T, es []int, _ func([]int) source) source {
		return pushing(es, enumerator.Channel[int].End, enumerator.Capacity(rapid.IntRange(1, 4).Draw(t, "capacity")))
	},
	"Live": func(_ *rapid.T, es []int, some func([]int) source) source { // the Live of Shared; each run makes its own Shared
		e := some(es)
		return perRun(func() source { return values(enumerator.Share(e).Live()) })
	},
	"Last": func(_ *rapid.T, es []int, _ func([]int) source) source { return values(ended(es).Last(len(es))) },
	"From": func(_ *rapid.T, es []int, _ func([]int) source) source {
		hub := ended(es)
		return values(hub.From(enumerator.Position{Epoch: hub.Position().Epoch}))
	},
	"FromOrLast": func(_ *rapid.T, es []int, _ func([]int) source) source {
		return values(ended(es).FromOrLast(enumerator.Position{}, len(es)))
	},
	"Values": func(_ *rapid.T, es []int, some func([]int) source) source {
		return values(enumerator.Map(some(es), func(e int) item { return item{Value: e} }))
	},
}

// ended returns a hub into which es were pushed and that has ended.
func ended(es []int) *enumerator.Hub[int] {
	hub := enumerator.Broadcast[int]()
	for _, e := range es {
		_ = hub.Push(context.Background(), e)
	}
	hub.End()
	return hub
}

// knocked returns the source of e behind an operator that drops elements at first: e comes when another element has
// passed.
func knocked(e source, operator func(source) source) source {
	return perRun(func() source {
		var passed atomic.Bool
		knocks := enumerator.Unfold(0, func(n int) (int, int, bool) {
			runtime.Gosched() // let the other source run
			return -1, n, !passed.Load()
		})
		return enumerator.Through(operator(knocks.AndThen(e)), enumeratee.Filter(func(e int) bool {
			if e < 0 {
				passed.Store(true)
			}
			return e >= 0
		}))
	})
}

// lasts returns the source of es, each the last element of a source behind an operator that hands on the last.
func lasts(t *rapid.T, es []int, some func([]int) source, operator func(source) source) source {
	var each []source
	for _, e := range es {
		each = append(each, operator(some(append(someInts(t), e))))
	}
	return enumerator.FlatMap(enumerator.Range(0, len(es)), func(i int) source { return each[i] })
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

// someOf draws sources that are made of others, depth levels deep.
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
	t.Run("several at once", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			a, b, c := someInts(t), someInts(t), someInts(t)
			some := someOf(t, 1)
			sources := []source{some(a), some(b), some(c)}
			assert.NoError(t, enumeratortest.Test(enumerator.Interleave(sources...), a, b, c), "Interleave")
			limit := rapid.IntRange(2, 4).Draw(t, "limit")
			assert.NoError(t, enumeratortest.Test(enumerator.FlatMapConcurrent(enumerator.Of(0, 1, 2), limit, func(i int) source { return sources[i] }), a, b, c), "FlatMapConcurrent")
		})
	})
}

// A consumer that embeds another one and declares Next gets every element by that Next, also if the embedded
// consumer can take several elements at once.
func TestNoEnumeratorGoesAroundNext(t *testing.T) {
	for name, draw := range gives {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				es := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 40).Draw(t, "elements")
				counted := probe.Counted[int, []int]{It: iteratee.Collect[int]()}
				got, err := enumerator.Run(context.Background(), draw(t, es, someOf(t, 1)), counted.Iteratee())
				require.NoError(t, err)
				assert.Equal(t, es, append([]int{}, got...))
				assert.EqualValues(t, len(es), counted.Nexts.Load())
			})
		})
	}
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
		assert.NoError(t, enumeratortest.Test(from(iotest.DataErrReader), chunks), "FromReader whose last chunk comes with io.EOF")
		assert.NoError(t, enumeratortest.Test(from(iotest.OneByteReader), single), "FromReader of single bytes")

		closer := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
		assert.NoError(t, enumeratortest.Test(enumerator.FromReadCloser(closer, size), chunks), "FromReadCloser")
		assert.NoError(t, enumeratortest.Test(enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[[]byte], error) {
			r := enumerator.ToReader(ctx, enumerator.FromReadCloser(closer, size))
			iteratee.AtEnd(ctx, func() { r.Close() })
			return enumerator.FromReader(r, size), nil
		}), chunks), "FromReader of ToReader")
		assert.NoError(t, enumeratortest.Test(enumerator.Map(enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
			s := bufio.NewScanner(bytes.NewReader(content))
			s.Split(bufio.ScanBytes)
			return enumerator.FromScanner(s), nil
		}), bytes.Clone), single), "FromScanner")

		require.NoError(t, os.WriteFile(name, content, 0o600))
		assert.NoError(t, enumeratortest.Test(enumerator.FromFile(name, size), chunks), "FromFile")
		// The kit keeps the elements that it gets.
		clone := func(e enumerator.Enumerator[[]byte]) enumerator.Enumerator[[]byte] {
			return enumerator.Map(e, slices.Clone[[]byte])
		}
		assert.NoError(t, enumeratortest.Test(clone(enumerator.FromFileReuse(name, size)), chunks), "FromFileReuse")
		assert.NoError(t, enumeratortest.Test(enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
			return clone(enumerator.FromReaderReuse(bytes.NewReader(content), size)), nil
		}), chunks), "FromReaderReuse")

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
		once := enumerator.Map(enumerator.Timer(time.Hour), func(time.Time) int { return 7 })
		assert.NoError(t, enumeratortest.Test(once, []int{7}), "Timer")
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
			return enumerator.Apply(ctx, e, iteratee.Collect[int]()), nil // the Iteratee can be used once
		})
		assert.NoError(t, iterateetest.Test(collect, in))
	})
}

func TestTheConsumerOfJoinedKeepsTheLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 4).Draw(t, "done after")
		consumer := iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[int, none], error) {
			consumer, e := enumerator.Joined[int]()
			go func() { _, _ = seen(ctx, e, n) }()
			return consumer, nil
		})
		assert.NoError(t, iterateetest.Test(consumer, someInts(t)))
	})
}

func TestNoEnumeratorIsForgotten(t *testing.T) {
	listed := append(slices.Collect(maps.Keys(gives)),
		"FromReader", "FromReaderReuse", "FromReadCloser", "FromFile", "FromFileReuse", "FromScanner", "FromWriter", // of chunks
		"Repeat", "RepeatM", "Interval", "Timer", "Never", // endless, or with a clock
		"Live", "Last", "From", "FromOrLast") // the last three are of Shared
	listed = slices.DeleteFunc(listed, func(name string) bool {
		return name == "Joined" || name == "RunPartial" // these return an Enumerator beside another value
	})
	probe.Listed(t, "Enumerator", listed,
		"add it to gives in kit_test.go; or add a source of chunks to TestEverySourceOfChunksKeepsTheLaws and here, and a source with a clock or without an end to TestEveryEndlessSourceKeepsTheLaws and here")
	probe.Listed(t, "Enumeratee", []string{"Heading", "MapFlatten", "MapInputFlatten", "Trailing"},
		"add it to TestEveryEnumerateeOfSourcesKeepsTheLaws and here")
	probe.Listed(t, "Iteratee", []string{"Apply", "Joined"}, "test it as TestApplyKeepsTheLaws does, and add it here")
}
