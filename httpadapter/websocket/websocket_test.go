package websocket_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom: the password is 1234")

// patience limits the time of a test that would hang. Other tests do not wait for it.
const patience = 10 * time.Second

func receive[E any](t *testing.T, c <-chan E, name string) (e E) {
	t.Helper()
	select {
	case e = <-c:
	case <-time.After(patience):
		require.FailNow(t, "still waiting for "+name)
	}
	return e
}

// testServer serves a handler, and waits for it to return.
type testServer struct {
	*httptest.Server
	t        *testing.T
	returned chan any // the panic value of the handler, or nil
}

func serve(t *testing.T, h http.Handler) *testServer {
	s := unstarted(t, h)
	s.Start()
	return s
}

func unstarted(t *testing.T, h http.Handler) *testServer {
	s := &testServer{t: t, returned: make(chan any, 10)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { s.returned <- recover() }()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *testServer) checkReturned() {
	s.t.Helper()
	require.Nil(s.t, receive(s.t, s.returned, "the handler"))
}

func (s *testServer) dial() *client {
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*patience)
	s.t.Cleanup(cancel)
	conn, _, err := coder.Dial(ctx, s.URL, nil)
	require.NoError(s.t, err)
	conn.SetReadLimit(-1)
	s.t.Cleanup(func() { conn.CloseNow() })
	return &client{s.t, ctx, conn}
}

type client struct {
	t    *testing.T
	ctx  context.Context
	conn *coder.Conn
}

func (c *client) send(kind coder.MessageType, message string) {
	c.t.Helper()
	require.NoError(c.t, c.conn.Write(c.ctx, kind, []byte(message)))
}

func (c *client) checkReceives(messages ...string) {
	c.t.Helper()
	for _, want := range messages {
		_, got, err := c.conn.Read(c.ctx)
		require.NoError(c.t, err)
		assert.Equal(c.t, want, string(got))
	}
}

// checkClosed checks that the connection ends without another message.
func (c *client) checkClosed(code coder.StatusCode, reason string) {
	c.t.Helper()
	_, got, err := c.conn.Read(c.ctx)
	assert.Empty(c.t, got)
	var closed coder.CloseError
	require.ErrorAs(c.t, err, &closed)
	assert.Equal(c.t, code, closed.Code)
	assert.Equal(c.t, reason, closed.Reason)
}

// silent returns a source without elements that does not end.
func silent[E any]() enumerator.Enumerator[E] { return enumerator.Never[E]() }

// silentFor returns a source without elements that runs out after d.
func silentFor(d time.Duration) enumerator.Enumerator[string] {
	return enumerator.Generate(func(ctx context.Context) (string, bool, error) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return "", false, nil
	})
}

// stuck returns a source that sends "ready", then waits and reports when it is stopped.
func stuck(stopped chan<- error) enumerator.Enumerator[string] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[string]) iteratee.Step {
		sink.Next("ready")
		<-ctx.Done()
		stopped <- context.Cause(ctx)
		return iteratee.Cancelled(ctx)
	})
}

// result is the result of an Iteratee, or an error. That says "stopped" if the run was stopped.
type result[A any] struct {
	a   A
	err error
}

// telling sends the result of consumer to ends.
func telling[E, A any](consumer iteratee.Iteratee[E, A], ends chan<- result[A]) iteratee.Iteratee[E, A] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[E, A], iteratee.Step) {
		r, step := consumer.Start(ctx)
		end := result[A]{err: errors.New("stopped")}
		iteratee.AtEnd(ctx, func() { ends <- end })
		return iteratee.WithResult(r, func() (A, error) {
			a, err := r.Result()
			end = result[A]{a, err}
			return a, err
		}), step
	})
}

func handler[A any](consumer iteratee.Iteratee[string, A], source enumerator.Enumerator[string], opts ...websocket.Option) http.Handler {
	return websocket.Handler(websocket.Text(), func(*http.Request) (iteratee.Iteratee[string, A], enumerator.Enumerator[string], error) {
		return consumer, source, nil
	}, opts...)
}

func echo[E any](format websocket.Format[E, E], opts ...websocket.Option) http.Handler {
	return websocket.Adapter(format, func(*http.Request) (enumeratee.Enumeratee[E, E], error) { return enumeratee.PassAlong[E](), nil }, opts...)
}

