package items_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func push(t *testing.T, hub *enumerator.Hub[int], from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		require.NoError(t, hub.Push(t.Context(), n))
	}
}

// The connection is cut before the first message. The messages that are pushed then come when the client is back.
func TestAClientComesBackBeforeItsFirstMessage(t *testing.T) {
	hub := enumerator.Broadcast[int]()
	push(t, hub, 1, 5)
	var id string
	for i, err := range enumerator.All(t.Context(), hub.Live()) {
		require.NoError(t, err)
		assert.True(t, i.Bookmark)
		id = i.ID()
		break
	}
	push(t, hub, 6, 8)
	hub.End()
	p, err := enumerator.ParsePosition(id)
	require.NoError(t, err)
	assert.Equal(t, "at:5 6 7 8", shown(collect(t, hub.From(p))))
}

// One message is kept and 2,000 are dropped, many more than the hub holds. The client comes back without a Reset.
func TestAClientOfAFilteredHubComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := enumerator.Broadcast[int]()
		filtered := items.Via(hub, items.Filter(func(n int) bool { return n == 1 || n == 2002 }))
		var id string
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = enumerator.Run(ctx, filtered.From(hub.Position()), iteratee.ForEach(func(_ context.Context, i item) error { id = i.ID(); return nil }))
		}()
		synctest.Wait()
		for n := 1; n <= 2001; n++ {
			push(t, hub, n, n)
			if n%50 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		cancel()
		<-done
		push(t, hub, 2002, 2002)
		hub.End()
		p, err := enumerator.ParsePosition(id)
		require.NoError(t, err)
		assert.Equal(t, "at:1985 2002", shown(collect(t, filtered.From(p))), "2001 is 31 times 64 messages after 1, and 16")
	})
}

