package items_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type (
	item    = enumerator.Item[int]
	adapter = enumeratee.Enumeratee[item, item]
	source  = enumerator.Source[int]
)

var errBoom = errors.New("boom")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

func message(n int) item { return item{Value: n, Position: at(uint64(n))} }

// messages returns the messages from first to last.
func messages(first, last int) (all []item) {
	for n := first; n <= last; n++ {
		all = append(all, message(n))
	}
	return all
}

var (
	bookmark = item{Position: at(0), Bookmark: true}
	gap      = item{Position: at(9), Gap: enumerator.Gap{From: at(8), N: 2}}
	reset    = item{Position: at(4), Reset: true}
	end      = item{Position: at(9), End: true}
)

// shown returns a text for each item: its value, or its notice and Seq.
func shown[E any](is []enumerator.Item[E]) string {
	var all []string
	for _, i := range is {
		switch {
		case i.IsMessage():
			all = append(all, fmt.Sprint(i.Value))
		case i.Gap.N > 0:
			all = append(all, fmt.Sprintf("gap:%d", i.Position.Seq))
		case i.Reset:
			all = append(all, fmt.Sprintf("reset:%d", i.Position.Seq))
		case i.Bookmark:
			all = append(all, fmt.Sprintf("at:%d", i.Position.Seq))
		case i.End:
			all = append(all, "end")
		}
	}
	return strings.Join(all, " ")
}

func collect[E any](t require.TestingT, e enumerator.Enumerator[E]) []E {
	all, err := enumerator.Run(context.Background(), e, iteratee.Collect[E]())
	require.NoError(t, err)
	return all
}

func even(n int) bool { return n%2 == 0 }
func never(int) bool  { return false }

func TestFilter(t *testing.T) {
	for name, c := range map[string]struct {
		keep func(int) bool
		in   []item
		want string
	}{
		"nothing":                     {even, nil, ""},
		"notices":                     {never, []item{bookmark, gap, reset, end}, "at:0 gap:9 reset:4 end"},
		"messages":                    {even, messages(1, 4), "2 4"},
		"the last is dropped":         {even, messages(1, 5), "2 4 at:5"},
		"one is dropped":              {even, messages(1, 1), "at:1"},
		"a notice after dropped ones": {even, []item{message(1), message(3), gap}, "gap:9"},
		"63 are dropped":              {never, messages(1, 63), "at:63"},
		"64 are dropped":              {never, messages(1, 64), "at:64"},
		"65 are dropped":              {never, messages(1, 65), "at:64 at:65"},
		"200 are dropped":             {never, messages(1, 200), "at:64 at:128 at:192 at:200"},
		"a message in between":        {func(n int) bool { return n == 40 }, messages(1, 110), "40 at:104 at:110"},
		"a notice in between":         {never, slices.Concat(messages(1, 8), []item{gap}, messages(10, 80)), "gap:9 at:73 at:80"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, shown(collect(t, enumerator.Through(enumerator.FromSlice(c.in), items.Filter(c.keep)))))
		})
	}

	t.Run("no field is lost", func(t *testing.T) {
		in := item{Value: 2, Position: at(2), Event: "price", Cursor: "cursor"}
		assert.Equal(t, []item{in}, collect(t, enumerator.Through(enumerator.Of(in), items.Filter(even))))
		want := item{Position: at(2), Cursor: "cursor", Bookmark: true}
		assert.Equal(t, []item{want}, collect(t, enumerator.Through(enumerator.Of(in), items.Filter(never))))
	})
	t.Run("a source that fails", func(t *testing.T) {
		e := enumerator.Through(enumerator.FromSlice(messages(1, 3)).AndThen(enumerator.Throw[item](errBoom)), items.Filter(even))
		var got []item
		_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(_ context.Context, i item) error { got = append(got, i); return nil }))
		assert.ErrorIs(t, err, errBoom)
		assert.Equal(t, "2", shown(got))
	})
	t.Run("a consumer that is done", func(t *testing.T) {
		e := enumerator.Through(enumerator.FromSlice(messages(1, 9)), items.Filter(even))
		assert.Equal(t, "2 4", shown(collect(t, enumerator.Through(e, enumeratee.Take[item](2)))))
	})
}

