//go:build !fuzz

package client_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

var silent = httpadapter.Logger(slog.New(slog.DiscardHandler))

// unwraps is the ResponseWriter of a middleware, which Fanout does not bypass.
type unwraps struct{ http.ResponseWriter }

func (u unwraps) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func behindAMiddleware(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(unwraps{w}, r) })
}

// A way is the way that a stream takes to its client.
type way struct {
	name       string
	wrap       func(http.Handler) http.Handler
	tls        bool // with HTTP/2
	opts       []httpadapter.Option
	handedOver bool // if the transport allows it
}

var ways = []way{
	{name: "handed over", handedOver: true},
	{name: "handed over with gzip", handedOver: true, opts: []httpadapter.Option{compress.Option()}},
	{name: "behind a middleware", wrap: behindAMiddleware},
	{name: "HTTP/2", tls: true},
}

// serve starts a server of a Fanout.
func (w way) serve(t *testing.T, source func(*http.Request) (enumerator.Source[any], int, error), opts ...httpadapter.Option) *httptest.Server {
	return w.serveWith(t, func(*http.Server) {}, source, opts...)
}

// serveWith calls prepare before it starts the server.
func (w way) serveWith(t *testing.T, prepare func(*http.Server), source func(*http.Request) (enumerator.Source[any], int, error), opts ...httpadapter.Option) *httptest.Server {
	h := client.Fanout(source, append(append(opts, silent), w.opts...)...)
	if w.wrap != nil {
		h = w.wrap(h)
	}
	srv := httptest.NewUnstartedServer(h)
	prepare(srv.Config)
	srv.EnableHTTP2 = w.tls
	if w.tls {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// takesOver reports whether a stream of the transport is handed over.
func (w way) takesOver(transport string) bool {
	return w.handedOver && runtime.GOOS == "linux" && transport != "iframe" && transport != "poll"
}

// one returns a function for Fanout that returns source and last.
func one(source enumerator.Source[any], last int) func(*http.Request) (enumerator.Source[any], int, error) {
	return func(*http.Request) (enumerator.Source[any], int, error) { return source, last, nil }
}

// onEachWay runs test for each of the transports and each way.
func onEachWay(t *testing.T, transports []string, test func(t *testing.T, transport string, w way)) {
	for _, w := range ways {
		for _, transport := range transports {
			t.Run(w.name+", transport "+transport, func(t *testing.T) {
				known := goleak.IgnoreCurrent()
				t.Cleanup(func() { goleak.VerifyNone(t, known) })
				test(t, transport, w)
			})
		}
	}
}

// A Fanout sends the bytes of a Handler, whether it hands its streams over or not.
func TestFanout(t *testing.T) {
	cases := map[string]struct {
		query  string // after the transport
		before int    // the number of values that are pushed before the client comes
		agent  string
	}{
		"a client that comes back":             {query: "&lastEventId=%[1]s", before: 1},
		"a client that comes late":             {query: "&lastEventId=%[1]s", before: 5},
		"a new client":                         {before: 5},
		"a client with an unknown id":          {query: "&lastEventId=1z-11", before: 3},
		"Firefox":                              {query: "&lastEventId=%[1]s", before: 1, agent: "Gecko/20100101 Firefox/153.0"},
		"a client with a cursor that is wrong": {query: "&lastEventId=x", before: 5},
	}
	onEachWay(t, all, func(t *testing.T, transport string, w way) {
		for name, c := range cases {
			hub := enumerator.Broadcast[any]()
			start := hub.Position().String()
			values := []any{"one", make(chan int), "it's </script>", map[string]any{"four": 4}, 5}
			pushAll := func(values []any) {
				for _, v := range values {
					require.NoError(t, hub.Push(t.Context(), v))
				}
			}
			outcomes := make(chan httpadapter.Outcome, 10)
			onEnd := httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcomes <- o })
			srv := w.serve(t, one(hub, 2), onEnd)
			if transport == "poll" {
				c.before = len(values)
			}
			pushAll(values[:c.before])
			if c.before == len(values) {
				hub.End()
			}
			query := "/?transport=" + transport + fmt.Sprintf(c.query+"%.0[1]s", start)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+query, nil)
			require.NoError(t, err)
			r.Header.Set("User-Agent", c.agent)
			res, err := srv.Client().Do(r)
			require.NoError(t, err, name)
			assert.Equal(t, w.takesOver(transport), res.Close, name)
			assert.Equal(t, w.tls, res.ProtoMajor == 2, name)
			eventually(t, func() bool { return hub.Runs() == 1 || c.before == len(values) })
			pushAll(values[c.before:])
			hub.End()
			body, err := io.ReadAll(res.Body)
			assert.NoError(t, err, name)
			_ = res.Body.Close()

			// The client of a Handler comes late. It gets the same bytes.
			late := client.Handler(func(_ *http.Request, after enumerator.Position) (items, error) {
				return itemsFor(hub, after, transport), nil
			}, silent, onEnd)
			_, want := ask(t, late, query, "User-Agent", c.agent)
			got := string(body)
			if transport == "iframe" {
				got, want = withoutScriptTags(got), withoutScriptTags(want)
			}
			assert.Equal(t, want, got, name)
			assert.Equal(t, counts(t, outcomes), counts(t, outcomes), name)
		}
	})
}