func TestJoin(t *testing.T) {
	hub := func(n int, opts ...enumerator.PushOption) *enumerator.Hub[int] {
		hub := enumerator.Broadcast[int](opts...)
		push(t, hub, 1, n)
		hub.End()
		return hub
	}
	run := func(cursor string, sources map[string]source) (all map[string]string, first item, last string) {
		byEvent := map[string][]item{}
		for n, i := range collect(t, items.Join(cursor, sources, 0)) {
			if n == 0 {
				first = i
				continue
			}
			byEvent[i.Event] = append(byEvent[i.Event], i)
			last = i.ID()
		}
		all = map[string]string{}
		for event, is := range byEvent {
			all[event] = shown(is)
		}
		return all, first, last
	}

	a, b := hub(3), hub(300) // b holds 256
	sources := map[string]source{"a": a, "b,": b}
	place := func(a, b uint64) string {
		return items.Cursor(map[string]enumerator.Position{
			"a": {Epoch: sources["a"].Position().Epoch, Seq: a}, "b,": {Epoch: sources["b,"].Position().Epoch, Seq: b},
		})
	}
	t.Run("two hubs over one run", func(t *testing.T) {
		all, first, last := run(place(1, 298), sources)
		assert.Equal(t, item{Cursor: place(1, 298), Bookmark: true}, first)
		assert.Equal(t, map[string]string{"a": "2 3", "b,": "299 300"}, all)
		assert.Equal(t, place(3, 300), last)
	})
	t.Run("no cursor", func(t *testing.T) {
		all, first, _ := run("", sources)
		assert.Equal(t, place(3, 300), first.Cursor)
		assert.Empty(t, all)
	})
	t.Run("the last n", func(t *testing.T) {
		for n, want := range map[int]map[string]string{
			0:    {},
			2:    {"a": "2 3", "b,": "299 300"},
			3:    {"a": "1 2 3", "b,": "298 299 300"},
			1000: {"a": "1 2 3"},
		} {
			all := map[string][]item{}
			var last string
			for i, err := range enumerator.All(t.Context(), items.Join("", sources, n)) {
				require.NoError(t, err)
				assert.False(t, i.Reset, "a new client has lost nothing")
				last = i.ID()
				if i.IsMessage() {
					all[i.Event] = append(all[i.Event], i)
				}
			}
			if n == 1000 {
				assert.Regexp(t, "^45 46 .* 300$", shown(all["b,"]), "the hub holds 256")
				delete(all, "b,")
			}
			got := map[string]string{}
			for event, is := range all {
				got[event] = shown(is)
			}
			assert.Equal(t, want, got, "%d", n)
			assert.Equal(t, place(3, 300), last)
		}
	})
	t.Run("the last n of a source that the client does not know", func(t *testing.T) {
		known := items.Cursor(map[string]enumerator.Position{"a": {Epoch: a.Position().Epoch, Seq: 3}})
		got := map[string]string{}
		for i, err := range enumerator.All(t.Context(), items.Join(known, sources, 2)) {
			require.NoError(t, err)
			got[i.Event] += shown([]item{i}) + " "
		}
		assert.Equal(t, map[string]string{"": got[""], "b,": "299 300 "}, got)
	})
	t.Run("a negative n", func(t *testing.T) {
		assert.PanicsWithValue(t, "enumeratee/items: Join: n must not be negative, got -1", func() { items.Join("", sources, -1) })
	})
	t.Run("one is reset", func(t *testing.T) {
		all, _, last := run(place(2, 10), sources)
		assert.Equal(t, "3", all["a"])
		assert.Regexp(t, "^reset:44 45 46 .* 300$", all["b,"])
		assert.Equal(t, place(3, 300), last)
	})
	t.Run("a cursor of one source and of another name", func(t *testing.T) {
		cursor := items.Cursor(map[string]enumerator.Position{"a": {Epoch: a.Position().Epoch, Seq: 2}, "c": at(1)})
		all, first, _ := run(cursor, sources)
		assert.Equal(t, place(2, 300), first.Cursor)
		assert.Equal(t, map[string]string{"a": "3"}, all)
	})
	t.Run("not a cursor", func(t *testing.T) {
		for _, cursor := range []string{"nonsense", a.Position().String(), "a:"} {
			all, first, last := run(cursor, sources)
			assert.True(t, first.Bookmark)
			assert.Equal(t, "reset:0 1 2 3", all["a"])
			assert.Regexp(t, "^reset:44 45", all["b,"])
			assert.Equal(t, place(3, 300), last)
		}
	})
	t.Run("no sources", func(t *testing.T) {
		assert.Equal(t, []item{{Bookmark: true}}, collect(t, items.Join[int]("", nil, 0)))
	})
	t.Run("gaps, Bookmarks and Ends", func(t *testing.T) {
		in := []item{bookmark, {Position: at(5), Bookmark: true}, gap, end}
		all, _, last := run("a:1z-10", map[string]source{"a": fixed(in)})
		assert.Equal(t, map[string]string{"": "at:5", "a": "gap:9"}, all)
		assert.Equal(t, "a:1z-19", last)
	})
	t.Run("an Item without a Position", func(t *testing.T) {
		all, _, last := run("a:1z-10", map[string]source{"a": fixed{message(4), {Value: 5}}})
		assert.Equal(t, map[string]string{"a": "4 5"}, all)
		assert.Equal(t, "a:1z-14", last)
	})
	t.Run("a source that fails", func(t *testing.T) {
		broken := enumerator.Broadcast[int]()
		broken.EndWithError(errBoom)
		endless := enumerator.Broadcast[int]()
		_, err := enumerator.Run(t.Context(), items.Join("", map[string]source{"a": broken, "b": endless}, 0), iteratee.Ignore[item]())
		assert.ErrorIs(t, err, errBoom)
		assert.Zero(t, endless.Runs())
	})
	t.Run("a source that panics", func(t *testing.T) {
		endless := enumerator.Broadcast[int]()
		poisoned := items.Via(fixed{message(1)}, items.Filter(func(int) bool { panic("poisoned") }))
		assert.PanicsWithValue(t, "poisoned", func() {
			_, _ = enumerator.Run(t.Context(), items.Join("", map[string]source{"a": endless, "b": poisoned}, 0), iteratee.Ignore[item]())
		})
		assert.Zero(t, endless.Runs())
	})
	t.Run("a source goes on after the end of another", func(t *testing.T) {
		hub := enumerator.Broadcast[int]()
		var got []item
		for i, err := range enumerator.All(t.Context(), items.Join("", map[string]source{"a": fixed{message(4), end}, "b": hub}, 0)) {
			require.NoError(t, err)
			if got = append(got, i); i.Value == 4 {
				require.NoError(t, hub.Push(t.Context(), 5))
				hub.End()
			}
		}
		assert.Equal(t, "at:0 4 5", shown(got))
	})
	t.Run("a consumer that is done", func(t *testing.T) {
		for n := range 3 {
			got, err := enumerator.Run(t.Context(), enumerator.Through(items.Join(place(0, 290), sources, 0), enumeratee.Take[item](n)), iteratee.Collect[item]())
			require.NoError(t, err)
			assert.Len(t, got, n)
			assert.Zero(t, a.Runs()+b.Runs())
		}
	})
	t.Run("names of notices", func(t *testing.T) {
		for _, name := range []string{"gap", "reset", "bookmark", "heartbeat", "end", "message", "open", "error", "state"} {
			assert.PanicsWithValue(t, fmt.Sprintf("enumeratee/items: Join: a source must not have the name %q, which has a meaning of its own", name),
				func() { items.Join("", map[string]source{name: a}, 0) })
		}
	})
}

