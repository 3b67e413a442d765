package comet_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	adapters "github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestLongPoll(t *testing.T) {
	const wait = 25 * time.Second
	push := func(hub *enumerator.Hub[string], values ...string) {
		for _, value := range values {
			require.NoError(t, hub.Push(context.Background(), value))
		}
	}
	poll := func(hub *enumerator.Hub[string], after enumerator.Position) (got []item, took time.Duration) {
		start := time.Now()
		got, err := enumerator.Run(context.Background(), comet.LongPoll(hub, after, wait), iteratee.Collect[item]())
		require.NoError(t, err)
		return got, time.Since(start)
	}
	values := func(items []item) (vs []string) {
		for _, i := range items {
			vs = append(vs, i.Value)
		}
		return vs
	}

	t.Run("a new client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			for range 2 {
				got, took := poll(hub, enumerator.Position{})
				assert.Equal(t, []item{{Position: hub.Position(), Bookmark: true}}, got)
				assert.Zero(t, took)
				push(hub, "a", "b")
			}
		})
	})
	t.Run("elements are held", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			start := hub.Position()
			push(hub, "a", "b", "c")
			got, took := poll(hub, start)
			assert.Equal(t, []string{"a", "b", "c"}, values(got))
			assert.Zero(t, took)
			got, took = poll(hub, got[1].Position)
			assert.Equal(t, []string{"c"}, values(got))
			assert.Zero(t, took)
		})
	})
	t.Run("no element arrives", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			push(hub, "a")
			got, took := poll(hub, hub.Position())
			assert.Empty(t, got)
			assert.Equal(t, wait, took)
			assert.Zero(t, hub.Runs())
		})
	})
	t.Run("an element arrives", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			go func() {
				time.Sleep(time.Second)
				push(hub, "a")
				time.Sleep(time.Second)
				push(hub, "b")
			}()
			got, took := poll(hub, hub.Position())
			assert.Equal(t, []string{"a"}, values(got))
			assert.Equal(t, time.Second, took)
			got, took = poll(hub, got[0].Position)
			assert.Equal(t, []string{"b"}, values(got))
			assert.Equal(t, time.Second, took)
		})
	})
	t.Run("a flood", func(t *testing.T) { // the answer ends nevertheless
		hub := enumerator.Broadcast[string]()
		start := hub.Position()
		push(hub, "a", "b")
		var got []string
		for i, err := range enumerator.All(t.Context(), comet.LongPoll(hub, start, wait)) {
			require.NoError(t, err)
			got = append(got, i.Value)
			push(hub, "more")
		}
		assert.Equal(t, []string{"a", "b"}, got)
	})
	t.Run("a foreign position", func(t *testing.T) {
		hub := enumerator.Broadcast[string](enumerator.Capacity(2))
		push(hub, "a", "b", "c")
		got, _ := poll(hub, at(1))
		assert.True(t, got[0].Reset)
		assert.Equal(t, []string{"", "b", "c"}, values(got))
		empty := enumerator.Broadcast[string]()
		got, took := poll(empty, at(1))
		assert.Equal(t, []item{{Position: empty.Position(), Reset: true}}, got)
		assert.Less(t, took, wait)
	})
	t.Run("the hub has ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			start := hub.Position()
			push(hub, "a")
			hub.End()
			got, _ := poll(hub, start)
			assert.Equal(t, []string{"a"}, values(got))
			for range 2 {
				var took time.Duration
				got, took = poll(hub, got[0].Position)
				assert.Equal(t, []item{{Position: hub.Position(), End: true}}, got)
				assert.Zero(t, took)
			}
			got, _ = poll(hub, enumerator.Position{})
			assert.Equal(t, []item{{Position: hub.Position(), Bookmark: true}}, got, "a new client asks again")
			cut := enumerator.Broadcast[string]()
			cut.EOFAndEnd()
			both, err := enumerator.Run(t.Context(), comet.LongPoll(cut, cut.Position(), wait).AndThen(enumerator.Of(item{Value: "z"})), iteratee.Collect[item]())
			require.NoError(t, err)
			assert.Equal(t, []item{{Position: cut.Position(), End: true}}, both, "no source follows an EOF")

			failing := enumerator.Broadcast[string]()
			failing.EndWithError(errBroken)
			_, err = enumerator.Run(t.Context(), comet.LongPoll(failing, failing.Position(), wait), iteratee.Ignore[item]())
			assert.ErrorIs(t, err, errBroken)
		})
	})
	t.Run("the client leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { time.Sleep(time.Second); cancel(errBroken) }()
			_, err := enumerator.Run(ctx, comet.LongPoll(hub, hub.Position(), wait), iteratee.Ignore[item]())
			assert.ErrorIs(t, err, errBroken)
		})
	})
	t.Run("the consumer ends", func(t *testing.T) {
		hub := enumerator.Broadcast[string]()
		start := hub.Position()
		push(hub, "a", "b")
		first, err := enumerator.Run(t.Context(), comet.LongPoll(hub, start, wait).AndThen(comet.LongPoll(hub, start, wait)), iteratee.Head[item]())
		require.NoError(t, err)
		assert.Equal(t, "a", first.Value)
		both, err := enumerator.Run(t.Context(), comet.LongPoll(hub, start, wait).AndThen(enumerator.Of(item{Value: "z"})), iteratee.Collect[item]())
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "z"}, values(both), "the consumer stays open for the next source")
	})
	assert.PanicsWithValue(t, "comet: LongPoll: wait must be positive, got 0s",
		func() { comet.LongPoll(enumerator.Broadcast[int](), enumerator.Position{}, 0) })
}