// itemsFor returns the Items of a stream of a Handler. A new client gets the last two elements.
func itemsFor(hub *enumerator.Hub[any], after enumerator.Position, transport string) items {
	if transport == "poll" && after != (enumerator.Position{}) {
		return comet.LongPoll(hub, after, time.Minute)
	}
	return hub.FromOrLast(after, 2)
}

// counts returns the Counts of the next stream that has ended.
func counts(t *testing.T, outcomes <-chan httpadapter.Outcome) httpadapter.Counts {
	t.Helper()
	select {
	case o := <-outcomes:
		assert.Equal(t, httpadapter.EndOfSource, o.Reason)
		return o.Counts
	case <-time.After(30 * time.Second):
		t.Fatal("no stream has ended")
		panic("unreachable")
	}
}

// A client whose connection is cut again and again gets each message once, whether another client keeps the run of the
// source alive or not.
func TestFanoutResumes(t *testing.T) {
	for _, steady := range []bool{false, true} {
		onEachWay(t, all, func(t *testing.T, transport string, w way) {
			hub := enumerator.Broadcast[any]()
			srv := w.serve(t, one(hub, 0))
			other := &reader{t: t, client: srv.Client(), url: srv.URL, transport: transport}
			if steady {
				other.connect()
				other.position(func(id string) bool { return id != "" })
			}
			c := &reader{t: t, client: srv.Client(), url: srv.URL, transport: transport}
			c.connect()
			c.position(func(id string) bool { return id != "" })
			pushed, got := 0, 0
			for round := range 6 {
				push(t, hub, pushed, pushed+5)
				pushed += 5
				for range 2 + round%4 {
					require.Equal(t, []any{"", float64(got)}, c.message())
					got++
				}
				c.cut()
				if round%2 == 0 {
					push(t, hub, pushed, pushed+3)
					pushed += 3
				}
				c.connect()
			}
			hub.End()
			for ; got < pushed; got++ {
				require.Equal(t, []any{"", float64(got)}, c.message())
			}
			assert.Equal(t, []any{"end", nil}, c.message())
			if steady {
				for n := range pushed {
					require.Equal(t, []any{"", float64(n)}, other.message())
				}
				assert.Equal(t, []any{"end", nil}, other.message())
				other.cut()
			}
			c.cut()
		})
	}
}

// texts is a hub with a Bookmark in place of each element that is not a string.
type texts struct{ *enumerator.Hub[any] }

func (t texts) From(p enumerator.Position) items { return onlyTexts(t.Hub.From(p)) }
func (t texts) Last(n int) items                 { return onlyTexts(t.Hub.Last(n)) }

func onlyTexts(source items) items {
	return enumerator.Map(source, func(i item) item {
		if _, ok := i.Value.(string); i.IsMessage() && !ok {
			return item{Position: i.Position, Bookmark: true}
		}
		return i
	})
}