// fixed is a Source of the same Items each time.
type fixed []item

func (f fixed) From(enumerator.Position) enumerator.Enumerator[item] { return enumerator.FromSlice(f) }
func (f fixed) Last(int) enumerator.Enumerator[item]                 { return enumerator.FromSlice(f) }
func (f fixed) Position() enumerator.Position                        { return f[len(f)-1].Position }

// sparse is a Source whose numbers have 99 unused ones between them.
type sparse struct{ *enumerator.Hub[int] }

func (s sparse) Position() enumerator.Position { return spread(s.Hub.Position()) }

func (s sparse) Last(n int) enumerator.Enumerator[item] { return s.spread(s.Hub.Last(n)) }

func (s sparse) From(p enumerator.Position) enumerator.Enumerator[item] {
	if p.Seq%100 != 0 {
		p.Epoch = 1 // not a place of this Source
	}
	p.Seq /= 100
	return s.spread(s.Hub.From(p))
}

func (s sparse) spread(source enumerator.Enumerator[item]) enumerator.Enumerator[item] {
	return enumerator.Map(source, func(i item) item {
		i.Position, i.Gap.From = spread(i.Position), spread(i.Gap.From)
		return i
	})
}

func spread(p enumerator.Position) enumerator.Position {
	return enumerator.Position{Epoch: p.Epoch, Seq: 100 * p.Seq}
}

// The opening Bookmark has no places for new sources. Each of them adds its place.
func TestJoinOfNewSources(t *testing.T) {
	hub := func(n int) source {
		hub := enumerator.Broadcast[int](enumerator.Capacity(4))
		push(t, hub, 1, n)
		hub.End()
		return sparse{hub}
	}
	known, empty, long := hub(3), hub(0), hub(9)
	sources := map[string]source{"known": known, "empty": empty, "long": long}
	place := func(s source, seq uint64) enumerator.Position {
		return enumerator.Position{Epoch: s.Position().Epoch, Seq: seq}
	}
	cursor := items.Cursor(map[string]enumerator.Position{"known": place(known, 200)})
	for n, want := range map[int][]string{
		0: {},
		1: {"at:800", "9"},
		3: {"at:600", "7", "8", "9"},
		7: {"at:500", "6", "7", "8", "9"},
	} {
		got := collect(t, items.Join(cursor, sources, n))
		if n == 0 {
			assert.Equal(t, items.Cursor(map[string]enumerator.Position{"known": place(known, 200), "empty": place(empty, 0), "long": place(long, 900)}), got[0].Cursor)
			assert.Equal(t, "at:0 3", shown(got))
			continue
		}
		assert.Equal(t, item{Cursor: cursor, Bookmark: true}, got[0])
		var ofLong []string
		at := map[string]enumerator.Position{"known": place(known, 200)}
		for _, i := range got[1:] {
			assert.False(t, i.Reset)
			before := at
			var err error
			at, err = items.ParseCursor(i.Cursor)
			require.NoError(t, err)
			if at["long"] != before["long"] {
				ofLong = append(ofLong, shown([]item{i}))
				if i.Bookmark {
					ofLong[len(ofLong)-1] = fmt.Sprintf("at:%d", at["long"].Seq)
				}
			}
		}
		assert.Equal(t, want, ofLong)
		assert.Equal(t, map[string]enumerator.Position{"known": place(known, 300), "empty": place(empty, 0), "long": place(long, 900)}, at)
	}
}