func TestMap(t *testing.T) {
	in := []item{bookmark, {Value: 7, Position: at(7), Event: "price", Cursor: "cursor"}, gap, reset, end}
	got := collect(t, enumerator.Through(enumerator.FromSlice(in), items.Map(func(n int) string { return fmt.Sprint(n + 1) })))
	assert.Equal(t, "at:0 8 gap:9 reset:4 end", shown(got))
	assert.Equal(t, enumerator.Item[string]{Value: "8", Position: at(7), Event: "price", Cursor: "cursor"}, got[1])
}

var adapters = map[string]func(t *rapid.T) adapter{
	"Filter":    func(*rapid.T) adapter { return items.Filter(even) },
	"Map":       func(*rapid.T) adapter { return items.Map(func(n int) int { return -n }) },
	"FilterMap": func(*rapid.T) adapter { return items.FilterMap(func(n int) (int, bool) { return -n, n%3 > 0 }) },
	"Encode": func(*rapid.T) adapter {
		encode := items.Encode(func(n int) ([]byte, error) { return []byte(fmt.Sprint(n)), nil })
		return enumeratee.Compose(encode, items.Map(func(b []byte) int { return len(b) }))
	},
}

func TestEveryAdapterKeepsTheLaws(t *testing.T) {
	probe.Listed(t, "Enumeratee", slices.Collect(maps.Keys(adapters)), "add it to adapters in items_test.go")
	probe.Listed(t, "Enumerator", []string{"Join"}, "test its laws, and add it here")
	rapid.Check(t, func(t *rapid.T) {
		var in []item
		for n := range rapid.IntRange(0, 5).Draw(t, "n") {
			in = append(in, rapid.SampledFrom([]item{message(n + 1), message(n + 1), gap, reset, bookmark}).Draw(t, "item"))
		}
		for name, adapter := range adapters {
			test := enumerateetest.Test[item, item]
			if name == "Map" || name == "Encode" {
				test = enumerateetest.TestRest[item, item]
			}
			assert.NoError(t, test(adapter(t), in), name)
		}
	})
}

func TestEncode(t *testing.T) {
	t.Run("once for many runs", func(t *testing.T) {
		var calls atomic.Int64
		encode := items.Encode(func(n int) ([]byte, error) { calls.Add(1); return []byte(fmt.Sprint("<", n, ">")), nil })
		in := append([]item{bookmark}, messages(1, 100)...)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				got := collect(t, enumerator.Through(enumerator.FromSlice(in), encode))
				assert.Len(t, got, 101)
				assert.True(t, got[0].Bookmark)
				for n, i := range got[1:] {
					assert.Equal(t, fmt.Sprint("<", n+1, ">"), string(i.Value))
					assert.Equal(t, at(uint64(n+1)), i.Position)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 100, calls.Load())
	})
	t.Run("the cache is bounded", func(t *testing.T) {
		var calls []int
		encode := items.Encode(func(n int) ([]byte, error) { calls = append(calls, n); return nil, nil })
		run := func(is ...item) { collect(t, enumerator.Through(enumerator.FromSlice(is), encode)) }
		run(message(1), message(1), message(256), message(1), message(2), message(256)) // 1 and 256 have one slot
		assert.Equal(t, []int{1, 256, 1, 2, 256}, calls)
	})
	t.Run("numbers that are multiples", func(t *testing.T) { // of one topic of many, which publish in turn
		for _, factor := range []uint64{1, 256, 65536} {
			calls := 0
			encode := items.Encode(func(n int) ([]byte, error) { calls++; return nil, nil })
			for range 2 {
				for n := range uint64(256) {
					collect(t, enumerator.Through(enumerator.Of(message(int((n+1)*factor))), encode))
				}
			}
			assert.LessOrEqual(t, calls, 258, factor)
		}
	})
	t.Run("other epochs and no Position", func(t *testing.T) {
		calls := 0
		encode := items.Encode(func(n int) ([]byte, error) { calls++; return []byte(fmt.Sprint(n)), nil })
		in := []item{{Value: 1}, {Value: 2}, {Value: 3, Position: at(1)}, {Value: 4, Position: enumerator.Position{Epoch: 72, Seq: 1}}}
		assert.Equal(t, "[49] [50] [51] [52]", shown(collect(t, enumerator.Through(enumerator.FromSlice(in), encode))))
	})
	t.Run("an error and a panic", func(t *testing.T) {
		calls := 0
		encode := items.Encode(func(n int) ([]byte, error) {
			if calls++; n == 2 {
				panic(errBoom)
			}
			return nil, errBoom
		})
		for range 2 {
			_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(message(1)), encode), iteratee.Ignore[enumerator.Item[[]byte]]())
			assert.ErrorIs(t, err, errBoom)
			assert.PanicsWithValue(t, errBoom, func() { collect(t, enumerator.Through(enumerator.Of(message(2)), encode)) })
		}
		assert.Equal(t, 2, calls)
	})
}