// Heartbeats tell a client of a filtered stream how far the stream is. An answer to a poll has none.
func TestFanoutOfAFilteredStream(t *testing.T) {
	onEachWay(t, []string{native, "events", "iframe", "ndjson"}, func(t *testing.T, transport string, w way) {
		hub := enumerator.Broadcast[any]()
		srv := w.serve(t, one(texts{hub}, 0), httpadapter.Heartbeat(20*time.Millisecond, nil))
		c := &reader{t: t, client: srv.Client(), url: srv.URL, transport: transport}
		c.connect()
		c.position(func(id string) bool { return id != "" })
		for round := range 3 {
			push(t, hub, 0, 10+round*100)
			c.position(func(id string) bool { return id == hub.Position().String() })
		}
		require.NoError(t, hub.Push(t.Context(), "text"))
		assert.Equal(t, []any{"", "text"}, c.message())
		assert.Equal(t, hub.Position().String(), c.id)
		c.cut()
	})
}

// A server that shuts down, and MaxDuration, end the streams without an end record, so that clients come back.
func TestFanoutThatIsInterrupted(t *testing.T) {
	for name, opts := range map[string][]httpadapter.Option{
		"Shutdown":    nil,
		"MaxDuration": {httpadapter.MaxDuration(50 * time.Millisecond)},
	} {
		t.Run(name, func(t *testing.T) {
			onEachWay(t, all, func(t *testing.T, transport string, w way) {
				hub := enumerator.Broadcast[any]()
				srv := w.serveWith(t, httpadapter.Drain, one(hub, 1), opts...)
				c := &reader{t: t, client: srv.Client(), url: srv.URL, transport: transport, id: hub.Position().String()}
				c.connect()
				eventually(t, func() bool { return hub.Runs() == 1 || opts != nil })
				if opts == nil {
					require.NoError(t, httpadapter.Shutdown(t.Context(), srv.Config))
				}
				_, more := c.next()
				assert.False(t, more)
				c.cut()
			})
		})
	}
}

// Clients of equal sources share a run if they use the same transport.
func TestFanoutOfRooms(t *testing.T) {
	known := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, known) })
	rooms := map[string]*enumerator.Hub[any]{"a": enumerator.Broadcast[any](), "b": enumerator.Broadcast[any]()}
	srv := ways[0].serve(t, func(r *http.Request) (enumerator.Source[any], int, error) {
		room := rooms[r.URL.Query().Get("room")]
		if room == nil {
			return nil, 0, &httpadapter.StatusError{Status: http.StatusNotFound}
		}
		return room, 0, nil
	})
	for _, transport := range all {
		res, err := srv.Client().Get(srv.URL + "?transport=" + transport)
		require.NoError(t, err)
		assert.Equal(t, http.StatusNotFound, res.StatusCode)
		_ = res.Body.Close()
	}
	res, err := srv.Client().Get(srv.URL + "?transport=websocket")
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, res.StatusCode)
	_ = res.Body.Close()

	var readers []*reader
	for _, room := range []string{"a", "b"} {
		for _, transport := range []string{native, "events", "ndjson"} {
			for range 3 {
				c := &reader{t: t, client: srv.Client(), url: srv.URL, transport: transport, room: room}
				c.connect()
				c.position(func(id string) bool { return id != "" })
				readers = append(readers, c)
			}
		}
	}
	if runtime.GOOS == "linux" {
		eventually(t, func() bool { return rooms["a"].Runs() == 3 && rooms["b"].Runs() == 3 })
	}
	for name, room := range rooms {
		require.NoError(t, room.Push(t.Context(), "in "+name))
	}
	for _, c := range readers {
		assert.Equal(t, []any{"", "in " + c.room}, c.message())
		c.cut()
	}
	eventually(t, func() bool { return rooms["a"].Runs() == 0 && rooms["b"].Runs() == 0 })
}