// A client that is cut after any Items and comes back gets each message once after the first place that it knows.
func TestJoinOfAClientThatIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hubs, sources := map[string]*enumerator.Hub[int]{}, map[string]source{}
		for _, name := range []string{"a", "b", "c"} {
			hubs[name] = enumerator.Broadcast[int](enumerator.Capacity(1000))
			sources[name] = sparse{hubs[name]}
		}
		n := rapid.IntRange(0, 3).Draw(t, "n")
		var cursor string
		known := map[string]enumerator.Position{}
		next := func(i item) {
			if i.Reset || i.Gap.N > 0 {
				t.Fatalf("%s was told of a loss", i.Event)
			}
			if place, ok := known[i.Event]; ok && i.IsMessage() && i.Position.Seq != place.Seq+100 {
				t.Fatalf("%s: %d follows %d", i.Event, i.Position.Seq, place.Seq)
			}
			cursor = i.ID()
			var err error
			if known, err = items.ParseCursor(cursor); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(0, 5).Draw(t, "cuts") {
			for name, hub := range hubs {
				for range rapid.IntRange(0, 4).Draw(t, name) {
					_ = hub.Push(context.Background(), 0)
				}
			}
			left := rapid.IntRange(1, 4).Draw(t, "Items")
			for i, err := range enumerator.All(context.Background(), items.Join(cursor, sources, n)) {
				if err != nil {
					t.Fatal(err)
				}
				next(i)
				if left--; left == 0 {
					break
				}
				for _, hub := range hubs { // so that there is a next Item
					_ = hub.Push(context.Background(), 0)
				}
			}
		}
		for _, hub := range hubs {
			hub.End()
		}
		for i, err := range enumerator.All(context.Background(), items.Join(cursor, sources, n)) {
			if err != nil {
				t.Fatal(err)
			}
			next(i)
		}
		for name, source := range sources {
			if known[name] != source.Position() {
				t.Fatalf("%s: the client is at %v, and the source at %v", name, known[name], source.Position())
			}
		}
	})
}

func TestAny(t *testing.T) {
	hub := enumerator.Broadcast[int]()
	push(t, hub, 1, 2)
	hub.End()
	anything := items.Any[int](hub)
	assert.Equal(t, hub.Position(), anything.Position())
	p := hub.Position()
	p.Seq = 1
	assert.Equal(t, "at:1 2", shown(collect(t, anything.From(p))))
	assert.Equal(t, "at:1 2", shown(collect(t, anything.Last(1))))
}

// BenchmarkEncode delivers messages of 200 bytes to 1,000 readers, in turn with an encoder that encodes for each reader.
func BenchmarkEncode(b *testing.B) {
	const readers, n = 1000, 100
	f := func(n int) ([]byte, error) {
		var text []byte
		for i := range 40 {
			text = strconv.AppendInt(append(text, ','), int64(1000+n+i), 10)
		}
		return text, nil
	}
	in, ignore := enumerator.FromSlice(messages(1, n)), iteratee.Ignore[enumerator.Item[[]byte]]()
	measure := func(adapter enumeratee.Enumeratee[item, enumerator.Item[[]byte]]) time.Duration {
		start := time.Now()
		for range readers {
			if _, err := enumerator.Run(b.Context(), enumerator.Through(in, adapter), ignore); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(start)
	}
	each := enumeratee.MapM(func(_ context.Context, i item) (enumerator.Item[[]byte], error) {
		chunk, err := f(i.Value)
		return enumerator.Item[[]byte]{Value: chunk, Position: i.Position}, err
	})
	var once, forEach time.Duration
	for b.Loop() {
		once += measure(items.Encode(f))
		forEach += measure(each)
	}
	b.ReportMetric(float64(once)/float64(forEach), "x-of-encoding-for-each")
	b.ReportMetric(float64(once.Nanoseconds())/float64(b.N*readers*n), "ns/delivery")
	b.ReportMetric(0, "ns/op") // hides the time of both together, which means nothing
}

// slow is a source that takes a second to return its Position, like a topic of a slow store.
type slow struct{ enumerator.Source[int] }

func (s slow) Position() enumerator.Position {
	time.Sleep(time.Second)
	return s.Source.Position()
}

func TestJoinAsksAllSourcesForTheirPositionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sources := map[string]enumerator.Source[int]{}
		for n := range 64 {
			sources[strconv.Itoa(n)] = slow{enumerator.Broadcast[int]()}
		}
		begin := time.Now()
		for i, err := range enumerator.All(t.Context(), items.Join("", sources, 0)) {
			require.NoError(t, err)
			require.True(t, i.Bookmark)
			break
		}
		require.Equal(t, time.Second, time.Since(begin))
	})
}