// filtered is a Source that has dropped all elements but those that begin with a capital, and tells its progress by
// Bookmarks.
type filtered struct{ *enumerator.Hub[string] }

func (f filtered) From(p enumerator.Position) enumerator.Enumerator[item] {
	return enumerator.Map(f.Hub.From(p), func(i item) item {
		if i.IsMessage() && i.Value > "Z" {
			i = item{Position: i.Position, Bookmark: true}
		}
		return i
	})
}

func (f filtered) Last(int) enumerator.Enumerator[item] { panic("not called") }

// remote is a Source that knows its Position only while it has a run. A run begins after a second.
type remote struct{ *enumerator.Hub[string] }

func (r remote) Position() (p enumerator.Position) {
	if r.Runs() > 0 {
		p = r.Hub.Position()
	}
	return p
}

func (r remote) From(p enumerator.Position) enumerator.Enumerator[item] { return late(r.Hub.From(p)) }
func (r remote) Last(n int) enumerator.Enumerator[item]                 { return late(r.Hub.Last(n)) }

func late(source enumerator.Enumerator[item]) enumerator.Enumerator[item] {
	return enumerator.Defer(func(context.Context) (enumerator.Enumerator[item], error) {
		time.Sleep(time.Second)
		return source, nil
	})
}

// script is a Source of fixed Items. It then does what end does.
type script struct {
	position enumerator.Position
	items    []item
	end      func(context.Context) iteratee.Step
}

func (s script) Position() enumerator.Position { return s.position }

func (s script) Last(int) enumerator.Enumerator[item] { return s.From(enumerator.Position{}) }

func (s script) From(enumerator.Position) enumerator.Enumerator[item] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[item]) iteratee.Step {
		for _, i := range s.items {
			if step := sink.Next(i); !step.IsCont() {
				return step
			}
		}
		return s.end(ctx)
	})
}

