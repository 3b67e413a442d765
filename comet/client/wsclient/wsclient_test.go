package wsclient_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience limits the time of a test that would hang. Other tests do not wait for it.
const patience = 10 * time.Second

type (
	item   = enumerator.Item[any]
	items  = enumerator.Enumerator[item]
	source = func(*http.Request, enumerator.Position) (items, error)
)

func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

// id returns the text of the Position at.
func id(seq uint64) string { return at(seq).String() }

func of(items items) source {
	return func(*http.Request, enumerator.Position) (enumerator.Enumerator[item], error) { return items, nil }
}

func list(items ...item) items { return enumerator.Of(items...) }

// A testServer reports the end of each request.
type testServer struct {
	*httptest.Server
	t        *testing.T
	returned chan struct{}
}

func serve(t *testing.T, source source, opts ...websocket.Option) *testServer {
	return serveHandler(t, wsclient.Handler(source, client.Handler(source), opts...))
}

func serveHandler(t *testing.T, h http.Handler) *testServer {
	s := &testServer{t: t, returned: make(chan struct{}, 1000)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { s.returned <- struct{}{} }()
		h.ServeHTTP(w, r)
	}))
	httpadapter.Drain(s.Config)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *testServer) checkReturned() {
	s.t.Helper()
	select {
	case <-s.returned:
	case <-time.After(patience):
		require.FailNow(s.t, "the handler has not returned")
	}
}

func dial(t *testing.T, url, query string) *conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ws, _, err := coder.Dial(ctx, url+"/?transport=websocket&"+query, nil)
	require.NoError(t, err)
	t.Cleanup(func() { ws.CloseNow() })
	return &conn{t, ctx, ws}
}

type conn struct {
	t   *testing.T
	ctx context.Context
	*coder.Conn
}

// read returns the next message, or the close code and the reason.
func (c *conn) read() string {
	kind, text, err := c.Read(c.ctx)
	if err != nil {
		var closed coder.CloseError
		if !errors.As(err, &closed) {
			return "lost"
		}
		return strings.TrimSpace(fmt.Sprint(int(closed.Code), " ", closed.Reason))
	}
	assert.Equal(c.t, coder.MessageText, kind)
	return string(text)
}

// checkReads checks the next messages, and the code if it is the last.
func (c *conn) checkReads(want ...string) {
	c.t.Helper()
	for _, want := range want {
		require.Equal(c.t, want, c.read())
	}
}

const (
	first = `{"event":"heartbeat","id":"","data":15000}`
	beat  = `{"event":"heartbeat","id":"","data":null}`
)