// The example of Play's manual ignores the incoming messages and sends one.
func TestTheSourceRunsOut(t *testing.T) {
	ends := make(chan result[[]string], 1)
	s := serve(t, handler(telling(iteratee.Collect[string](), ends), enumerator.Of("Hello!")))
	c := s.dial()
	c.checkReceives("Hello!")
	c.checkClosed(1000, "")
	s.checkReturned()
	assert.Equal(t, result[[]string]{}, receive(t, ends, "the result"), "the Iteratee has got EOF")
}

// The other example of Play's manual closes the connection after the first message.
func TestTheIterateeIsDone(t *testing.T) {
	stopped := make(chan error, 1)
	ends := make(chan result[*string], 1)
	s := serve(t, handler(telling(iteratee.Head[string](), ends), stuck(stopped)))
	c := s.dial()
	c.checkReceives("ready")
	c.send(coder.MessageText, "one")
	c.checkClosed(1000, "")
	s.checkReturned()
	assert.Equal(t, "one", *receive(t, ends, "the result").a)
	assert.ErrorContains(t, receive(t, stopped, "the source"), "the connection is over")

	s = serve(t, handler(iteratee.Done(1, iteratee.Empty[string]()), silent[string]()))
	s.dial().checkClosed(1000, "")
	s.checkReturned()
}

func TestTheClientCloses(t *testing.T) {
	for _, code := range []coder.StatusCode{1000, 1001, 1005} {
		stopped := make(chan error, 1)
		ends := make(chan result[[]string], 1)
		s := serve(t, handler(telling(iteratee.Collect[string](), ends), stuck(stopped)))
		c := s.dial()
		c.checkReceives("ready")
		c.send(coder.MessageText, "one")
		c.send(coder.MessageText, "two")
		require.NoError(t, c.conn.Close(code, ""))
		s.checkReturned()
		assert.Equal(t, result[[]string]{a: []string{"one", "two"}}, receive(t, ends, "the result"))
		receive(t, stopped, "the source")
	}
}

// A client that closes while the source sends has closed the stream too.
func TestTheClientClosesWhileTheSourceSends(t *testing.T) {
	for range 20 {
		ends := make(chan result[[]string], 1)
		s := serve(t, handler(telling(iteratee.Collect[string](), ends), enumerator.Repeat(func() string { return "x" })))
		c := s.dial()
		c.checkReceives("x", "x")
		require.NoError(t, c.conn.Close(1000, ""))
		s.checkReturned()
		assert.Equal(t, result[[]string]{}, receive(t, ends, "the result"))
	}
}

func TestTheClientIsLost(t *testing.T) {
	logged := probe.Logs(t)
	for name, lose := range map[string]func(*client){
		"without a word": func(c *client) { c.conn.CloseNow() },
		"for a failure":  func(c *client) { _ = c.conn.Close(1011, "client trouble") },
		"for the format": func(c *client) { _ = c.conn.Close(1007, "") },
	} {
		t.Run(name, func(t *testing.T) {
			stopped := make(chan error, 1)
			ends := make(chan result[[]string], 1)
			s := serve(t, handler(telling(iteratee.Collect[string](), ends), stuck(stopped)))
			c := s.dial()
			c.checkReceives("ready")
			c.send(coder.MessageText, "one")
			lose(c)
			s.checkReturned()
			assert.Error(t, receive(t, ends, "the result").err, "the stream has not ended properly")
			receive(t, stopped, "the source")
		})
	}
	assert.Empty(t, logged())
}

