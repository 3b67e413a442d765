package browsers_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/probe"
)

// A server starts again without its memory. The page learns it once, by a reset, and then resumes as before.
func testNewHub(t *testing.T, b *browser) {
	old := enumerator.Broadcast[any]()
	s := newStage(t, b, handlerOf(old, 20*time.Second))
	p := b.visit(t, s.url)
	p.connect(every, "{}")
	s.untilAt(p, every, old.Position().String())
	push(t, old, 0, 3)
	requireGot(p, every, numbers(0, 3))
	s.stop()
	hub := enumerator.Broadcast[any]()
	stream := handlerOf(hub, 20*time.Second)
	s.stream.Store(&stream)
	push(t, hub, 3, 6)
	s.start()
	requireGot(p, every, numbers(0, 6))
	s.stop()
	push(t, hub, 6, 9)
	s.start()
	requireGot(p, every, numbers(0, 9))
	p.requireTold(every, []any{"reset", nil})
}

// A page that is loaded again while messages come resumes after the last one that it had, or at the position where it began.
func testReload(t *testing.T, b *browser) {
	hub := enumerator.Broadcast[any]()
	s := newStage(t, b, handlerOf(hub, 20*time.Second))
	p := b.visit(t, s.url)
	connect := func() {
		for _, name := range scripted {
			p.connect([]string{name}, "{store: '"+name+"'}")
		}
	}
	connect()
	s.untilAt(p, scripted, hub.Position().String())
	for round := range 3 {
		p.do("setTimeout(() => location.reload())")
		push(t, hub, 10*round, 10*round+5)
		p.arrive()
		had := map[string]int{}
		for _, name := range scripted {
			at, err := enumerator.ParsePosition(eval[string](p, "sessionStorage.getItem('"+name+"')"))
			require.NoError(t, err)
			had[name] = int(at.Seq) // messages before it
		}
		connect()
		push(t, hub, 10*round+5, 10*round+10)
		for _, name := range scripted {
			requireGot(p, []string{name}, numbers(had[name], 10*round+10))
		}
		p.requireTold(scripted)
	}
}

// A tab holds the connection of six, while messages are on their way. It is closed, and another one takes over.
func testTabs(t *testing.T, b *browser) {
	for _, name := range []string{"events", "poll", "iframe"} {
		hub := enumerator.Broadcast[any]()
		s := newStage(t, b, handlerOf(hub, 20*time.Second))
		pages := openTabs(t, b, s, hub, 6, name, "{share: 'news'}")
		n := 0
		for len(pages) > 0 {
			push(t, hub, n, n+50)
			pages[0].close()
			push(t, hub, n+50, n+100)
			n += 100
			pages = pages[1:]
			eventually(t, func() bool { return hub.Runs() == min(1, len(pages)) }, "one connection")
			for _, p := range pages {
				requireGot(p, []string{name}, numbers(0, n))
				p.requireTold([]string{name})
			}
		}
	}
}

// Tabs share a stream whose connections are cut anywhere, and those with the connection are closed. A tab may have its own
// connection for a moment, to get what it has missed.
func testTabsAndCuts(t *testing.T, b *browser) {
	const count = 3000
	hub := enumerator.Broadcast[any](enumerator.Capacity(20_000))
	s := newStage(t, b, handlerOf(hub, 20*time.Second))
	pages := openTabs(t, b, s, hub, 4, "events", "{share: 'news'}")
	s.budget.Store(10_000)
	s.stop()
	s.start()
	closeAt := count / 4
	for n := 0; n < count; {
		end := min(count, n+1+rand.N(100))
		push(t, hub, n, end)
		n = end
		if n >= closeAt && len(pages) > 1 {
			pages[0].close()
			pages = pages[1:]
			closeAt += count / 4
		}
		for _, p := range pages {
			p.until("streams.events.got.length >= %d", n/2)
		}
	}
	for _, p := range pages {
		requireGot(p, []string{"events"}, numbers(0, count))
		p.requireTold([]string{"events"})
	}
	require.Greater(t, s.cuts.Load(), int64(5))
}

// openTabs opens tabs that share a stream. The first one holds the connection.
func openTabs(t *testing.T, b *browser, s *stage, hub *enumerator.Hub[any], n int, transport, options string) (pages []*page) {
	t.Helper()
	for range n {
		p := b.visit(t, s.url)
		p.connect([]string{transport}, options)
		p.until("streams.%s.stream.state === 'open' && streams.%[1]s.stream.lastEventId === '%s'", transport, hub.Position())
		pages = append(pages, p)
		eventually(t, func() bool { return hub.Runs() == 1 }, "one connection")
	}
	return pages
}