func TestCursor(t *testing.T) {
	names := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", ",", ":", "%", "\n", "%2C", "a+b", "a b", "é", "\xff", "a:1-11,b"}))
	rapid.Check(t, func(t *rapid.T) {
		positions := map[string]enumerator.Position{}
		length := 0
		for _, name := range rapid.SliceOfN(names, 0, 4).Draw(t, "names") {
			positions[name] = enumerator.Position{Epoch: rapid.OneOf(rapid.Just[uint64](36), rapid.Uint64Min(1)).Draw(t, "epoch"), Seq: rapid.Uint64().Draw(t, "seq")}
			length += 3*len(name) + 30
		}
		text := items.Cursor(positions)
		assert.LessOrEqual(t, len(text), length)
		assert.NotContains(t, text, "\n")
		assert.NotContains(t, text, "'")
		got, err := items.ParseCursor(text)
		require.NoError(t, err)
		assert.Equal(t, positions, got)
	})
	assert.Equal(t, "a:1z-11,b%2C:-210", items.Cursor(map[string]enumerator.Position{"b,": at(36), "none": {}, "a": at(1)}))
	for _, text := range []string{",", ":", "a", "a:", "1z-11", "a:1z-11,", ",a:1z-11", "b:1z-11,a:1z-11", "a:1z-11,a:1z-11", "a:1z-1", "a:-11", "a:1z-11,b:1z-12", "a,b:1z-11",
		"%61:1z-11", "%zz:1z-11", "a:1z-11:", "a b:1z-11", "a:1z-11\n", "null"} {
		_, err := items.ParseCursor(text)
		assert.ErrorContains(t, err, "is not a cursor", text)
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "a:1z-11", "a:1z-11,b%2C:-210", ":1z-11", "%00:1-10", "a:1z-11,", "%zz:1-11"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if positions, err := items.ParseCursor(s); err == nil {
			assert.Equal(t, s, items.Cursor(positions), "all Positions have one text")
		}
	})
}

// visit runs e until n Items have come or the source waits, and calls f with each Item.
func visit(t require.TestingT, e enumerator.Enumerator[item], n int, f func(item)) {
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		_, err := enumerator.Run(ctx, e, iteratee.FoldUntil(0, func(_ context.Context, count int, i item) (int, bool, error) {
			f(i)
			return count + 1, count+1 == n, nil
		}))
		if err != nil {
			assert.ErrorIs(t, err, context.Canceled)
		}
	})
	synctest.Wait()
	cancel()
	run.Wait()
}