func TestErrors(t *testing.T) {
	fails := func(err error) iteratee.Iteratee[string, struct{}] {
		return iteratee.ForEach(func(context.Context, string) error { return err })
	}
	failing := func(err error) enumerator.Enumerator[string] {
		return enumerator.Generate(func(context.Context) (string, bool, error) { return "", false, err })
	}
	elsewhere := probe.Logs(t)
	var logged strings.Builder
	logger := websocket.Logger(slog.New(slog.NewTextHandler(&logged, nil)))
	for name, c := range map[string]struct {
		handler http.Handler
		code    coder.StatusCode
		reason  string
		logged  string
	}{
		"the Iteratee fails":         {handler(fails(errBoom), silent[string](), logger), 1011, "", "level=ERROR"},
		"the source fails":           {handler(iteratee.Ignore[string](), failing(errBoom), logger), 1011, "", "level=ERROR"},
		"the Iteratee gives a code":  {handler(fails(fmt.Errorf("%w: %w", websocket.CloseError{Code: 4001, Reason: "log in"}, errBoom)), silent[string](), logger), 4001, "log in", "level=INFO"},
		"the source gives a code":    {handler(iteratee.Ignore[string](), failing(websocket.CloseError{Code: 1008}), logger), 1008, "", "level=INFO"},
		"a code that is not allowed": {handler(fails(websocket.CloseError{Code: 1006}), silent[string](), logger), 1011, "", "level=ERROR"},
		"a reason that is too long":  {handler(fails(websocket.CloseError{Code: 4000, Reason: strings.Repeat("x", 124)}), silent[string](), logger), 1011, "", "level=ERROR"},
		"a reason that is not UTF-8": {handler(fails(websocket.CloseError{Code: 4000, Reason: "\xff"}), silent[string](), logger), 1011, "", "level=ERROR"},
		"the adapter fails": {websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
			return enumeratee.MapM(func(context.Context, string) (string, error) { return "", errBoom }), nil
		}, logger), 1011, "", "level=ERROR"},
		"the adapter has stopped": {websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
			return enumeratee.Take[string](0), nil
		}, logger), 1000, "", ""},
		"the Iteratee has failed": {handler(iteratee.Error[string, int](errBoom, iteratee.Empty[string]()), silent[string](), logger), 1011, "", "level=ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			logged.Reset()
			s := serve(t, c.handler)
			cl := s.dial()
			cl.send(coder.MessageText, `"one"`)
			cl.checkClosed(c.code, c.reason)
			s.checkReturned()
			if c.logged == "" {
				assert.Empty(t, logged.String())
				return
			}
			assert.Contains(t, logged.String(), c.logged)
			assert.Equal(t, 1, strings.Count(logged.String(), "\n"), logged.String())
		})
	}
	assert.Empty(t, elsewhere())
}

// panicking panics when it is encoded.
type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("while it is encoded") }

// A message that cannot be encoded is dropped. The first is logged, and so is their number.
func TestMessagesThatCannotBeEncoded(t *testing.T) {
	adapter := websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
		return enumeratee.MapConcat(func(s string) []string { return []string{s, "\xff", "two", "\xff\xfe", "three"} }), nil
	})
	for name, c := range map[string]struct {
		handler http.Handler
		want    []string
		logged  []string
	}{
		"text":       {handler(iteratee.Ignore[string](), enumerator.Of("one", "\xff", "two", "half a rune \xc3", "three")), []string{"one", "two", "three"}, []string{"text to send is not UTF-8", "2 messages"}},
		"only one":   {handler(iteratee.Ignore[string](), enumerator.Of("\xff", "one")), []string{"one"}, []string{"text to send is not UTF-8"}},
		"the last":   {handler(iteratee.Ignore[string](), enumerator.Of("one", "\xff")), []string{"one"}, []string{"text to send is not UTF-8"}},
		"an adapter": {adapter, []string{"zero", "two", "three"}, []string{"text to send is not UTF-8", "2 messages"}},
		"JSON": {websocket.Handler(websocket.JSON[any, any](), func(*http.Request) (iteratee.Iteratee[any, struct{}], enumerator.Enumerator[any], error) {
			return iteratee.Ignore[any](), enumerator.Of[any](1, math.NaN(), 2, func() {}, math.Inf(1), 3), nil
		}), []string{"1", "2", "3"}, []string{"unsupported value: NaN", "3 messages"}},
		"JSON that panics": {websocket.Handler(websocket.JSON[any, any](), func(*http.Request) (iteratee.Iteratee[any, struct{}], enumerator.Enumerator[any], error) {
			return iteratee.Ignore[any](), enumerator.Of[any](1, panicking{}, 2), nil
		}), []string{"1", "2"}, []string{"panic: while it is encoded"}},
		"mixed": {websocket.Handler(websocket.Mixed(), func(*http.Request) (iteratee.Iteratee[websocket.Message, struct{}], enumerator.Enumerator[websocket.Message], error) {
			return iteratee.Ignore[websocket.Message](), enumerator.Of(websocket.Message{Data: []byte("\xff")}, websocket.Message{Data: []byte("\xff"), Binary: true}), nil
		}), []string{"\xff"}, []string{"text to send is not UTF-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			logged := probe.Logs(t)
			s := serve(t, c.handler)
			cl := s.dial()
			if name == "an adapter" {
				cl.send(coder.MessageText, "zero")
			}
			cl.checkReceives(c.want...)
			if name == "an adapter" {
				require.NoError(t, cl.conn.Close(1000, ""))
			} else {
				cl.checkClosed(1000, "")
			}
			s.checkReturned()
			assert.Equal(t, len(c.logged), strings.Count(logged(), "\n"))
			for _, want := range c.logged {
				assert.Contains(t, logged(), want)
			}
		})
	}
}