// The tab with the connection crashes.
func testCrash(t *testing.T, b *browser) {
	hub := enumerator.Broadcast[any]()
	s := newStage(t, b, handlerOf(hub, 20*time.Second))
	pages := openTabs(t, b, s, hub, 3, "events", "{share: 'news'}")
	push(t, hub, 0, 100)
	for _, p := range pages {
		requireGot(p, []string{"events"}, numbers(0, 100))
	}
	go func() { _ = pages[0].call("Page.crash", nil) }() // gets no answer
	push(t, hub, 100, 200)
	for _, p := range pages[1:] {
		requireGot(p, []string{"events"}, numbers(0, 200))
		p.requireTold([]string{"events"})
	}
	eventually(t, func() bool { return hub.Runs() == 1 }, "one connection")
}

// The tab with the connection is frozen. It keeps its lock, but another tab takes it. Later it goes on with the others.
func testFrozen(t *testing.T, b *browser) {
	hub := enumerator.Broadcast[any]()
	s := newStage(t, b, handlerOf(hub, 20*time.Second))
	pages := openTabs(t, b, s, hub, 3, "events", "{share: 'news', heartbeat: 500}")
	freeze := func(state string) {
		require.NoError(t, pages[0].call("Page.setWebLifecycleState", map[string]string{"state": state}))
	}
	push(t, hub, 0, 100)
	requireGot(pages[0], []string{"events"}, numbers(0, 100))
	freeze("frozen")
	push(t, hub, 100, 200)
	for _, p := range pages[1:] {
		requireGot(p, []string{"events"}, numbers(0, 200))
	}
	freeze("active")
	pages[0].arrive()
	push(t, hub, 200, 300)
	for _, p := range pages {
		requireGot(p, []string{"events"}, numbers(0, 300))
		p.requireTold([]string{"events"})
	}
}

// call calls a method of Chromium's protocol.
func (p *page) call(method string, params any) error {
	return chromedp.FromContext(p.ctx).Target.Call(p.ctx, method, params, nil)
}

// A login expires while the page is connected. The stream fails with the status. After the login it resumes where it was.
// The script cannot see the status of an iframe, so there it tries again until the login is valid. A WebSocket is closed
// with a code for the status.
func testLogin(t *testing.T, b *browser) {
	probe.Logs(t) // of the refusals
	hub := enumerator.Broadcast[any]()
	source := sourceOf(hub, 20*time.Second)
	var valid atomic.Value // the cookie of the login
	valid.Store("first")
	s := newStage(t, b, handler(func(r *http.Request, after enumerator.Position) (itemsOf, error) {
		if login, err := r.Cookie("login"); err != nil || login.Value != valid.Load() {
			return enumerator.Empty[enumerator.Item[any]](), &httpadapter.StatusError{Status: http.StatusUnauthorized}
		}
		return source(r, after)
	}))
	s.mux.HandleFunc("POST /login", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "login", Value: valid.Load().(string)})
	})
	logIn := "fetch('/login', {method: 'POST'}).then(() => true)"
	p := b.visit(t, s.url)
	eval[bool](p, logIn)
	p.connect(scripted, "{}")
	s.untilAt(p, scripted, hub.Position().String())
	push(t, hub, 0, 3)
	requireGot(p, scripted, numbers(0, 3))
	valid.Store("second")
	s.stop()
	push(t, hub, 3, 6)
	s.start()
	seen := []string{"events", "ndjson", "websocket", "poll"} // the transports that see the status
	for _, name := range seen {
		p.until("streams.%s.stream.state === 'failed'", name)
		require.Equal(t, []int{http.StatusUnauthorized}, eval[[]int](p, "streams."+name+".errors"), name)
	}
	requireGot(p, scripted, numbers(0, 3))
	eval[bool](p, logIn)
	push(t, hub, 6, 9)
	for _, name := range seen {
		p.do("streams." + name + ".stream.resume()")
	}
	requireGot(p, scripted, numbers(0, 9))
	push(t, hub, 9, 12)
	requireGot(p, scripted, numbers(0, 12))
	p.requireTold(scripted)
}