func TestRecords(t *testing.T) {
	eof := enumerator.New(func(_ context.Context, sink iteratee.Sink[item]) iteratee.Step { return sink.EOF() })
	broken := enumerator.Generate(func(context.Context) (item, bool, error) { return item{}, false, errors.New("boom") })
	for name, c := range map[string]struct {
		source items
		want   []string
	}{
		"nothing":           {list(), []string{`{"event":"end","id":"","data":null}`, "1000"}},
		"EOF":               {list(item{Value: 1, Position: at(1)}).AndThen(eof), []string{`{"id":"1z-11","data":1}`, `{"event":"end","id":"1z-11","data":null}`, "1000"}},
		"messages":          {list(item{Value: "a</script>\u2028", Position: at(35)}, item{Value: nil, Position: at(36)}), []string{`{"id":"1z-1z","data":"a\u003c/script\u003e\u2028"}`, `{"id":"1z-210","data":null}`, `{"event":"end","id":"1z-210","data":null}`, "1000"}},
		"a named message":   {list(item{Value: 1, Event: "prices", Position: at(1), Cursor: "a:1,b:2"}), []string{`{"event":"prices","id":"a:1,b:2","data":1}`, `{"event":"end","id":"a:1,b:2","data":null}`, "1000"}},
		"without Positions": {list(item{Value: 1}), []string{`{"id":"","data":1}`, `{"event":"end","id":"","data":null}`, "1000"}},
		"notices": {
			list(item{Reset: true, Position: at(1)}, item{Gap: enumerator.Gap{From: at(2), N: 3}, Position: at(4)}),
			[]string{`{"event":"reset","id":"1z-11","data":null}`, `{"event":"gap","id":"1z-14","data":{"from":"1z-12","count":3}}`, `{"event":"end","id":"1z-14","data":null}`, "1000"},
		},
		"the first Bookmark, at once": {list(item{Bookmark: true, Position: at(1)}).AndThen(list(item{Value: 1, Position: at(2)})), []string{`{"event":"bookmark","id":"1z-11","data":null}`, `{"id":"1z-12","data":1}`, `{"event":"end","id":"1z-12","data":null}`, "1000"}},
		"Bookmarks in a row, of which some are held back": {
			list(item{Value: 1, Position: at(1)}, item{Bookmark: true, Position: at(2)}, item{Bookmark: true, Position: at(3)}, item{Value: 2, Position: at(4)}, item{Bookmark: true, Position: at(5)}),
			[]string{`{"id":"1z-11","data":1}`, `{"id":"1z-14","data":2}`, `{"event":"end","id":"1z-15","data":null}`, "1000"},
		},
		"an End":    {list(item{Value: 1, Position: at(1)}, item{End: true, Position: at(2)}), []string{`{"id":"1z-11","data":1}`, `{"event":"end","id":"1z-12","data":null}`, "1000"}},
		"a failure": {list(item{Value: 1, Position: at(1)}).AndThen(broken), []string{`{"id":"1z-11","data":1}`, "1011"}},
		"an unencodable message": {
			list(item{Value: math.NaN(), Position: at(1)}, item{Value: func() {}, Position: at(2)}, item{Value: 3, Position: at(3)}),
			[]string{`{"event":"gap","id":"1z-11","data":{"from":"1z-11","count":1}}`, `{"event":"gap","id":"1z-12","data":{"from":"1z-12","count":1}}`, `{"id":"1z-13","data":3}`, `{"event":"end","id":"1z-13","data":null}`, "1000"},
		},
		"a message with a reserved name": {
			list(item{Value: 1, Event: "end", Position: at(1)}, item{Value: 2, Position: at(2)}),
			[]string{`{"event":"gap","id":"1z-11","data":{"from":"1z-11","count":1,"source":"end"}}`, `{"id":"1z-12","data":2}`, `{"event":"end","id":"1z-12","data":null}`, "1000"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			elsewhere := probe.Logs(t)
			var logged strings.Builder
			s := serve(t, of(c.source), websocket.Logger(slog.New(slog.NewTextHandler(&logged, nil))))
			dial(t, s.URL, "").checkReads(append([]string{first}, c.want...)...)
			s.checkReturned()
			want := 0
			for _, w := range c.want {
				if strings.Contains(w, `"gap"`) && name != "notices" || w == "1011" {
					want++
				}
			}
			assert.Equal(t, want, strings.Count(logged.String(), "\n"), logged.String())
			assert.Empty(t, elsewhere())
		})
	}
}

// The source gets the client's ID.
func TestCursor(t *testing.T) {
	after := make(chan enumerator.Position, 1)
	s := serve(t, func(_ *http.Request, p enumerator.Position) (items, error) { after <- p; return list(), nil })
	for query, want := range map[string]enumerator.Position{
		"":                   {},
		"lastEventId=1z-12":  at(2),
		"lastEventId=":       {},
		"lastEventId=a%26b=": {Seq: 1}, // unknown to each hub
	} {
		dial(t, s.URL, query).checkReads(first, `{"event":"end","id":"","data":null}`, "1000")
		assert.Equal(t, want, <-after, query)
	}
}