func TestPanicsReachTheHandler(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"of the Iteratee": handler(iteratee.ForEach(func(context.Context, string) error { panic("boom") }), silent[string]()),
		"of the source":   handler(iteratee.Ignore[string](), enumerator.Repeat(func() string { panic("boom") })),
		"after the end": handler(iteratee.Head[string](), enumerator.New(func(ctx context.Context, sink iteratee.Sink[string]) iteratee.Step {
			sink.Next("ready")
			<-ctx.Done()
			panic("boom")
		})),
		"Goexit": handler(iteratee.ForEach(func(context.Context, string) error { runtime.Goexit(); return nil }), silent[string]()),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, h)
			c := s.dial()
			want := coder.StatusCode(1011)
			if name == "after the end" {
				c.checkReceives("ready")
				want = 1000
			}
			c.send(coder.MessageText, "one")
			c.checkClosed(want, "")
			panicked := "boom"
			if name == "Goexit" {
				panicked = "httpadapter/websocket: a function of the stream has called runtime.Goexit"
			}
			assert.Equal(t, panicked, fmt.Sprint(receive(t, s.returned, "the handler")))
		})
	}
}

func TestFormats(t *testing.T) {
	type move struct {
		To string `json:"to"`
	}
	text, binary := coder.MessageText, coder.MessageBinary
	for name, c := range map[string]struct {
		handler  http.Handler
		kind     coder.MessageType
		in, out  string
		code     coder.StatusCode
		reason   string
		sameKind bool
	}{
		"text":                {echo(websocket.Text()), text, "bär", "bär", 0, "", true},
		"empty text":          {echo(websocket.Text()), text, "", "", 0, "", true},
		"text that is binary": {echo(websocket.Text()), binary, "bär", "", 1003, "expected text messages", false},
		"text, not UTF-8":     {echo(websocket.Text()), text, "b\xe4r", "", 1007, "not UTF-8", false},
		"bytes":               {echo(websocket.Bytes()), binary, "\x00\xff", "\x00\xff", 0, "", true},
		"bytes that are text": {echo(websocket.Bytes()), text, "bär", "", 1003, "expected binary messages", false},
		"JSON":                {echo(websocket.JSON[move, move]()), text, ` {"to":"e4"}`, `{"to":"e4"}`, 0, "", true},
		"bad JSON":            {echo(websocket.JSON[move, move]()), text, `{"to":`, "", 1007, "not the expected JSON", false},
		"other JSON":          {echo(websocket.JSON[move, move]()), text, `[]`, "", 1007, "not the expected JSON", false},
		"deep JSON":           {echo(websocket.JSON[any, any]()), text, strings.Repeat("[", 20_000), "", 1007, "not the expected JSON", false},
		"binary JSON":         {echo(websocket.JSON[move, move]()), binary, `{"to":"e4"}`, "", 1003, "expected text messages", false},
		"JSON, not UTF-8":     {echo(websocket.JSON[any, any]()), text, "\"\xff\"", "", 1007, "not UTF-8", false},
		"mixed, text":         {echo(websocket.Mixed()), text, "bär", "bär", 0, "", true},
		"mixed, bytes":        {echo(websocket.Mixed()), binary, "\xff", "\xff", 0, "", true},
		"mixed, not UTF-8":    {echo(websocket.Mixed()), text, "\xff", "", 1007, "not UTF-8", false},
	} {
		t.Run(name, func(t *testing.T) {
			probe.Logs(t)
			s := serve(t, c.handler)
			cl := s.dial()
			cl.send(c.kind, c.in)
			if c.code != 0 {
				cl.checkClosed(c.code, c.reason)
			} else {
				kind, got, err := cl.conn.Read(cl.ctx)
				require.NoError(t, err)
				assert.Equal(t, c.kind, kind)
				assert.Equal(t, c.out, string(got))
				require.NoError(t, cl.conn.Close(1000, ""))
			}
			s.checkReturned()
		})
	}
}

