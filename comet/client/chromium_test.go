//go:build !fuzz

package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestChromium(t *testing.T) {
	browser := browsertest.Start(t)
	for name, test := range map[string]func(*testing.T, context.Context){
		"1000 messages in order":             testOrder,
		"a server that restarts":             testRestart,
		"a proxy that cuts connections":      testProxy,
		"the frame does not grow":            testGrowth,
		"nothing is blocked":                 testPolicy,
		"a silent stream":                    testSilence,
		"close":                              testClose,
		"without EventSource":                testFallback,
		"gaps and resets":                    testNotices,
		"delays":                             testDelays,
		"polls":                              testPoll,
		"a callback that throws":             testThrow,
		"an iframe before the page is ready": testEarly,
		"streams without positions":          testPlain,
		"messages that cannot be encoded":    testUnsent,
		"a login page":                       testLogin,
	} {
		t.Run(name, func(t *testing.T) { test(t, browser) })
	}
}

// Several streams are open in one page, and each gets all messages.
func testOrder(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	p := visit(t, browser, s.url)
	p.connect(every, "{}")
	eventually(t, func() bool { return hub.Runs() == len(every) })
	push(t, hub, 0, 1000)
	for _, name := range every {
		p.until("streams." + name + ".got.length >= 1000")
		assert.Equal(t, numbers(1000), p.got(name), name)
		assert.Equal(t, []string{"open"}, eval[[]string](p, "streams."+name+".states"), name)
		assert.Equal(t, hub.Position().String(), eval[string](p, "streams."+name+".ids[999]"), name)
		assert.Equal(t, hub.Position().String(), eval[string](p, "streams."+name+".stream.lastEventId"), name)
	}
	// Any value arrives unchanged.
	hostile := map[string]any{"text": `</script><script>document.title = 'broken'</script>'"\` + "\u2028\n", "list": []any{nil, true, 1.5}}
	require.NoError(t, hub.Push(t.Context(), hostile))
	for _, name := range every {
		p.until("streams." + name + ".got.length >= 1001")
		assert.Equal(t, hostile, eval[map[string]any](p, "streams."+name+".got[1000]"), name)
	}
	assert.Equal(t, "a page", eval[string](p, "document.title"))
}

func testRestart(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	p := visit(t, browser, s.url)
	p.connect(every, "{}")
	eventually(t, func() bool { return hub.Runs() == len(every) })
	const n = 300
	push(t, hub, 0, n/3)
	for _, name := range every {
		p.until("streams." + name + ".got.length > 10")
	}
	s.stop()
	push(t, hub, n/3, 2*n/3)
	for _, name := range every {
		p.until("streams." + name + ".states.length >= 4") // an attempt has failed
	}
	s.start()
	push(t, hub, 2*n/3, n)
	for _, name := range every {
		p.until(fmt.Sprintf("streams.%s.got.length >= %d", name, n))
		assert.Equal(t, numbers(n), p.got(name), name)
		assert.Equal(t, "open", eval[string](p, "streams."+name+".stream.state"), name)
		assert.Equal(t, []string{"open", "waiting", "connecting"}, eval[[]string](p, "streams."+name+".states.slice(0, 3)"), name)
	}
	assert.Equal(t, 1, eval[int](p, "document.querySelectorAll('iframe').length"))
}

// The proxy does not buffer. It cuts each connection after a second, or after two seconds in the
// long form, while messages are on their way.
func testProxy(t *testing.T, browser context.Context) {
	age := time.Second
	if probe.Long() {
		age = 2 * time.Second
	}
	s, hub := hubStage(t)
	proxy := httpadaptertest.NewProxy(t, s.url)
	proxy.CutAfter(age)
	p := visit(t, browser, proxy.URL)
	p.connect(every, "{}")
	eventually(t, func() bool { return hub.Runs() == len(every) })
	cut := func() bool { // without poll: the browser itself repeats a request that is cut before its answer
		return eval[bool](p, `['events', 'iframe', 'ndjson'].every(name => streams[name].states.filter(s => s === 'waiting').length >= 3)`)
	}
	n := 0
	for pace := time.NewTicker(10 * time.Millisecond); n < 3000 && !cut(); n++ {
		push(t, hub, n, n+1)
		<-pace.C
	}
	require.True(t, cut(), "%s", p.state())
	push(t, hub, n, n+10)
	for _, name := range every {
		p.until(fmt.Sprintf("streams.%s.got.length >= %d", name, n+10))
		assert.Equal(t, numbers(n+10), p.got(name), name)
		assert.Empty(t, eval[[]any](p, "streams."+name+".told.filter(e => e[0] !== 'reset')"), name)
	}
}

func testGrowth(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	p := visit(t, browser, s.url)
	p.connect([]string{"iframe"}, "{}")
	eventually(t, func() bool { return hub.Runs() == 1 })
	nodes := func(document string) int {
		return eval[int](p, `(function count(node) { return [].reduce.call(node.childNodes, (n, child) => n + count(child), 1); })(`+document+`)`)
	}
	before := nodes("document")
	push(t, hub, 0, 10_000)
	p.until("streams.iframe.got.length >= 10000")
	assert.Equal(t, numbers(10_000), p.got("iframe"))
	assert.Less(t, nodes("frames[0].frames[0].document"), 10)
	assert.Equal(t, before, nodes("document"))
}

func testPolicy(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	p := visit(t, browser, s.url)
	p.connect(every, "{}")
	eventually(t, func() bool { return hub.Runs() == len(every) })
	push(t, hub, 0, 10)
	for _, name := range every {
		p.until("streams." + name + ".got.length >= 10")
	}
	assert.Empty(t, eval[[]string](p, "violations"))
	assert.Empty(t, p.shown())
	// The test must be able to detect violations.
	p.do(`document.body.setAttribute('onclick', '1'); console.log('the first message')`)
	p.requireShown("the first message")
	p.requireShown("Content Security Policy")
	assert.Len(t, p.shown(), 2, "and nothing else")
	p.until("violations.length === 1")
}

// The client does not trust an open stream that is silent, unless it hears a heartbeat.
func testSilence(t *testing.T, browser context.Context) {
	silent, hub := hubStage(t, httpadapter.Heartbeat(0, nil))
	alive, _ := hubStage(t, httpadapter.Heartbeat(100*time.Millisecond, nil))
	p, q := visit(t, browser, silent.url), visit(t, browser, alive.url)
	p.connect(every, "{heartbeat: 300, lastEventId: '"+hub.Position().String()+"'}") // or it would miss messages between two connections
	q.connect(every, "{heartbeat: 1500}")
	for _, name := range every {
		p.until("streams." + name + ".states.filter(s => s === 'connecting').length >= 2")
	}
	push(t, hub, 0, 10)
	for _, name := range every {
		p.until("streams." + name + ".got.length >= 10")
		assert.Equal(t, numbers(10), p.got(name), name)
	}
	heard := 2000 // ms, longer than one heartbeat may be late
	if probe.Long() {
		heard = 5000
	}
	q.until(fmt.Sprint("performance.now() > ", heard))
	for _, name := range every {
		assert.Equal(t, []string{"open"}, eval[[]string](q, "streams."+name+".states"), name)
	}
	assert.Len(t, alive.asked(), len(every)+1, "one more for the first poll, which asked for the position")

	// With heartbeat: 0 the client does not notice silence, while another stream reconnects twice.
	p.do("streams.events.stream.close()")
	p.connect([]string{"events"}, "{heartbeat: 0}")
	p.until("streams.events.states.length === 1")
	asked := silent.asked()
	p.do("var before = streams.iframe.states.length")
	p.until("streams.iframe.states.length > before + 6")
	assert.Equal(t, strings.Count(strings.Join(asked, " "), "for=events"), strings.Count(strings.Join(silent.asked(), " "), "for=events"))
}

func testClose(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	p := visit(t, browser, s.url)
	p.connect(every, "{}")
	eventually(t, func() bool { return hub.Runs() == len(every) })
	push(t, hub, 0, 10)
	for _, name := range every {
		p.until("streams." + name + ".got.length >= 10")
		p.do("streams." + name + ".stream.close()")
		assert.Equal(t, "closed", eval[string](p, "streams."+name+".stream.state"))
		assert.Equal(t, []string{"open", "closed"}, eval[[]string](p, "streams."+name+".states"))
	}
	assert.Zero(t, eval[int](p, "document.querySelectorAll('iframe').length"))
	eventually(t, func() bool { return hub.Runs() == 0 })
	asked := len(s.asked())

	// A listener closes the stream as it opens. Below, it is closed while it waits to reconnect.
	push(t, hub, 10, 20)
	for _, name := range every {
		p.do(fmt.Sprintf(`
			connect('%s', {lastEventId: streams.%[1]s.ids[4]});
			streams.%[1]s.stream.addEventListener('state', e => { if (e.data === 'open') e.target.close(); });
		`, name))
		p.until("streams." + name + ".stream.state === 'closed'")
		assert.Empty(t, p.got(name))
	}
	assert.Equal(t, asked+len(every), len(s.asked()))
	eventually(t, func() bool { return hub.Runs() == 0 })
	s.stop()
	p.connect(every, "{minDelay: 1e6, maxDelay: 1e6}")
	for _, name := range every {
		p.until("streams." + name + ".stream.state === 'waiting'")
		p.do("streams." + name + ".stream.close(); streams." + name + ".stream.close()")
		assert.Equal(t, "closed", eval[string](p, "streams."+name+".states.join().replace('open,', '').replace('waiting,', '')"))
	}
	assert.Zero(t, eval[int](p, "document.querySelectorAll('iframe').length"))
}

func testFallback(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	old, recent := visit(t, browser, s.url+"/?old"), visit(t, browser, s.url)
	for _, p := range []*page{old, recent} {
		p.connect([]string{"auto"}, "{}")
	}
	eventually(t, func() bool { return hub.Runs() == 2 })
	push(t, hub, 0, 100)
	for p, transport := range map[*page]string{old: "iframe", recent: "events"} {
		p.until("streams.auto.got.length >= 100")
		assert.Equal(t, numbers(100), p.got("auto"))
		assert.Equal(t, transport, eval[string](p, "streams.auto.stream.transport"))
	}
	for _, p := range []*page{old, recent} { // a relative URL is relative to the page
		p.do("document.head.appendChild(document.createElement('base')).href = '/'; history.pushState(null, '', '/some/where')")
		p.connect([]string{"auto"}, "{path: './'}")
		p.until("streams.auto.states[0] === 'open'")
	}
	assert.Equal(t, 2, eval[int](old, "document.querySelectorAll('iframe').length"))
	assert.Zero(t, eval[int](recent, "document.querySelectorAll('iframe').length"))
	assert.Equal(t, "halley: unknown transport pigeon", eval[string](recent,
		`(() => { try { connect('pigeon') } catch (e) { return e.message } })()`))
}

func testNotices(t *testing.T, browser context.Context) {
	forever := enumerator.New(func(ctx context.Context, _ iteratee.Sink[item]) iteratee.Step {
		<-ctx.Done()
		return iteratee.Cancelled(ctx)
	})
	s := newStage(t, client.Handler(func(r *http.Request, after enumerator.Position) (items, error) {
		switch {
		case after == at(1036):
			return forever, nil
		case r.URL.Query().Get("transport") == "poll":
			return three, nil
		}
		return three.AndThen(forever), nil
	}))
	p := visit(t, browser, s.url)
	p.connect(every, "{lastEventId: 'a&b=1-'}")
	for _, name := range every {
		p.until("streams." + name + ".told.length >= 2")
		assert.Equal(t, []any{
			[]any{"reset", nil, "1z-1z"},
			[]any{"gap", map[string]any{"from": "1z-211", "count": 1000.0}, "1z-2ss"},
		}, eval[[]any](p, "streams."+name+".told"), name)
		assert.Equal(t, []string{"it's </script>"}, eval[[]string](p, "streams."+name+".got"), name)
		assert.Contains(t, s.asked(), "for="+name+"&transport="+name+"&lastEventId=a%26b%3D1-")
	}
	eventually(t, func() bool { return len(s.asked()) == len(every)+1 })
	assert.Equal(t, "for=poll&transport=poll&lastEventId=1z-2ss", s.asked()[len(every)])
}

// The time between two attempts is random below a bound. The bound doubles up to maxDelay, and
// starts again after a connection that lasted.
func testDelays(t *testing.T, browser context.Context) {
	s := newStage(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("for") == "auto" { // a stream that opens and ends
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			return
		}
		http.Error(w, "not now", http.StatusServiceUnavailable)
	}))
	p := visit(t, browser, s.url)
	p.do(`
		var delays = [], random = 1, later = setTimeout;
		Math.random = () => random;
		window.setTimeout = function(f, ms) { if (ms === 20000) return later(f, ms); delays.push(ms); return later(f, 0); };
	`)
	for _, name := range every {
		p.do("delays.length = 0; random = 1")
		p.connect([]string{name}, "{minDelay: 500, maxDelay: 30000, heartbeat: 20000}")
		p.until("delays.length >= 9")
		assert.Equal(t, []int{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000}, eval[[]int](p, "delays.slice(0, 9)"), name)
		p.do("delays.length = 0; random = 0.25")
		p.until("delays.length >= 2")
		assert.Equal(t, 7500, eval[int](p, "delays[1]"), name)
		p.do("streams." + name + ".stream.close()")
	}

	p.do("delays.length = 0; random = 1; var clock = 0, step = 0; performance.now = () => clock += step")
	p.connect([]string{"auto"}, "{transport: 'events', minDelay: 500, maxDelay: 30000, heartbeat: 20000}")
	p.until("delays.length >= 4")
	assert.Equal(t, []int{500, 1000, 2000, 4000}, eval[[]int](p, "delays.slice(0, 4)"), "the connections opened, but did not last")
	p.do("step = 20000")
	p.until("delays.slice(-5).join() === '500,500,500,500,500'")
}

// A poll with an empty answer is not a failure, unless the answer comes at once.
func testPoll(t *testing.T, browser context.Context) {
	hub := enumerator.Broadcast[any]()
	s := newStage(t, client.Handler(func(r *http.Request, after enumerator.Position) (items, error) {
		return comet.LongPoll(hub, after, 100*time.Millisecond), nil
	}))
	p := visit(t, browser, s.url)
	p.connect([]string{"poll"}, "{minDelay: 20}")
	eventually(t, func() bool { return len(s.asked()) > 5 })
	assert.Equal(t, []string{"open"}, eval[[]string](p, "streams.poll.states"))
	push(t, hub, 0, 3)
	hub.End()
	p.until("streams.poll.stream.state === 'ended'")
	assert.Equal(t, numbers(3), p.got("poll"))
	assert.Equal(t, []string{"open", "ended"}, eval[[]string](p, "streams.poll.states"))
}

func testThrow(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	p := visit(t, browser, s.url)
	p.connect(every, "{}")
	eventually(t, func() bool { return hub.Runs() == len(every) })
	require.NoError(t, hub.Push(t.Context(), "throw"))
	require.NoError(t, hub.Push(t.Context(), "go on"))
	for _, name := range every {
		p.until("streams." + name + ".got.length >= 2")
		assert.Equal(t, []string{"throw", "go on"}, eval[[]string](p, "streams."+name+".got"), name)
		assert.Equal(t, []string{"open"}, eval[[]string](p, "streams."+name+".states"), name)
	}
	eventually(t, func() bool {
		return strings.Count(strings.Join(p.shown(), "\n"), "thrown by the callback") == len(every)
	}, "each error is reported")
}

// A frame that is loading does not delay the load event of the page, for which visit waits.
func testEarly(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	p := visit(t, browser, s.url+"/?early")
	p.until("streams.iframe.states[0] === 'open'")
	eventually(t, func() bool { return hub.Runs() == 1 })
	push(t, hub, 0, 3)
	p.until("streams.iframe.got.length === 3")
	assert.Equal(t, "complete", eval[string](p, "document.readyState"))
}

// The client also reads streams without positions, such as those of comet.String.
func testPlain(t *testing.T, browser context.Context) {
	words := enumerator.Of("kiki", "foo", "</script>")
	s := newStage(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forever := enumerator.New(func(ctx context.Context, _ iteratee.Sink[[]byte]) iteratee.Step {
			<-ctx.Done()
			return iteratee.Cancelled(ctx)
		})
		switch r.URL.Query().Get("transport") {
		case "iframe":
			_ = httpadapter.Serve(w, r, enumerator.Through(words, comet.String(client.Callback)).AndThen(forever), httpadapter.Comet())
		case "events":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: kiki\n\ndata: foo\n\ndata: </script>\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	p := visit(t, browser, s.url)
	p.connect([]string{"iframe", "events"}, "{parse: String}")
	for _, name := range []string{"iframe", "events"} {
		p.until("streams." + name + ".got.length >= 3")
		assert.Equal(t, []string{"kiki", "foo", "</script>"}, eval[[]string](p, "streams."+name+".got"))
		assert.Empty(t, eval[string](p, "streams."+name+".stream.lastEventId"))
	}
}

// The page gets a gap in place of each message that cannot be encoded, then the next messages,
// over the same connection.
func testUnsent(t *testing.T, browser context.Context) {
	s, hub := hubStage(t, httpadapter.Logger(slog.New(slog.DiscardHandler)))
	p := visit(t, browser, s.url)
	p.connect(every, "{}")
	eventually(t, func() bool { return hub.Runs() == len(every) })
	push(t, hub, 0, 1)
	var gaps []any
	for _, message := range unsent {
		require.NoError(t, hub.Push(t.Context(), message))
		id := hub.Position().String()
		gaps = append(gaps, []any{"gap", map[string]any{"from": id, "count": 1.0}, id})
	}
	push(t, hub, 1, 3)
	for _, name := range every {
		p.until("streams." + name + ".got.length >= 3")
		assert.Equal(t, numbers(3), p.got(name), name)
		assert.Equal(t, gaps, eval[[]any](p, "streams."+name+".told.filter(e => e[0] !== 'reset')"), name)
		assert.Equal(t, []string{"open"}, eval[[]string](p, "streams."+name+".states"), name)
		assert.Equal(t, hub.Position().String(), eval[string](p, "streams."+name+".stream.lastEventId"), name)
	}
	asked := strings.Join(s.asked(), " ")
	for _, name := range every[:3] { // without poll, which sends many requests
		assert.Equal(t, 1, strings.Count(asked, "for="+name), name)
	}
}

// If each request is redirected to a login page, the client takes nothing of the page for a
// message, and waits longer from attempt to attempt. When the stream is back, the client resumes.
func testLogin(t *testing.T, browser context.Context) {
	hub := enumerator.Broadcast[any]()
	var loggedOut atomic.Bool
	loggedOut.Store(true)
	stream := client.Handler(func(r *http.Request, after enumerator.Position) (items, error) {
		if r.URL.Query().Get("transport") == "poll" {
			return comet.LongPoll(hub, after, 10*time.Second), nil
		}
		return hub.From(after), nil
	})
	s := newStage(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if loggedOut.Load() {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		stream.ServeHTTP(w, r)
	}))
	s.mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!DOCTYPE html>\n<title>Log in</title>\n")
	})
	p := visit(t, browser, s.url)
	start := hub.Position().String()
	p.do(`
		var delays = [], later = setTimeout;
		Math.random = () => 1;
		window.setTimeout = function(f, ms) { if (ms === 20000) return later(f, ms); delays.push(ms); return later(f, Math.min(ms, 50)); };
	`)
	for _, name := range every {
		p.do("delays.length = 0")
		p.connect([]string{name}, "{lastEventId: '"+start+"', minDelay: 500, maxDelay: 30000, heartbeat: 20000}")
		p.until("delays.length >= 4")
		assert.Equal(t, []int{500, 1000, 2000, 4000}, eval[[]int](p, "delays.slice(0, 4)"), name)
		assert.Empty(t, eval[[]any](p, "streams."+name+".got"), name)
		if name != every[len(every)-1] {
			p.do("streams." + name + ".stream.close()")
		}
	}
	loggedOut.Store(false)
	push(t, hub, 0, 3)
	p.until("streams.poll.got.length >= 3")
	assert.Equal(t, numbers(3), p.got("poll"))
}