// A client gets the messages of a hub in order and exactly once, through connections that are cut at any byte.
func TestResume(t *testing.T) {
	const n = 2000
	hub := enumerator.Broadcast[any](enumerator.Capacity(n))
	s := serve(t, func(_ *http.Request, p enumerator.Position) (items, error) { return hub.From(p), nil }, websocket.Compression())
	proxy := httpadaptertest.NewProxy(t, s.URL)
	last := hub.Position().String()
	got, connections := 0, 0
	pushed := make(chan struct{})
	go func() {
		defer close(pushed)
		for i := range n {
			assert.NoError(t, hub.Push(context.Background(), i))
			if i%100 == 0 {
				time.Sleep(time.Millisecond) // so that some messages are pushed between connections
			}
		}
		hub.End()
	}()
	for ended := false; !ended; connections++ {
		require.Less(t, connections, n)
		proxy.Cut(int64(500 + 17*connections)) // the head of the answer has about 130 bytes
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		ws, _, err := coder.Dial(ctx, proxy.URL+"/?transport=websocket&lastEventId="+last, &coder.DialOptions{
			CompressionMode: coder.CompressionMode(connections % 3), CompressionThreshold: 1,
		})
		for err == nil {
			var text []byte
			if _, text, err = ws.Read(ctx); err != nil {
				break
			}
			var r comet.Record
			require.NoError(t, json.Unmarshal(text, &r))
			switch r.Event {
			case "":
				require.EqualValues(t, got, r.Data)
				got++
			case comet.End:
				ended = true
			default:
				require.Contains(t, []string{comet.Beat, comet.Bookmark}, r.Event)
			}
			if r.ID != "" {
				last = r.ID
			}
		}
		if ended {
			assert.Equal(t, coder.StatusNormalClosure, coder.CloseStatus(err))
		}
		if ws != nil {
			ws.CloseNow()
		}
		cancel()
	}
	<-pushed
	assert.Equal(t, n, got)
	assert.Greater(t, connections, 10)
}

// A client that is a full ring behind is told what it missed, and one with an unknown ID must begin anew.
func TestGapAndReset(t *testing.T) {
	hub := enumerator.Broadcast[any](enumerator.Capacity(2))
	begin := hub.Position()
	for i := range 5 {
		require.NoError(t, hub.Push(t.Context(), i))
	}
	hub.End()
	s := serve(t, func(_ *http.Request, p enumerator.Position) (items, error) { return hub.From(p), nil })
	for _, last := range []string{begin.String(), "nonsense", id(3)} {
		c := dial(t, s.URL, "lastEventId="+url.QueryEscape(last))
		c.checkReads(first)
		assert.Contains(t, c.read(), `{"event":"reset","id":"`)
		assert.Contains(t, c.read(), `"data":3}`)
		assert.Contains(t, c.read(), `"data":4}`)
		assert.Contains(t, c.read(), `{"event":"end"`)
		c.checkReads("1000")
	}
}

// After each 15 s without a message there is a heartbeat, with the newest ID if that is new.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := make(chan item)
		p := probe.NewPipes()
		srv := &http.Server{Handler: wsclient.Handler(of(enumerator.FromChan(in)), http.NotFoundHandler())}
		served := make(chan struct{})
		go func() { defer close(served); _ = srv.Serve(p) }()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return p.Dial(), nil }}
		ws, _, err := coder.Dial(t.Context(), "ws://halley/?transport=websocket", &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}})
		require.NoError(t, err)
		begin := time.Now()
		var got []string
		read := make(chan struct{})
		go func() { // it answers pings too
			defer close(read)
			c := &conn{t, t.Context(), ws}
			for text := ""; text != "1000" && text != "lost"; {
				text = c.read()
				got = append(got, fmt.Sprint(time.Since(begin).Seconds(), " ", text))
			}
		}()
		for _, step := range []struct {
			at    time.Duration
			items []item
		}{
			{40, []item{{Value: 1, Position: at(1)}}},
			{60, []item{{Bookmark: true, Position: at(2)}, {Bookmark: true, Position: at(3)}}},
			{92, []item{{Bookmark: true, Position: at(4)}, {Value: 5, Position: at(5)}}},
			{110, nil},
		} {
			time.Sleep(step.at*time.Second - time.Since(begin))
			for _, i := range step.items {
				in <- i
			}
		}
		close(in)
		<-read
		_ = srv.Close()
		<-served
		assert.Equal(t, []string{
			"0 " + first,
			"15 " + beat,
			"30 " + beat,
			`40 {"id":"1z-11","data":1}`,
			"55 " + beat,
			`60 {"event":"bookmark","id":"1z-12","data":null}`,
			`75 {"event":"bookmark","id":"1z-13","data":null}`, // it was held back
			"90 " + beat,
			`92 {"event":"bookmark","id":"1z-14","data":null}`,
			`92 {"id":"1z-15","data":5}`,
			"107 " + beat,
			`110 {"event":"end","id":"1z-15","data":null}`,
			"110 1000",
		}, got)
	})
}