func TestMaxMessage(t *testing.T) {
	probe.Logs(t)
	for name, c := range map[string]struct {
		opts []websocket.Option
		max  int
	}{"by default": {nil, 64 << 10}, "as asked": {[]websocket.Option{websocket.MaxMessage(10)}, 10}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, echo(websocket.Text(), c.opts...))
			cl := s.dial()
			largest := strings.Repeat("x", c.max)
			cl.send(coder.MessageText, largest)
			cl.checkReceives(largest)

			w, err := cl.conn.Writer(cl.ctx, coder.MessageText) // it sends fragments
			require.NoError(t, err)
			for _, part := range []string{"se", "co", "nd"} {
				_, err = io.WriteString(w, part)
				require.NoError(t, err)
			}
			require.NoError(t, w.Close())
			cl.checkReceives("second")

			cl.send(coder.MessageText, largest+"x")
			_, _, err = cl.conn.Read(cl.ctx)
			assert.Equal(t, coder.StatusMessageTooBig, coder.CloseStatus(err), err)
			s.checkReturned()
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	logged := probe.Logs(t)
	accepted := 0
	s := serve(t, websocket.Handler(websocket.Text(), func(r *http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[string], error) {
		accepted++
		var err error
		switch r.URL.Path {
		case "/secret":
			err = &httpadapter.StatusError{Status: 403, Text: "members only", Err: errBoom}
		case "/broken":
			err = errBoom
		}
		return iteratee.Ignore[string](), enumerator.Of("hello"), err
	}, websocket.Origins("friend.example", "https://*.friend.example")))
	for name, c := range map[string]struct {
		path   string
		header http.Header
		status int
		body   string
	}{
		"accepted":              {"", nil, 101, ""},
		"by accept":             {"/secret", nil, 403, "Forbidden: members only\n"},
		"by an error":           {"/broken", nil, 500, "Internal Server Error\n"},
		"the same origin":       {"", http.Header{"Origin": {s.URL}}, 101, ""},
		"an allowed host":       {"", http.Header{"Origin": {"http://friend.example"}}, 101, ""},
		"an allowed scheme":     {"", http.Header{"Origin": {"https://a.friend.example"}}, 101, ""},
		"with the wrong scheme": {"", http.Header{"Origin": {"http://a.friend.example"}}, 403, ""},
		"another origin":        {"", http.Header{"Origin": {"http://enemy.example"}}, 403, ""},
		"an opaque origin":      {"", http.Header{"Origin": {"null"}}, 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, res, err := coder.Dial(t.Context(), s.URL+c.path, &coder.DialOptions{HTTPHeader: c.header})
			require.NotNil(t, res)
			assert.Equal(t, c.status, res.StatusCode)
			if c.status == 101 {
				require.NoError(t, err)
				_, got, err := conn.Read(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "hello", string(got))
				_, _, err = conn.Read(t.Context())
				assert.Equal(t, coder.StatusNormalClosure, coder.CloseStatus(err))
			} else if body, _ := io.ReadAll(res.Body); c.body != "" {
				assert.Equal(t, c.body, string(body))
			}
			s.checkReturned()
		})
	}
	assert.Equal(t, 9, accepted)
	res, err := http.Get(s.URL)
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, http.StatusUpgradeRequired, res.StatusCode)
	assert.Contains(t, logged(), errBoom.Error())

	w := httptest.NewRecorder() // a Recorder cannot be hijacked
	r := httptest.NewRequest("GET", "/", nil)
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
		r.Header.Set(k, v)
	}
	echo(websocket.Text()).ServeHTTP(w, r)
	assert.Equal(t, http.StatusNotImplemented, w.Code)

	refusing := websocket.Adapter(websocket.Text(), func(*http.Request) (t enumeratee.Enumeratee[string, string], err error) {
		return t, &httpadapter.StatusError{Status: 404}
	})
	w = httptest.NewRecorder()
	refusing.ServeHTTP(w, r)
	assert.Equal(t, 404, w.Code)
}