// A nil source is a panic of its own request, and of no other.
func TestFanoutOfANilSource(t *testing.T) {
	var none *enumerator.Hub[any]
	for name, source := range map[string]enumerator.Source[any]{"nil": nil, "a nil hub": none} {
		t.Run(name, func(t *testing.T) {
			h := client.Fanout(one(source, 1), silent)
			for _, transport := range all {
				r := httptest.NewRequest(http.MethodGet, "/?transport="+transport, nil)
				assert.PanicsWithValue(t, "comet/client: Fanout: source must not be nil", func() { h.ServeHTTP(httptest.NewRecorder(), r) }, transport)
			}
		})
	}
}

func TestFanoutPanicsOnMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "comet/client: Fanout: f must not be nil", func() { client.Fanout[int](nil) })
}

// The script reads the streams of a Fanout through a proxy that cuts each connection after a second. Then the page is
// loaded again, and resumes where it was.
func TestFanoutInChromium(t *testing.T) {
	browser := browsertest.Start(t)
	hub := enumerator.Broadcast[any](enumerator.Capacity(20_000))
	s := newStage(t, client.Fanout(one(hub, 0)))
	proxy := httpadaptertest.NewProxy(t, s.url)
	proxy.CutAfter(time.Second)
	p := visit(t, browser, proxy.URL)
	connect := func() {
		for _, name := range every {
			p.connect([]string{name}, fmt.Sprintf("{store: '%s'}", name))
		}
		eventually(t, func() bool { return hub.Runs() == len(every) })
	}
	check := func(from, to int) {
		t.Helper()
		for _, name := range every {
			p.until(fmt.Sprintf("streams.%s.got.length >= %d", name, to-from))
			assert.Equal(t, numbers(to)[from:], p.got(name), name)
			assert.Empty(t, eval[[]any](p, "streams."+name+".told"), name)
		}
	}
	connect()
	cut := func() bool { // without poll: the browser itself repeats a request that is cut before its answer
		return eval[bool](p, `['events', 'iframe', 'ndjson'].every(name => streams[name].states.filter(s => s === 'waiting').length >= 2)`)
	}
	n := 0
	for pace := time.NewTicker(10 * time.Millisecond); n < 3000 && !cut(); n++ {
		push(t, hub, n, n+1)
		<-pace.C
	}
	require.True(t, cut(), "%s", p.state())
	push(t, hub, n, n+10)
	check(0, n+10)

	proxy.CutAfter(time.Hour)
	p.do("window.old = true; location.reload()")
	p.until("!window.old && document.readyState === 'complete'")
	push(t, hub, n+10, n+20)
	connect()
	push(t, hub, n+20, n+30)
	check(n+10, n+30)
}

// Messages that cannot be encoded are logged to the ErrorLog of the server.
func TestFanoutLogger(t *testing.T) {
	onEachWay(t, []string{"", "events", "ndjson", "iframe"}, func(t *testing.T, transport string, w way) {
		elsewhere := probe.Logs(t)
		hub := enumerator.Broadcast[any]()
		h := client.Fanout(one(hub, 0), w.opts...)
		if w.wrap != nil {
			h = w.wrap(h)
		}
		srv := httptest.NewUnstartedServer(h)
		var logged strings.Builder
		srv.Config.ErrorLog = log.New(&logged, "", 0)
		if srv.EnableHTTP2 = w.tls; w.tls {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		start := hub.Position().String()
		require.NoError(t, hub.Push(t.Context(), math.NaN()))
		res, err := srv.Client().Get(srv.URL + "/?transport=" + transport + "&lastEventId=" + start)
		require.NoError(t, err)
		require.NoError(t, hub.Push(t.Context(), math.NaN()))
		hub.End()
		_, err = io.ReadAll(res.Body)
		require.NoError(t, err)
		_ = res.Body.Close()
		require.NoError(t, httpadapter.Shutdown(t.Context(), srv.Config))
		srv.Close()
		assert.Equal(t, 2, strings.Count(logged.String(), "comet/client: cannot encode a message; clients get a gap in its place"), logged.String())
		assert.Empty(t, elsewhere())
	})
}