// A client that takes nothing, or is gone, does not keep the source.
func TestClientsThatLeave(t *testing.T) {
	for name, c := range map[string]struct {
		silent bool
		leave  func(*conn)
	}{
		"a close":                 {true, func(c *conn) { _ = c.Close(1000, "") }},
		"the end of a connection": {true, func(c *conn) { c.CloseNow() }},
		"no answer to a ping":     {true, func(*conn) {}},
		"a client that is slow":   {false, func(*conn) {}},
	} {
		t.Run(name, func(t *testing.T) {
			logged := probe.Logs(t)
			inner := enumerator.Never[item]()
			if !c.silent {
				large := strings.Repeat("x", 1<<20)
				inner = enumerator.Repeat(func() item { return item{Value: large, Position: at(1)} })
			}
			running := make(chan struct{})
			var ended atomic.Bool
			source := enumerator.New(func(ctx context.Context, sink iteratee.Sink[item]) iteratee.Step {
				close(running)
				defer ended.Store(true)
				return inner.Into(ctx, sink)
			})
			s := serve(t, of(source), websocket.Timeout(100*time.Millisecond), websocket.Ping(20*time.Millisecond))
			cl := dial(t, s.URL, "")
			<-running
			c.leave(cl)
			s.checkReturned()
			assert.True(t, ended.Load())
			assert.Empty(t, logged())
		})
	}
}