// unwrapping is a ResponseWriter that is not a Hijacker itself.
type unwrapping struct{ w http.ResponseWriter }

func (u unwrapping) Header() http.Header         { return u.w.Header() }
func (u unwrapping) Write(p []byte) (int, error) { return u.w.Write(p) }
func (u unwrapping) WriteHeader(status int)      { u.w.WriteHeader(status) }
func (u unwrapping) Unwrap() http.ResponseWriter { return u.w }

// late is a ResponseWriter like gin's: it writes the head when WriteHeaderNow is called.
type late struct {
	http.ResponseWriter
	status int
}

func (l *late) WriteHeader(status int) { l.status = status }
func (l *late) WriteHeaderNow()        { l.ResponseWriter.WriteHeader(l.status) }
func (l *late) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return l.ResponseWriter.(http.Hijacker).Hijack()
}

func TestResponseWritersThatWrapAnother(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"with Unwrap":          func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{w} },
		"with WriteHeaderNow":  func(w http.ResponseWriter) http.ResponseWriter { return &late{ResponseWriter: w} },
		"one around the other": func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{unwrapping{w}} },
	} {
		t.Run(name, func(t *testing.T) {
			h := echo(websocket.Text())
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(wrap(w), r) }))
			c := s.dial()
			c.send(coder.MessageText, "one")
			c.checkReceives("one")
			require.NoError(t, c.conn.Close(1000, ""))
			s.checkReturned()
		})
	}
}

func TestMisuse(t *testing.T) {
	for message, build := range map[string]func(){
		"MaxMessage: limit must be positive, got 0": func() { websocket.MaxMessage(0) },
		"Timeout: d must be positive, got 0s":       func() { websocket.Timeout(0) },
		"Ping: interval must be positive, got -1ns": func() { websocket.Ping(-1) },
		"Handler: accept must not be nil":           func() { websocket.Handler[string, string, int](websocket.Text(), nil) },
		"Adapter: accept must not be nil":           func() { websocket.Adapter(websocket.Text(), nil) },
	} {
		assert.PanicsWithValue(t, "httpadapter/websocket: "+message, build)
	}
}

// When the server shuts down, the clients get close code 1001.
func TestShutdown(t *testing.T) {
	logged := probe.Logs(t)
	for name, h := range map[string]http.Handler{
		"while both wait":            handler(iteratee.Ignore[string](), silent[string]()),
		"while the adapter waits":    echo(websocket.Text()),
		"while the source sends":     handler(iteratee.Ignore[string](), enumerator.Repeat(func() string { return "x" })),
		"while the Iteratee is busy": handler(iteratee.ForEach(func(ctx context.Context, _ string) error { <-ctx.Done(); return context.Cause(ctx) }), silent[string]()),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, shutdown := context.WithCancel(context.Background())
			defer shutdown()
			opened := make(chan struct{})
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(opened)
				h.ServeHTTP(w, r.WithContext(ctx))
			}))
			c := s.dial()
			c.send(coder.MessageText, "one")
			receive(t, opened, "the handler")
			shutdown()
			for {
				_, _, err := c.conn.Read(c.ctx)
				if err != nil {
					assert.Equal(t, coder.StatusGoingAway, coder.CloseStatus(err), err)
					break
				}
			}
			s.checkReturned()
		})
	}
	assert.Empty(t, logged())
}