func TestLongPollOfAnySource(t *testing.T) {
	const wait = 25 * time.Second
	poll := func(t *testing.T, source enumerator.Source[string], after enumerator.Position) (got []item, took time.Duration) {
		start := time.Now()
		got, err := enumerator.Run(t.Context(), comet.LongPoll(source, after, wait), iteratee.Collect[item]())
		require.NoError(t, err)
		return got, time.Since(start)
	}
	bookmark := func(n uint64) item { return item{Position: at(n), Bookmark: true} }
	message := func(n uint64) item { return item{Position: at(n), Value: "A"} }
	end := func(n uint64) item { return item{Position: at(n), End: true} }
	waits := func(ctx context.Context) iteratee.Step { <-ctx.Done(); return iteratee.Cancelled(ctx) }
	hides := func(ctx context.Context) iteratee.Step { <-ctx.Done(); return iteratee.StepCont }
	ends := func(context.Context) iteratee.Step { return iteratee.StepCont }
	for name, c := range map[string]struct {
		source script
		want   []item
		took   time.Duration
	}{
		"nothing":                    {script{at(1), []item{bookmark(1)}, waits}, nil, wait},
		"nothing, without Bookmarks": {script{at(1), nil, waits}, nil, wait},
		"only Bookmarks":             {script{at(3), []item{bookmark(1), bookmark(2), bookmark(3)}, waits}, []item{bookmark(3)}, wait},
		"an interruption is hidden":  {script{at(2), []item{bookmark(1), bookmark(2)}, hides}, []item{bookmark(2)}, wait},
		"Bookmarks, then a message":  {script{at(3), []item{bookmark(1), bookmark(2), message(3), message(4)}, waits}, []item{message(3)}, 0},
		"a message, then Bookmarks":  {script{at(4), []item{message(2), bookmark(3), bookmark(4), message(5)}, waits}, []item{message(2), bookmark(4)}, 0},
		"a message, then silence":    {script{at(4), []item{message(2), bookmark(3)}, waits}, []item{message(2), bookmark(3)}, 100 * time.Millisecond},
		"a Gap":                      {script{at(3), []item{{Position: at(3), Gap: enumerator.Gap{From: at(2), N: 2}}}, waits}, []item{{Position: at(3), Gap: enumerator.Gap{From: at(2), N: 2}}}, 0},
		"a Reset":                    {script{at(3), []item{{Position: at(3), Reset: true}}, waits}, []item{{Position: at(3), Reset: true}}, 0},
		"the end":                    {script{at(1), []item{bookmark(1)}, ends}, []item{end(1)}, 0},
		"the end, without Items":     {script{at(1), nil, ends}, []item{end(1)}, 0},
		"the end after Bookmarks":    {script{at(3), []item{bookmark(1), bookmark(3)}, ends}, []item{end(3)}, 0},
		"the end after a message":    {script{at(9), []item{message(2)}, ends}, []item{message(2), end(2)}, 0},
		"an End of the source":       {script{at(9), []item{message(2), end(2), message(3)}, ends}, []item{message(2), end(2)}, 0},
		"the source is only an End":  {script{at(9), []item{end(2)}, waits}, []item{end(2)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, took := poll(t, c.source, at(1))
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.took, took)
			})
		})
	}

	t.Run("a Position that is known only while there is a run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			require.NoError(t, hub.Push(t.Context(), "a"))
			got, took := poll(t, remote{hub}, enumerator.Position{})
			assert.Equal(t, []item{{Position: hub.Position(), Bookmark: true}}, got)
			assert.Equal(t, time.Second, took)
			require.NoError(t, hub.Push(t.Context(), "b"))
			got, took = poll(t, remote{hub}, got[0].Position)
			assert.Equal(t, []item{{Position: hub.Position(), Value: "b"}}, got)
			assert.Equal(t, time.Second, took)
		})
	})
	t.Run("filtered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string](enumerator.Capacity(3))
			source := filtered{hub}
			after := hub.Position()
			for range 10 { // more elements than the hub holds, but no Reset
				for range 3 {
					require.NoError(t, hub.Push(t.Context(), "a"))
				}
				got, took := poll(t, source, after)
				assert.Equal(t, []item{{Position: hub.Position(), Bookmark: true}}, got)
				assert.Equal(t, wait, took)
				after = got[0].Position
			}
			require.NoError(t, hub.Push(t.Context(), "A"))
			got, _ := poll(t, source, after)
			assert.Equal(t, []item{{Position: hub.Position(), Value: "A"}}, got)

			// The client gets the message soon, though the last element is filtered.
			uppercase := adapters.Via(hub, adapters.Filter(func(s string) bool { return s == "B" }))
			require.NoError(t, hub.Push(t.Context(), "B"))
			after = hub.Position()
			require.NoError(t, hub.Push(t.Context(), "b"))
			got, took := poll(t, uppercase, got[0].Position)
			assert.Equal(t, []item{{Position: after, Value: "B"}}, got)
			assert.Equal(t, 100*time.Millisecond, took)
		})
	})
}

// Nothing is lost or repeated between polls.
func TestLongPollsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := enumerator.Broadcast[int](enumerator.Capacity(1000))
		cursor := hub.Position()
		go func() {
			for n := range 500 {
				time.Sleep(time.Duration(n%7) * time.Second)
				assert.NoError(t, hub.Push(t.Context(), n))
			}
		}()
		numbers := enumeratee.Map(func(i enumerator.Item[int]) int { cursor = i.Position; return i.Value })
		var got []int
		for len(got) < 500 {
			answer, err := enumerator.Run(t.Context(), enumerator.Through(comet.LongPoll(hub, cursor, 5*time.Second), numbers), iteratee.Collect[int]())
			require.NoError(t, err)
			got = append(got, answer...)
			time.Sleep(3 * time.Second)
		}
		for n, v := range got {
			require.Equal(t, n, v)
		}
	})
}