// A client that sends something is refused, and the server ends.
func TestHostileFrames(t *testing.T) {
	frame := func(first byte, payload string) string {
		return string([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
	}
	const policy, protocol = "\x03\xf0", "\x03\xea"
	for name, c := range map[string]struct{ frames, code string }{
		"a text message":         {frame(0x81, "hello"), policy},
		"a binary message":       {frame(0x82, "hello"), policy},
		"an empty message":       {frame(0x81, ""), policy},
		"text that is not UTF-8": {frame(0x81, "\xff"), "\x03\xef"},
		"a thousand messages":    {strings.Repeat(frame(0x81, "hello"), 1000), policy},
		"a huge message":         {"\x81\xff\x00\x00\x00\x00\x00\xff\xff\xff\x00\x00\x00\x00" + strings.Repeat("x", 100<<10), ""},
		"reserved bits":          {frame(0xf1, "hello"), protocol},
		"an unknown kind":        {frame(0x83, "hello"), protocol},
		"an unmasked frame":      {"\x81\x05hello", ""},
		"half a frame":           {"\x81\x85\x00\x00\x00\x00he", ""},
		"not WebSocket":          {"GET / HTTP/1.1\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			probe.Logs(t)
			s := serve(t, of(enumerator.Never[item]()))
			raw, err := net.Dial("tcp", s.Listener.Addr().String())
			require.NoError(t, err)
			defer raw.Close()
			_, err = io.WriteString(raw, "GET / HTTP/1.1\r\nHost: halley\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
			require.NoError(t, err)
			answers := bufio.NewReader(raw)
			_, err = http.ReadResponse(answers, nil)
			require.NoError(t, err)
			_, _ = io.WriteString(raw, c.frames) // the server may have ended already
			_ = raw.(*net.TCPConn).CloseWrite()
			all, _ := io.ReadAll(answers)
			s.checkReturned()
			if c.code != "" {
				_, closing, _ := strings.Cut(string(all), "\x88")
				require.Greater(t, len(closing), 2, "%q", all)
				assert.Equal(t, c.code, closing[1:3])
			}
		})
	}
}

// A page learns why it is refused by a close code, and other clients learn it by the status.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		page   string // the last record or code, or the status
		status int
	}{
		"no content":        {&httpadapter.StatusError{Status: 204}, "1000", 204},
		"unauthorized":      {&httpadapter.StatusError{Status: 401, Text: "log in"}, "4401 Unauthorized", 401},
		"wrapped":           {fmt.Errorf("no: %w", &httpadapter.StatusError{Status: 403}), "4403 Forbidden", 403},
		"not found":         {&httpadapter.StatusError{Status: 404}, "4404 Not Found", 404},
		"gone":              {&httpadapter.StatusError{Status: 410}, "4410 Gone", 410},
		"no name":           {&httpadapter.StatusError{Status: 499}, "4499", 499},
		"request timeout":   {&httpadapter.StatusError{Status: 408}, "status 408", 408},
		"too early":         {&httpadapter.StatusError{Status: 425}, "status 425", 425},
		"too many requests": {&httpadapter.StatusError{Status: 429}, "status 429", 429},
		"a redirect":        {&httpadapter.StatusError{Status: 303}, "status 303", 303},
		"unavailable":       {&httpadapter.StatusError{Status: 503}, "status 503", 503},
		"a failure":         {errors.New("boom"), "status 500", 500},
		"a close code":      {websocket.CloseError{Code: 4000, Reason: "a reason"}, "4000 a reason", 101},
	} {
		t.Run(name, func(t *testing.T) {
			probe.Logs(t)
			s := serve(t, func(*http.Request, enumerator.Position) (items, error) { return items{}, c.err })
			noRedirects := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			status := func(query string, header http.Header) (int, *coder.Conn) {
				ws, response, _ := coder.Dial(t.Context(), s.URL+query, &coder.DialOptions{HTTPHeader: header, HTTPClient: noRedirects})
				require.NotNil(t, response)
				return response.StatusCode, ws
			}
			got, ws := status("/", nil)
			assert.Equal(t, c.status, got, "another client")
			if ws != nil {
				ws.CloseNow()
			}
			s.checkReturned()
			got, ws = status("/?transport=websocket", nil)
			if want, ok := strings.CutPrefix(c.page, "status "); ok {
				assert.Equal(t, want, fmt.Sprint(got))
			} else {
				require.Equal(t, http.StatusSwitchingProtocols, got)
				page := &conn{t, t.Context(), ws}
				if c.status == 204 {
					page.checkReads(first, `{"event":"end","id":"","data":null}`)
				}
				page.checkReads(c.page)
			}
			s.checkReturned()
			if c.status != 303 && c.status < 500 && !strings.HasPrefix(c.page, "status") {
				got, _ = status("/?transport=websocket", http.Header{"Origin": {"http://enemy.example"}})
				assert.Equal(t, http.StatusForbidden, got, "a page of another origin")
				s.checkReturned()
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	for name, c := range map[string]struct {
		origin string
		opts   []websocket.Option
		status int
	}{
		"the same":           {"http://%s", nil, 101},
		"another":            {"http://friend.example", nil, 403},
		"another, allowed":   {"http://friend.example", []websocket.Option{websocket.Origins("friend.example")}, 101},
		"an opaque one":      {"null", nil, 403},
		"one that has a dot": {"http://%s.example", nil, 403},
	} {
		t.Run(name, func(t *testing.T) {
			probe.Logs(t)
			s := serve(t, of(list()), c.opts...)
			origin := strings.ReplaceAll(c.origin, "%s", s.Listener.Addr().String())
			ws, response, _ := coder.Dial(t.Context(), s.URL, &coder.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
			require.NotNil(t, response)
			assert.Equal(t, c.status, response.StatusCode)
			if ws != nil {
				ws.CloseNow()
			}
			s.checkReturned()
		})
	}
}

// The same URL serves the other transports.
func TestOtherTransports(t *testing.T) {
	probe.Logs(t)
	s := serve(t, of(list(item{Value: "hello", Position: at(1)})))
	for transport, want := range map[string]string{
		"":       "data: \"hello\"\n",
		"events": "data: \"hello\"\n",
		"iframe": "'1z-11'",
		"ndjson": `{"id":"1z-11","data":"hello"}` + "\n",
		"poll":   `{"id":"1z-11","data":"hello"}` + "\n",
	} {
		response, err := http.Get(s.URL + "/?transport=" + transport)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, http.StatusOK, response.StatusCode, transport)
		assert.Contains(t, string(body), want, transport)
	}
	for name, c := range map[string]struct {
		upgrade []string
		status  int
	}{
		"without an upgrade":     {nil, 400}, // a proxy that drops Upgrade
		"another upgrade":        {[]string{"h2c"}, 400},
		"without Connection":     {[]string{"websocket"}, 426},
		"a list":                 {[]string{"h2c, WebSocket"}, 426},
		"a list over two fields": {[]string{"h2c", "websocket"}, 426},
		"a longer name":          {[]string{"websockets"}, 400},
	} {
		request, err := http.NewRequest(http.MethodGet, s.URL+"/?transport=websocket", nil)
		require.NoError(t, err)
		request.Header["Upgrade"] = c.upgrade
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		response.Body.Close()
		assert.Equal(t, c.status, response.StatusCode, name)
	}
}

// When the server shuts down, clients are told to come back, and the stream does not look complete.
func TestDrain(t *testing.T) {
	s := serve(t, of(list(item{Value: 1, Position: at(1)}).AndThen(enumerator.Never[item]())))
	c := dial(t, s.URL, "")
	c.checkReads(first, `{"id":"1z-11","data":1}`)
	require.NoError(t, s.Config.Shutdown(t.Context()))
	c.checkReads("1001")
	s.checkReturned()
}

func TestLimited(t *testing.T) {
	source := of(enumerator.Never[item]())
	s := serveHandler(t, httpadapter.Limited(wsclient.Handler(source, client.Handler(source)), httpadapter.Limit(1)))
	c := dial(t, s.URL, "")
	c.checkReads(first)
	_, response, err := coder.Dial(t.Context(), s.URL+"/?transport=websocket", nil)
	assert.Error(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	assert.NotEmpty(t, response.Header.Get("Retry-After"))
	s.checkReturned()
	require.NoError(t, c.Close(1000, ""))
	s.checkReturned()
	dial(t, s.URL, "").checkReads(first)
}

// A panic of the source reaches the caller, as in other handlers.
func TestPanic(t *testing.T) {
	boom := enumerator.New(func(context.Context, iteratee.Sink[item]) iteratee.Step { panic("boom") })
	h := wsclient.Handler(of(boom), http.NotFoundHandler())
	panicked := make(chan any, 1)
	s := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { panicked <- recover() }()
		h.ServeHTTP(w, r)
	}))
	c := dial(t, s.URL, "")
	for text := ""; text != "1011"; text = c.read() {
		require.Contains(t, []string{"", first}, text)
	}
	assert.Equal(t, "boom", fmt.Sprint(<-panicked))
}

func TestMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "comet/client/wsclient: Handler: source must not be nil", func() {
		wsclient.Handler[any](nil, http.NotFoundHandler())
	})
	assert.PanicsWithValue(t, "comet/client/wsclient: Handler: next must not be nil", func() { wsclient.Handler(of(list()), nil) })
}
