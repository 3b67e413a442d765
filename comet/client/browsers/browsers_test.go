// Package browsers_test proves in Chromium and Firefox, over real connections, that the script and the handlers of packages
// client and wsclient lose and repeat nothing.
package browsers_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
)

type itemsOf = enumerator.Enumerator[enumerator.Item[any]]

var (
	scripted = []string{"events", "iframe", "ndjson", "websocket", "poll"}
	every    = append([]string{"native"}, scripted...) // native is an EventSource without the script

	both   = []string{"Chromium", "Firefox"}
	driven = both[:1] // a page cannot do this by itself
)

func TestBrowsers(t *testing.T) {
	scenarios := []struct {
		name     string
		test     func(*testing.T, *browser)
		browsers []string
	}{
		{"cut before the first message", testFirst, both},
		{"a filtered stream", testFiltered, both},
		{"two hubs over one connection", testJoin, both},
		{"a new server", testNewHub, both},
		{"a page that is loaded again", testReload, both},
		{"six tabs with one connection", testTabs, both},
		{"tabs and random cuts", testTabsAndCuts, both},
		{"a tab that crashes", testCrash, driven},
		{"a tab that is frozen", testFrozen, driven},
		{"a login that expires", testLogin, both},
		{"the end of a hub", testEnd, both},
		{"a proxy that cuts each second", testProxy, both},
		{"offline and online", testOffline, driven},
		{"10,000 messages and random cuts", testCuts, both},
	}
	if !probe.Long() {
		scenarios = scenarios[:3] // all of them take a minute and a half
	}
	inBrowsers(t, func(t *testing.T, b *browser) {
		for _, s := range scenarios {
			if slices.Contains(s.browsers, b.name) {
				t.Run(s.name, func(t *testing.T) { s.test(t, b) })
			}
		}
	})
}

// A sourceFunc returns the items for a request.
type sourceFunc func(r *http.Request, after enumerator.Position) (itemsOf, error)

// handler returns the handler of a stream over each transport.
func handler(source sourceFunc) http.Handler {
	return wsclient.Handler(source, client.Handler(source))
}

// handlerOf returns the handler of the stream of a source, whose answers to polls end after patience.
func handlerOf(source enumerator.Source[any], patience time.Duration) http.Handler {
	return handler(sourceOf(source, patience))
}

// sourceOf returns the items of a source, for handler.
func sourceOf(source enumerator.Source[any], patience time.Duration) sourceFunc {
	return func(r *http.Request, after enumerator.Position) (itemsOf, error) {
		if r.URL.Query().Get("transport") == "poll" {
			return comet.LongPoll(source, after, patience), nil
		}
		return source.From(after), nil
	}
}

// push pushes the numbers from start to end-1.
func push(t *testing.T, hub *enumerator.Hub[any], start, end int) {
	t.Helper()
	for n := start; n < end; n++ {
		require.NoError(t, hub.Push(t.Context(), n))
	}
}

// numbers returns the numbers from start to end-1.
func numbers(start, end int) (ns []int) {
	for n := start; n < end; n++ {
		ns = append(ns, n)
	}
	return ns
}

// untilAt waits until the streams of these transports have the position.
func (s *stage) untilAt(p *page, transports []string, position string) {
	s.t.Helper()
	for _, name := range transports {
		if name == "native" { // which does not show it to the page
			eventually(s.t, func() bool { return *s.nativeID.Load() == position }, "the position of an EventSource")
		} else {
			p.until("streams.%s.stream.lastEventId === '%s'", name, position)
		}
	}
}

// Messages that come while the page is cut off are not lost, though it has had none yet.
func testFirst(t *testing.T, b *browser) {
	hub := enumerator.Broadcast[any]()
	push(t, hub, 0, 5) // before the page comes
	s := newStage(t, b, handlerOf(hub, 20*time.Second))
	p := b.visit(t, s.url)
	p.connect(every, "{}")
	s.untilAt(p, every, hub.Position().String())
	s.stop()
	push(t, hub, 5, 8)
	s.start()
	requireGot(p, every, numbers(5, 8))
	push(t, hub, 8, 9)
	requireGot(p, every, numbers(5, 9))
	p.requireTold(every)
}

// A page comes back after many elements that were not for it, of which the hub holds only the last ones. It has missed
// nothing, and so it gets no Reset.
func testFiltered(t *testing.T, b *browser) {
	hub := enumerator.Broadcast[any](enumerator.Capacity(100))
	words := items.Via(hub, items.Filter(func(e any) bool { _, ok := e.(string); return ok }))
	s := newStage(t, b, handlerOf(words, 200*time.Millisecond))
	p := b.visit(t, s.url)
	p.connect(every, "{}")
	s.untilAt(p, every, hub.Position().String())
	require.NoError(t, hub.Push(t.Context(), "one"))
	requireGot(p, every, []string{"one"})
	for n := 0; n < 320; n += 64 { // the adapter tells the position each time
		push(t, hub, n, n+64)
		s.untilAt(p, every, hub.Position().String())
	}
	s.stop()
	require.NoError(t, hub.Push(t.Context(), "two"))
	s.start()
	requireGot(p, every, []string{"one", "two"})
	p.requireTold(every)
}

// A page of two hubs over one connection resumes both, and each message has the name of its hub.
func testJoin(t *testing.T, b *browser) {
	hubs := map[string]*enumerator.Hub[any]{
		"a": enumerator.Broadcast[any](enumerator.Capacity(4)),
		"b": enumerator.Broadcast[any](),
	}
	s := newStage(t, b, handler(func(r *http.Request, _ enumerator.Position) (itemsOf, error) {
		cursor := comet.CursorText(r.Header, r.URL.Query())
		sources := map[string]enumerator.Source[any]{"a": hubs["a"], "b": hubs["b"]}
		if r.URL.Query().Get("transport") == "poll" {
			return comet.LongPollJoin(cursor, sources, 0, 20*time.Second), nil
		}
		return items.Join(cursor, sources, 0), nil
	}))
	cursor := func() string {
		return items.Cursor(map[string]enumerator.Position{"a": hubs["a"].Position(), "b": hubs["b"].Position()})
	}
	p := b.visit(t, s.url)
	p.connect(every, "{}")
	s.untilAt(p, every, cursor())
	for round := range 3 {
		s.stop()
		push(t, hubs["a"], round, round+1)
		push(t, hubs["b"], 2*round, 2*round+2)
		s.start()
		for _, name := range every {
			p.until("streams.%s.got.length >= %d", name, 3*round+3)
		}
		s.untilAt(p, every, cursor())
	}
	p.requireTold(every)
	requireNamed := func(source string, want []int) {
		t.Helper()
		for _, name := range every {
			got := eval[[]int](p, "streams."+name+".got.filter(m => m[0] === '"+source+"').map(m => m[1])")
			require.Equal(t, want, got, "%s of %s", source, name)
		}
	}
	requireNamed("a", numbers(0, 3))
	requireNamed("b", numbers(0, 6))

	// One hub has forgotten the position, and the page learns which.
	s.stop()
	push(t, hubs["a"], 3, 13)
	push(t, hubs["b"], 6, 7)
	s.start()
	s.untilAt(p, every, cursor())
	for _, name := range every {
		p.until("streams.%s.got.length >= 14", name)
	}
	p.requireTold(every, []any{"reset", map[string]any{"source": "a"}})
	requireNamed("a", append(numbers(0, 3), numbers(9, 13)...))
	requireNamed("b", numbers(0, 7))
}