// A client reads a filtered hub, or several that are joined. It is cut at random and comes back with its last id. It
// must get all messages that the filter keeps, once and in order. A Reset comes if and only if the hub does not hold
// all messages after the place of the client.
func TestNothingIsLostOverCuts(t *testing.T) {
	const capacity = 80
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) { // rapid asks a *testing.T for its Deadline, which fails in a bubble
			names, joins := []string{"only"}, rapid.Bool().Draw(t, "joins")
			if joins {
				names = []string{"a", "b,", ""}
			}
			every := rapid.SampledFrom([]int{1, 3, 97}).Draw(t, "every")
			keep := func(n int) bool { return n%every == 0 }
			hubs, sources := map[string]*enumerator.Hub[int]{}, map[string]source{}
			start := func(name string) {
				hubs[name] = enumerator.Broadcast[int](enumerator.Capacity(capacity))
				sources[name] = items.Via(hubs[name], items.Filter(keep))
			}
			for _, name := range names {
				start(name)
			}
			id := ""
			places := func() map[string]enumerator.Position { // where the client is
				if joins {
					places, err := items.ParseCursor(id)
					require.NoError(t, err)
					return places
				}
				p, err := enumerator.ParsePosition(id)
				require.NoError(t, err)
				return map[string]enumerator.Position{"only": p}
			}
			noneKept := func(after, upTo uint64) bool { return upTo/uint64(every) == after/uint64(every) }
			come := func(t *rapid.T, n int) {
				var e enumerator.Enumerator[item]
				if joins {
					e = items.Join(id, sources, 0)
				} else {
					e = sources["only"].From(places()["only"])
				}
				before := places()
				resets := map[string]bool{}
				first := true
				visit(t, e, n, func(i item) {
					old, isNew := places(), id == ""
					id = i.ID()
					assert.True(t, !joins || !first || i.Bookmark, "the run begins with a Bookmark")
					for name, p := range places() {
						q := old[name]
						switch {
						case i.Reset && p != q:
							resets[name] = true
							assert.Equal(t, name == i.Event, joins)
						case isNew:
							assert.Equal(t, hubs[name].Position(), p, "a new client begins with the next message")
						case i.IsMessage() && p != q:
							assert.True(t, keep(i.Value))
							assert.EqualValues(t, i.Value, p.Seq)
							assert.True(t, noneKept(q.Seq, p.Seq-1), "no message is lost between %d and %d", q.Seq, p.Seq)
							assert.Greater(t, p.Seq, q.Seq, "no message is repeated")
							assert.True(t, !joins || i.Event == name, "a message has the name of its source")
						case p != q:
							assert.True(t, i.Bookmark)
							assert.True(t, noneKept(q.Seq, p.Seq), "no message is lost between %d and %d", q.Seq, p.Seq)
						}
					}
					first = false
				})
				for name, p := range before {
					now := hubs[name].Position()
					mustReset := p != enumerator.Position{} && (p.Epoch != now.Epoch || p.Seq+capacity < now.Seq)
					assert.False(t, resets[name] && !mustReset, "a Reset came though nothing was missing")
					assert.True(t, resets[name] || !mustReset || n > 0, "a Reset is missing")
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"push": func(t *rapid.T) {
					hub := hubs[rapid.SampledFrom(names).Draw(t, "name")]
					for range rapid.IntRange(1, 40).Draw(t, "n") {
						require.NoError(t, hub.Push(context.Background(), int(hub.Position().Seq+1)))
					}
				},
				"come":          func(t *rapid.T) { come(t, rapid.IntRange(1, 9).Draw(t, "items")) },
				"come and stay": func(t *rapid.T) { come(t, 0) },
				"restart": func(t *rapid.T) {
					if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
						t.Skip("later")
					}
					start(rapid.SampledFrom(names).Draw(t, "name"))
				},
			})
			come(t, 0)
			for name, p := range places() {
				assert.Equal(t, hubs[name].Position().Epoch, p.Epoch)
				assert.True(t, noneKept(p.Seq, hubs[name].Position().Seq), "no message is lost at the end")
				assert.Less(t, hubs[name].Position().Seq-p.Seq, uint64(64), "the client is less than 64 messages behind")
			}
		})
	})
}