func TestLongPollJoin(t *testing.T) {
	const wait = 25 * time.Second
	type sources = map[string]enumerator.Source[string]
	poll := func(t *testing.T, cursor string, from sources, n int) (got map[string][]string, last item, took time.Duration) {
		start := time.Now()
		got = map[string][]string{}
		for i, err := range enumerator.All(t.Context(), comet.LongPollJoin(cursor, from, n, wait)) {
			require.NoError(t, err)
			if last = i; i.IsMessage() {
				got[i.Event] = append(got[i.Event], i.Value)
			}
		}
		return got, last, time.Since(start)
	}
	push := func(hub *enumerator.Hub[string], values ...string) {
		for _, value := range values {
			require.NoError(t, hub.Push(context.Background(), value))
		}
	}
	cursorOf := func(from sources) string {
		places := map[string]enumerator.Position{}
		for name, source := range from {
			places[name] = source.Position()
		}
		return adapters.Cursor(places)
	}
	test := func(name string, f func(t *testing.T, a, b *enumerator.Hub[string], both sources)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := enumerator.Broadcast[string](enumerator.Capacity(3)), enumerator.Broadcast[string]()
				f(t, a, b, sources{"a": a, "b": b})
				assert.Zero(t, a.Runs()+b.Runs())
			})
		})
	}
	test("a new client", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		for range 2 {
			got, last, took := poll(t, "", both, 0)
			assert.Empty(t, got)
			assert.Equal(t, item{Cursor: cursorOf(both), Bookmark: true}, last)
			assert.Zero(t, took)
			push(a, "1", "2", "3", "4")
		}
		got, last, took := poll(t, "", both, 2)
		assert.Equal(t, map[string][]string{"a": {"3", "4"}}, got)
		assert.Equal(t, cursorOf(both), last.ID())
		assert.Zero(t, took)
		got, _, took = poll(t, "", both, 100)
		assert.Equal(t, map[string][]string{"a": {"2", "3", "4"}}, got)
		assert.Zero(t, took)
	})
	test("a new client, all is filtered", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		push(b, "1", "2")
		both["b"] = adapters.Via(b, adapters.Filter(func(string) bool { return false }))
		got, last, took := poll(t, "", both, 1)
		assert.Empty(t, got)
		assert.True(t, last.Bookmark)
		assert.Equal(t, 100*time.Millisecond, took)
		require.NotEmpty(t, last.ID())
	})
	test("a new client of sources that begin late", func(t *testing.T, a, b *enumerator.Hub[string], _ sources) {
		push(a, "1", "2", "3", "4")
		both := sources{"a": remote{a}, "b": remote{b}}
		for n, want := range map[int]map[string][]string{0: {}, 2: {"a": {"3", "4"}}} {
			got, last, took := poll(t, "", both, n)
			assert.Equal(t, want, got)
			assert.Equal(t, adapters.Cursor(map[string]enumerator.Position{"a": a.Position(), "b": b.Position()}), last.ID())
			assert.Equal(t, time.Second, took)
		}
		both["b"] = script{at(1), nil, func(ctx context.Context) iteratee.Step { <-ctx.Done(); return iteratee.Cancelled(ctx) }}
		got, last, took := poll(t, "", both, 2)
		assert.Equal(t, map[string][]string{"a": {"3", "4"}}, got)
		assert.Equal(t, adapters.Cursor(map[string]enumerator.Position{"a": a.Position()}), last.ID())
		assert.Equal(t, time.Second+100*time.Millisecond, took, "b does not begin")
	})
	test("a client whose sources begin late comes back", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		cursor := cursorOf(both)
		push(a, "1", "2")
		got, last, took := poll(t, cursor, sources{"a": remote{a}, "b": b}, 0)
		assert.Equal(t, map[string][]string{"a": {"1", "2"}}, got)
		assert.Equal(t, cursorOf(both), last.ID())
		assert.Equal(t, time.Second, took)
	})
	test("elements are held", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		start := cursorOf(both)
		push(a, "1", "2")
		push(b, "3")
		got, last, took := poll(t, start, both, 0)
		assert.Equal(t, map[string][]string{"a": {"1", "2"}, "b": {"3"}}, got)
		assert.Equal(t, cursorOf(both), last.ID())
		assert.Zero(t, took)
	})
	test("no element arrives", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		got, last, took := poll(t, cursorOf(both), both, 0)
		assert.Empty(t, got)
		assert.Zero(t, last)
		assert.Equal(t, wait, took)
	})
	test("an element arrives", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		go func() { time.Sleep(time.Second); push(b, "1") }()
		got, last, took := poll(t, cursorOf(both), both, 0)
		assert.Equal(t, map[string][]string{"b": {"1"}}, got)
		assert.Equal(t, cursorOf(both), last.ID())
		assert.Equal(t, time.Second, took)
	})
	test("a source that the client does not know", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		got, last, took := poll(t, cursorOf(sources{"a": a}), both, 0)
		assert.Empty(t, got)
		assert.Equal(t, item{Cursor: cursorOf(both), Bookmark: true}, last)
		assert.Equal(t, wait, took)
	})
	test("a flood", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		start := cursorOf(both)
		push(a, "1", "2")
		push(b, "x")
		// The last element of b is filtered. Those of a do not prolong the answer.
		both["b"] = adapters.Via(b, adapters.Filter(func(string) bool { return false }))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				time.Sleep(10 * time.Millisecond)
				push(a, "more")
			}
		}()
		got, _, took := poll(t, start, both, 0)
		cancel()
		<-done
		assert.Equal(t, []string{"1", "2"}, got["a"][:2])
		assert.Equal(t, 100*time.Millisecond, took)
	})
	test("a malformed cursor and a foreign one", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		push(a, "1", "2", "3", "4")
		for _, cursor := range []string{"nonsense", adapters.Cursor(map[string]enumerator.Position{"a": at(9), "b": at(9)})} {
			resets := map[string]int{}
			var last string
			for i, err := range enumerator.All(t.Context(), comet.LongPollJoin(cursor, both, 0, wait)) {
				require.NoError(t, err)
				if i.Reset {
					resets[i.Event]++
				}
				last = i.ID()
			}
			assert.Equal(t, map[string]int{"a": 1, "b": 1}, resets)
			assert.Equal(t, cursorOf(both), last)
		}
	})
	test("the end", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		start := cursorOf(both)
		push(a, "1")
		a.End()
		got, last, _ := poll(t, start, both, 0)
		assert.Equal(t, map[string][]string{"a": {"1"}}, got)
		assert.False(t, last.End)
		got, _, took := poll(t, last.ID(), both, 0)
		assert.Empty(t, got)
		assert.Equal(t, wait, took, "one source has not ended")
		b.EOFAndEnd()
		_, last, took = poll(t, last.ID(), both, 0)
		assert.Equal(t, item{Cursor: cursorOf(both), End: true}, last)
		assert.Zero(t, took)
		_, last, _ = poll(t, "", both, 0)
		assert.True(t, last.Bookmark, "a new client asks again")
		_, last, _ = poll(t, "", nil, 0)
		assert.True(t, last.End, "there are no sources")
	})
	test("a source fails", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		b.EndWithError(errBroken)
		_, err := enumerator.Run(t.Context(), comet.LongPollJoin(cursorOf(both), both, 0, wait), iteratee.Ignore[item]())
		assert.ErrorIs(t, err, errBroken)
	})
	test("the client leaves", func(t *testing.T, a, b *enumerator.Hub[string], both sources) {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { time.Sleep(time.Second); cancel(errBroken) }()
		_, err := enumerator.Run(ctx, comet.LongPollJoin(cursorOf(both), both, 0, wait), iteratee.Ignore[item]())
		assert.ErrorIs(t, err, errBroken)
	})
	// Nothing is lost or repeated between polls.
	test("polls in a row", func(t *testing.T, _, _ *enumerator.Hub[string], _ sources) {
		a, b := enumerator.Broadcast[string](), enumerator.Broadcast[string]()
		both := sources{"a": a, "b": b}
		cursor := cursorOf(both)
		for n, hub := range []*enumerator.Hub[string]{a, b} {
			go func() {
				for i := range 200 {
					time.Sleep(time.Duration(i%(5+2*n)) * time.Second)
					push(hub, strconv.Itoa(i))
				}
			}()
		}
		got := map[string][]string{}
		for len(got["a"])+len(got["b"]) < 400 {
			answer, last, _ := poll(t, cursor, both, 0)
			if last.ID() != "" {
				cursor = last.ID()
			}
			for name, values := range answer {
				got[name] = append(got[name], values...)
			}
			time.Sleep(3 * time.Second)
		}
		var want []string
		for i := range 200 {
			want = append(want, strconv.Itoa(i))
		}
		assert.Equal(t, map[string][]string{"a": want, "b": want}, got)
	})
	assert.PanicsWithValue(t, "comet: LongPollJoin: wait must be positive, got 0s", func() { comet.LongPollJoin[int]("", nil, 0, 0) })
}