// The end of a hub asks an EventSource without the script to wait for a day. Another one comes back again and again meanwhile.
func testEnd(t *testing.T, b *browser) {
	hub := enumerator.Broadcast[any]()
	stream := handlerOf(hub, 20*time.Second)
	var requests atomic.Int64
	s := newStage(t, b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		stream.ServeHTTP(w, r)
	}))
	s.mux.HandleFunc("GET /other", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry: 20\n\n") // as newStage does
	})
	native := []string{"native"}
	p := b.visit(t, s.url)
	p.connect(native, "{}")
	s.untilAt(p, native, hub.Position().String())
	push(t, hub, 0, 3)
	hub.End()
	requireGot(p, native, numbers(0, 3))
	p.until("streams.native.stream.readyState === EventSource.CONNECTING")
	p.do("var opened = 0, other = new EventSource('/other'); other.onopen = () => opened++")
	p.until("opened > 3")
	p.do("other.close()")
	p.until("streams.native.stream.readyState === EventSource.CONNECTING")
	require.Equal(t, int64(1), requests.Load())
}

// A proxy cuts each connection after a second, while messages are on their way.
func testProxy(t *testing.T, b *browser) {
	hub := enumerator.Broadcast[any](enumerator.Capacity(20_000))
	s := newStage(t, b, handlerOf(hub, 20*time.Second))
	proxy := httpadaptertest.NewProxy(t, s.url)
	proxy.CutAfter(time.Second)
	p := b.visit(t, proxy.URL)
	p.connect(every, "{}")
	s.untilAt(p, every, hub.Position().String())
	cut := func() bool { // without poll: the browser itself repeats a request that is cut before its answer
		return eval[bool](p, `['native', 'events', 'iframe', 'ndjson', 'websocket'].every(name => streams[name].states.filter(s => s === 'waiting').length >= 3)`)
	}
	n := 0
	for pace := time.NewTicker(10 * time.Millisecond); !cut(); n++ {
		require.Less(t, n, 15_000, "the proxy must cut the connections")
		push(t, hub, n, n+1)
		<-pace.C
	}
	push(t, hub, n, n+10)
	requireGot(p, every, numbers(0, n+10))
	p.requireTold(every)
}

// The machine goes offline. When it is online, the streams come back at once, although their next attempt is far away.
func testOffline(t *testing.T, b *browser) {
	hub := enumerator.Broadcast[any]()
	s := newStage(t, b, handlerOf(hub, 20*time.Second))
	p := b.visit(t, s.url)
	hour := "{minDelay: 36e5, maxDelay: 36e5}"
	p.connect(scripted, hour)
	s.untilAt(p, scripted, hub.Position().String())
	push(t, hub, 0, 3)
	requireGot(p, scripted, numbers(0, 3))
	network := func(offline bool) {
		require.NoError(t, p.call("Network.emulateNetworkConditions", map[string]any{
			"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
		}))
	}
	evaluate := func(condition string) bool { // the WebSocket may be offline too
		v, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](condition))
		require.NoError(t, err)
		return v
	}
	require.NoError(t, p.call("Network.enable", map[string]any{}))
	network(true)
	s.stop() // the network is gone for connections that are open too
	eventually(t, func() bool {
		return evaluate(`!navigator.onLine && Object.values(streams).every(log => log.stream.state === 'waiting')`)
	}, "all streams are offline")
	push(t, hub, 3, 6)
	s.start()
	network(false)
	for _, name := range scripted {
		eventually(t, func() bool { return evaluate("streams." + name + ".got.length >= 6") }, name+" is online")
		v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("JSON.stringify(streams."+name+".got)"))
		require.NoError(t, err)
		var got []int
		require.NoError(t, json.Unmarshal([]byte(v), &got))
		require.Equal(t, numbers(0, 6), got, name)
	}
}

// Connections are cut anywhere, in the middle of a line too.
func testCuts(t *testing.T, b *browser) {
	const count = 10_000
	hub := enumerator.Broadcast[any](enumerator.Capacity(20_000))
	s := newStage(t, b, handlerOf(hub, 20*time.Second))
	p := b.visit(t, s.url)
	p.connect(every, "{}")
	s.untilAt(p, every, hub.Position().String())
	s.budget.Store(100_000)
	s.stop()
	s.start()
	for n := 0; n < count; {
		end := min(count, n+1+rand.N(1000))
		push(t, hub, n, end)
		for _, name := range every { // some are far behind
			p.until("streams.%s.got.length >= %d", name, n/2)
		}
		n = end
	}
	requireGot(p, every, numbers(0, count))
	p.requireTold(every)
	require.Greater(t, s.cuts.Load(), int64(20))
}