func TestDrain(t *testing.T) {
	logged := probe.Logs(t)
	ends := make(chan result[[]string], 1)
	s := &testServer{t: t, returned: make(chan any, 1)}
	h := handler(telling(iteratee.Collect[string](), ends), enumerator.Of("ready").AndThen(silent[string]()))
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { s.returned <- recover() }()
		h.ServeHTTP(w, r)
	}))
	httpadapter.Drain(s.Config)
	s.Start()
	defer s.Close()
	c := s.dial()
	c.checkReceives("ready")
	require.NoError(t, s.Config.Shutdown(t.Context()))
	c.checkClosed(1001, "")
	s.checkReturned()
	assert.Error(t, receive(t, ends, "the result").err)
	assert.Empty(t, logged())
}

// A client that floods is held up, since messages are read only a little ahead of the Iteratee.
func TestBackpressureOfIncomingMessages(t *testing.T) {
	const size = 60 << 10
	held := func() int64 { // the bytes on the heap
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // empties the pools too
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	earlier := held() // by other tests
	read := make(chan struct{})
	s := serve(t, handler(iteratee.ForEach(func(_ context.Context, message string) error {
		if len(message) == size {
			<-read
		}
		return nil
	}), silent[string]()))
	c := s.dial()
	message := strings.Repeat("x", size)
	var sent atomic.Int64
	flooding := make(chan error, 1)
	go func() {
		for {
			if err := c.conn.Write(c.ctx, coder.MessageText, []byte(message)); err != nil {
				flooding <- err
				return
			}
			sent.Add(size)
		}
	}()
	before := int64(-1)
	require.Eventually(t, func() bool { // wait until the client is stuck
		now := sent.Load()
		stuck := now == before
		before = now
		return stuck
	}, patience, 100*time.Millisecond)
	assert.Less(t, held()-earlier, int64(32<<20))

	other := s.dial() // another client is served
	other.send(coder.MessageText, "one")
	require.NoError(t, other.conn.Ping(other.conn.CloseRead(other.ctx)))
	close(read)
	c.conn.CloseNow()
	other.conn.CloseNow()
	assert.Error(t, receive(t, flooding, "the client"))
	s.checkReturned()
	s.checkReturned()
}

// A client that never reads holds the source up, and is gone after the timeout.
func TestAClientThatNeverReads(t *testing.T) {
	logged := probe.Logs(t)
	var made atomic.Int64
	e := enumerator.Repeat(func() []byte { made.Add(1); return make([]byte, 1<<20) })
	s := serve(t, websocket.Handler(websocket.Bytes(), func(*http.Request) (iteratee.Iteratee[[]byte, struct{}], enumerator.Enumerator[[]byte], error) {
		return iteratee.Ignore[[]byte](), e, nil
	}, websocket.Timeout(100*time.Millisecond)))
	raw := s.dialRaw()
	s.checkReturned()
	assert.Less(t, made.Load(), int64(100), "megabytes")
	raw.Close()
	assert.Empty(t, logged())
}

// dialRaw opens a WebSocket by hand, for a client that breaks the protocol.
func (s *testServer) dialRaw() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	handshake(s.t, conn)
	return conn
}

func handshake(t *testing.T, conn net.Conn) *bufio.Reader {
	t.Helper()
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: halley\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	require.NoError(t, err)
	r := bufio.NewReaderSize(conn, 16)
	for line := ""; line != "\r\n"; {
		line, err = r.ReadString('\n')
		require.NoError(t, err)
	}
	return r
}

// frame returns a frame of a client, masked with zeros. length need not be that of payload.
func frame(first byte, length int, payload string) string {
	head := []byte{first}
	switch {
	case length < 126:
		head = append(head, 0x80|byte(length))
	case length < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 0x80|126), uint16(length))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 0x80|127), uint64(length))
	}
	return string(head) + "\x00\x00\x00\x00" + payload
}

func TestClientsThatBreakTheProtocol(t *testing.T) {
	elsewhere := probe.Logs(t)
	var logged strings.Builder
	logger := websocket.Logger(slog.New(slog.NewTextHandler(&logged, nil)))
	const fin, text, ping, closes = 0x80, 1, 9, 8
	for name, send := range map[string]string{
		"half a frame, then gone":     frame(fin|text, 10, "hello"),
		"half a head, then gone":      frame(fin|text, 1000, "")[:3],
		"half a message, then gone":   frame(text, 5, "hello"),
		"a huge frame":                frame(fin|text, 1<<40, strings.Repeat("x", 100<<10)),
		"a negative length":           frame(fin|text, -1, "hello"),
		"an unmasked frame":           "\x81\x05hello",
		"reserved bits":               frame(0xf0|text, 5, "hello"),
		"an unknown kind":             frame(fin|3, 5, "hello"),
		"a continuation of nothing":   frame(fin, 5, "hello"),
		"a message in a message":      frame(text, 5, "hello") + frame(fin|text, 5, "hello"),
		"a long ping":                 frame(fin|ping, 126, strings.Repeat("x", 126)),
		"a ping in parts":             frame(ping, 1, "x"),
		"a code that is not allowed":  frame(fin|closes, 2, "\x03\xed"), // 1005
		"half a code":                 frame(fin|closes, 1, "\x03"),
		"ten thousand pings and gone": strings.Repeat(frame(fin|ping, 1, "x"), 10_000),
		"not WebSocket":               "GET / HTTP/1.1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			ends := make(chan result[[]string], 1)
			s := serve(t, handler(telling(iteratee.Collect[string](), ends), silent[string](), logger))
			conn := s.dialRaw()
			_, err := io.WriteString(conn, send)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			s.checkReturned()
			assert.Error(t, receive(t, ends, "the result").err)
		})
	}
	assert.NotContains(t, logged.String(), "level=ERROR")
	assert.Equal(t, 1, strings.Count(logged.String(), "level=INFO"), logged.String())
	assert.Contains(t, logged.String(), "message too big", "the huge frame")
	assert.Empty(t, elsewhere())
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(0x81, 5, "hello")))
	f.Add([]byte(frame(1, 2, "he") + frame(0x89, 1, "x") + frame(0x80, 3, "llo")))
	f.Add([]byte(frame(0x88, 2, "\x03\xe8")))
	quiet := websocket.Logger(slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, frames []byte) {
		s := serve(t, handler(iteratee.Collect[string](), silent[string](), websocket.MaxMessage(100), quiet))
		conn := s.dialRaw()
		_, _ = conn.Write(frames)
		_ = conn.(*net.TCPConn).CloseWrite()
		s.checkReturned()
	})
}

// By default errors go to the ErrorLog of the server, or to package log if it has none.
func TestLogger(t *testing.T) {
	failing := enumerator.Generate(func(context.Context) (string, bool, error) { return "", false, errBoom })
	const lines = `httpadapter/websocket: message dropped path="/" error="httpadapter/websocket: text to send is not UTF-8"
httpadapter/websocket: messages dropped path="/" error="2 messages could not be encoded"
httpadapter/websocket: connection failed path="/" error="boom: the password is 1234"
`
	var own, text strings.Builder
	logger := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	for name, c := range map[string]struct {
		errorLog              *log.Logger
		opts                  []websocket.Option
		own, text, packageLog string
	}{
		"without an ErrorLog": {nil, nil, "", "", lines},
		"with an ErrorLog":    {log.New(&own, "", 0), nil, lines, "", ""},
		"with a Logger": {log.New(&own, "", 0), []websocket.Option{websocket.Logger(logger)}, "", `level=ERROR msg="httpadapter/websocket: message dropped" path=/ error="httpadapter/websocket: text to send is not UTF-8"
level=ERROR msg="httpadapter/websocket: messages dropped" path=/ error="2 messages could not be encoded"
level=ERROR msg="httpadapter/websocket: connection failed" path=/ error="boom: the password is 1234"
`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			packageLog := probe.Logs(t)
			own.Reset()
			text.Reset()
			s := unstarted(t, handler(iteratee.Ignore[string](), enumerator.Of("\xff", "\xfe").AndThen(failing), c.opts...))
			s.Config.ErrorLog = c.errorLog
			s.Start()
			s.dial().checkClosed(1011, "")
			s.checkReturned()
			assert.Equal(t, c.own, own.String())
			assert.Equal(t, c.text, text.String())
			assert.Equal(t, c.packageLog, packageLog())
		})
	}
	for _, logger := range []httpadapter.ErrorLogger{nil, (*slog.Logger)(nil)} {
		assert.PanicsWithValue(t, "httpadapter/websocket: Logger: logger must not be nil", func() { websocket.Logger(logger) })
	}
}
