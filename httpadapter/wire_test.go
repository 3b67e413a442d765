package httpadapter_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
)

// patience ends a test that would hang. Nothing waits for it otherwise.
const patience = 10 * time.Second

func receive[E any](t *testing.T, c <-chan E, what string) (e E) {
	t.Helper()
	select {
	case e = <-c:
	case <-time.After(patience):
		require.FailNow(t, "still waiting for "+what)
	}
	return e
}

func send[E any](t *testing.T, c chan<- E, e E) {
	t.Helper()
	select {
	case c <- e:
	case <-time.After(patience):
		require.FailNow(t, "nobody takes", "%v", e)
	}
}

// serving starts a server that serves e to each request, and returns what Serve
// has returned, and whether the source was closed then.
func serving(t *testing.T, proto string, src *tap, opts ...httpadapter.Option) (*httptest.Server, <-chan error) {
	t.Helper()
	returned := make(chan error, 1)
	return start(t, proto, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := httpadapter.Serve(w, r, src.enumerator(), opts...)
		assert.Equal(t, src.started.Load(), src.closed.Load(), "Serve has returned before the source was closed")
		returned <- err
	})), returned
}

func start(t *testing.T, proto string, h http.Handler) *httptest.Server {
	t.Helper()
	srv := unstarted(t, h)
	startAs(srv, proto)
	return srv
}

func unstarted(t *testing.T, h http.Handler) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = discardLog
	t.Cleanup(srv.Close)
	return srv
}

func startAs(srv *httptest.Server, proto string) {
	srv.EnableHTTP2 = proto == "HTTP/2.0"
	switch proto {
	case "HTTP/1.1":
		srv.Start()
	case "HTTP/2.0 cleartext":
		srv.Config.Protocols = new(http.Protocols)
		srv.Config.Protocols.SetUnencryptedHTTP2(true)
		srv.Start()
		srv.Client().Transport.(*http.Transport).Protocols = srv.Config.Protocols
	default:
		srv.StartTLS()
	}
}

func get(t *testing.T, srv *httptest.Server, ctx context.Context) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
	require.NoError(t, err)
	res, err := srv.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func dial(t *testing.T, srv *httptest.Server, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return conn, bufio.NewReader(conn)
}

const rawGet = "GET / HTTP/1.1\r\nHost: halley\r\n\r\n"

func readHead(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := r.ReadString('\n')
		require.NoError(t, err, head.String())
		head.WriteString(line)
	}
	return head.String()
}

func readChunk(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	size, err := strconv.ParseInt(strings.TrimSuffix(line, "\r\n"), 16, 64)
	require.NoError(t, err)
	chunk := make([]byte, size+2)
	_, err = io.ReadFull(r, chunk)
	require.NoError(t, err)
	require.Equal(t, "\r\n", string(chunk[size:]))
	return string(chunk[:size])
}

// Each element is asked for only when the one before has arrived, so each has been
// flushed; and each is exactly one chunk.
func TestEachElementIsOneChunkOnTheWire(t *testing.T) {
	src := newTap()
	srv, returned := serving(t, "HTTP/1.1", src)
	_, r := dial(t, srv, rawGet)
	head := readHead(t, r) // before there is an element
	assert.True(t, strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n"), head)
	assert.Contains(t, head, "Transfer-Encoding: chunked\r\n")

	for _, size := range []int{1, 64, 2047, 2048, 2049, 4096, 5132, 100 << 10} {
		want := strings.Repeat("x", size)
		send(t, src.chunks, want)
		if got := readChunk(t, r); got != want {
			assert.Len(t, got, size)
		}
	}
	send(t, src.chunks, "") // would be the end
	send(t, src.chunks, "y")
	assert.Equal(t, "y", readChunk(t, r))
	close(src.chunks)
	assert.Empty(t, readChunk(t, r))
	assert.NoError(t, receive(t, returned, "Serve"))
}

func TestFirstChunkComesWithTheHead(t *testing.T) {
	srv := start(t, "HTTP/1.1", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return of("a"), nil
	}))
	_, r := dial(t, srv, rawGet)
	readHead(t, r)
	assert.Equal(t, "a", readChunk(t, r))
	assert.Empty(t, readChunk(t, r))
}

var protocols = []string{"HTTP/1.1", "HTTP/1.1 TLS", "HTTP/2.0", "HTTP/2.0 cleartext"}

func TestHeadLeavesBeforeTheFirstElement(t *testing.T) {
	for _, proto := range protocols {
		t.Run(proto, func(t *testing.T) {
			src := newTap()
			srv, returned := serving(t, proto, src)
			res := get(t, srv, t.Context()) // would wait for ever
			assert.Equal(t, proto[:8], res.Proto)
			assert.Equal(t, 200, res.StatusCode)
			close(src.chunks)
			body, err := io.ReadAll(res.Body)
			assert.NoError(t, err)
			assert.Empty(t, body)
			assert.NoError(t, receive(t, returned, "Serve"))
		})
	}
}

// What must not look like a complete stream: every way to fail, through every
// middleware, on every protocol. That the client sees no error is the control.
func TestNoClientTakesACutStreamForTheWhole(t *testing.T) {
	endings := map[string]struct {
		end      func(*testing.T, *tap)
		complete bool
	}{
		"end":   {func(_ *testing.T, src *tap) { close(src.chunks) }, true},
		"error": {func(t *testing.T, src *tap) { send(t, src.failures, errBoom) }, false},
		"panic": {func(t *testing.T, src *tap) { send(t, src.panics, any(errBoom)) }, false},
	}
	middlewares := map[string]func(http.Handler) http.Handler{
		"none": func(next http.Handler) http.Handler { return next },
		"recovering": func(next http.Handler) http.Handler {
			return recovering(next, make(chan any, 1))
		},
		"recovering, wrapped": func(next http.Handler) http.Handler {
			return recovering(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(onlyUnwrap{onlyUnwrap{w}}, r)
			}), make(chan any, 1))
		},
		"without deadlines": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(flushOnly{noUnwrap{w}}, r)
			})
		},
	}
	for _, proto := range protocols {
		for middleware, wrap := range middlewares {
			for ending, tt := range endings {
				t.Run(proto+"/"+middleware+"/"+ending, func(t *testing.T) {
					src := newTap()
					srv := start(t, proto, wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_ = httpadapter.Serve(w, r, src.enumerator())
					})))
					res := get(t, srv, t.Context())
					assert.Equal(t, 200, res.StatusCode)
					send(t, src.chunks, "a")
					got := make([]byte, 1)
					_, err := io.ReadFull(res.Body, got)
					require.NoError(t, err)
					assert.Equal(t, "a", string(got))

					tt.end(t, src)
					rest, err := io.ReadAll(res.Body)
					assert.Empty(t, rest)
					if tt.complete {
						assert.NoError(t, err)
					} else {
						assert.Error(t, err)
					}
				})
			}
		}
	}
}

// There is no framing on HTTP/1.0: this is the limit that the package names.
func TestHTTP10(t *testing.T) {
	for name, e := range map[string]enumerator.Enumerator[[]byte]{
		"end": of("a", "b"), "error": failing(errBoom, "a", "b"),
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = httpadapter.Serve(w, r, e)
			}))
			_, r := dial(t, srv, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
			head := readHead(t, r)
			assert.NotContains(t, head, "Transfer-Encoding")
			assert.NotContains(t, head, "keep-alive")
			body, err := io.ReadAll(r) // up to the end of the connection
			assert.NoError(t, err)
			assert.Equal(t, "ab", string(body))
		})
	}
}

func TestHEADOnTheWire(t *testing.T) {
	src := newTap()
	var w http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, httpadapter.Serve(w, r, src.enumerator(), httpadapter.NDJSON()))
	})
	for _, proto := range protocols {
		t.Run(proto, func(t *testing.T) {
			srv := start(t, proto, w)
			for range 2 { // the second follows at once
				res, err := srv.Client().Head(srv.URL)
				require.NoError(t, err)
				defer res.Body.Close()
				assert.Equal(t, proto[:8], res.Proto)
				assert.Equal(t, 200, res.StatusCode)
				assert.Equal(t, "application/x-ndjson", res.Header.Get("Content-Type"))
				assert.Equal(t, "no", res.Header.Get("X-Accel-Buffering"))
			}
			assert.Zero(t, src.started.Load())
		})
	}
}

// With a length there are no chunks, and the connection of HTTP/1.0 can go on.
func TestContentLengthOnTheWire(t *testing.T) {
	handler := func(e enumerator.Enumerator[[]byte]) http.Handler {
		return httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return e, nil },
			httpadapter.Header("Content-Length", "3"))
	}
	t.Run("HTTP/1.0", func(t *testing.T) {
		srv := start(t, "HTTP/1.1", handler(of("a", "bc")))
		const request = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
		_, r := dial(t, srv, request+request)
		for range 2 {
			head := readHead(t, r)
			assert.Contains(t, head, "Content-Length: 3\r\n")
			assert.Contains(t, head, "Connection: keep-alive\r\n")
			body := make([]byte, 3)
			_, err := io.ReadFull(r, body)
			require.NoError(t, err)
			assert.Equal(t, "abc", string(body))
		}
	})
	for _, proto := range protocols {
		for name, tt := range map[string]struct {
			e     enumerator.Enumerator[[]byte]
			whole bool
		}{"right": {of("a", "bc"), true}, "short": {of("a", "b"), false}, "long": {of("ab", "cd"), false}} {
			t.Run(proto+"/"+name, func(t *testing.T) {
				res := get(t, start(t, proto, handler(tt.e)), t.Context())
				body, err := io.ReadAll(res.Body)
				if !tt.whole {
					assert.Error(t, err)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, "abc", string(body))
				assert.EqualValues(t, 3, res.ContentLength)
				assert.Empty(t, res.TransferEncoding)
			})
		}
	}
}

func TestClientThatGoesEndsTheRunAndTheSource(t *testing.T) {
	for _, proto := range protocols {
		t.Run(proto+"/while the source waits", func(t *testing.T) {
			src := newTap()
			srv, returned := serving(t, proto, src)
			ctx, leave := context.WithCancel(t.Context())
			get(t, srv, ctx)
			leave()
			err := receive(t, returned, "Serve")
			assert.ErrorIs(t, err, httpadapter.ErrClientGone)
			if !strings.HasPrefix(proto, "HTTP/2") { // where the head may still be on its way
				assert.ErrorIs(t, err, context.Canceled)
			}
			assert.EqualValues(t, 1, src.closed.Load())
		})
		t.Run(proto+"/while it produces", func(t *testing.T) {
			var closed atomic.Int32
			returned := make(chan error, 1)
			srv := start(t, proto, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				err := httpadapter.Serve(w, r, endless(5132, &closed))
				assert.EqualValues(t, 1, closed.Load())
				returned <- err
			}))
			ctx, leave := context.WithCancel(t.Context())
			res := get(t, srv, ctx)
			_, err := io.CopyN(io.Discard, res.Body, 1<<20)
			require.NoError(t, err)
			leave()
			assert.ErrorIs(t, receive(t, returned, "Serve"), httpadapter.ErrClientGone)
		})
	}
}

// The connection is lost without a word to the stream.
func TestConnectionThatGoesEndsTheRun(t *testing.T) {
	for _, proto := range protocols {
		t.Run(proto, func(t *testing.T) {
			src := newTap()
			srv, returned := serving(t, proto, src)
			transport := srv.Client().Transport.(*http.Transport)
			conns := make(chan net.Conn, 1)
			transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
				conns <- conn
				return conn, err
			}
			get(t, srv, t.Context())
			conn := (<-conns).(*net.TCPConn)
			require.NoError(t, conn.SetLinger(0)) // a reset
			require.NoError(t, conn.Close())
			assert.ErrorIs(t, receive(t, returned, "Serve"), httpadapter.ErrClientGone)
		})
	}
}

func TestNoGoroutineStaysWhenClientsGo(t *testing.T) {
	src := newTap()
	left := make(chan error)
	srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		left <- httpadapter.Serve(w, r, src.enumerator())
	}))
	before := runtime.NumGoroutine()
	const clients = 20
	var conns []net.Conn
	var readers []*bufio.Reader
	for range clients {
		conn, r := dial(t, srv, rawGet)
		conns, readers = append(conns, conn), append(readers, r)
	}
	for _, r := range readers {
		readHead(t, r) // the run is going on
	}
	assert.GreaterOrEqual(t, runtime.NumGoroutine(), before+clients)
	for _, conn := range conns {
		require.NoError(t, conn.Close())
		assert.ErrorIs(t, receive(t, left, "Serve"), context.Canceled)
	}
	assert.EqualValues(t, clients, src.closed.Load())
	srv.Close() // waits for the handlers
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before }, patience, time.Millisecond)
}

// The source reads the body of the request while the response is on its way, also
// when the head has left before the body came. Without full duplex net/http would
// throw away what the source has not read by then.
func TestSourceReadsTheBodyDuringTheRun(t *testing.T) {
	srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 16) // used again for each chunk
		err := httpadapter.Serve(w, r, enumerator.Generate(func(context.Context) ([]byte, bool, error) {
			n, err := r.Body.Read(buf)
			if n > 0 || err == io.EOF {
				return bytes.ToUpper(buf[:n]), err == nil || n > 0, nil
			}
			return nil, false, err
		}))
		assert.NoError(t, err)
	}))
	for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
		t.Run(expect, func(t *testing.T) {
			conn, r := dial(t, srv, "POST / HTTP/1.1\r\nHost: halley\r\n"+expect+"Transfer-Encoding: chunked\r\n\r\n")
			word := func(word string) {
				fmt.Fprintf(conn, "%x\r\n%s\r\n", len(word), word)
			}
			if expect != "" {
				assert.Equal(t, "HTTP/1.1 100 Continue\r\n\r\n", readHead(t, r))
				word("one") // newer releases of Go hold back the head until then
			}
			assert.Contains(t, readHead(t, r), "HTTP/1.1 200 OK\r\n")
			if expect == "" {
				word("one")
			}
			assert.Equal(t, "ONE", readChunk(t, r))
			word("two")
			assert.Equal(t, "TWO", readChunk(t, r))
			_, _ = io.WriteString(conn, "0\r\n\r\n")
			assert.Empty(t, readChunk(t, r))
		})
	}
}

// askAhead sends a request with a body of five bytes and an Expect header, and returns when the go-ahead has come. If a busy
// machine does not let the source begin to read within 50 ms, the head of the response comes first and the stream fails. Then
// askAhead waits for its end and tries again.
func askAhead[E any](t *testing.T, srv *httptest.Server, ended <-chan E) (net.Conn, *bufio.Reader) {
	t.Helper()
	for {
		conn, r := dial(t, srv, "POST / HTTP/1.1\r\nHost: halley\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		if head := readHead(t, r); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
			assert.Equal(t, "HTTP/1.1 100 Continue\r\n\r\n", head)
			return conn, r
		}
		receive(t, ended, "the end of a stream that could not read the body")
	}
}

// A client asks for a go-ahead, gets it, and sends nothing. Newer releases of Go hold back the head of
// the response, and all that waits for it, while the source reads the body.
func TestClientThatSendsNothingAfterAGoAhead(t *testing.T) {
	body := func(w http.ResponseWriter, r *http.Request) enumerator.Enumerator[[]byte] {
		return httpadapter.Body(r, httpadapter.Writer(w), httpadapter.ReadTimeout(time.Hour))
	}
	limit, other := httpadapter.Limit(1), newTap()
	for name, tt := range map[string]struct {
		e      func(http.ResponseWriter, *http.Request) enumerator.Enumerator[[]byte]
		opts   []httpadapter.Option
		end    func(*testing.T, *httptest.Server, net.Conn)
		reason httpadapter.Reason
	}{
		"until MaxDuration": {body, []httpadapter.Option{httpadapter.MaxDuration(100 * time.Millisecond)}, nil, httpadapter.Expired},
		"under a limit":     {body, []httpadapter.Option{limit, httpadapter.MaxDuration(100 * time.Millisecond)}, nil, httpadapter.Expired},
		"beside another source": {func(w http.ResponseWriter, r *http.Request) enumerator.Enumerator[[]byte] {
			return enumerator.Interleave(body(w, r), other.enumerator())
		}, []httpadapter.Option{httpadapter.MaxDuration(time.Second)}, func(t *testing.T, _ *httptest.Server, _ net.Conn) {
			send(t, other.chunks, "x")
		}, httpadapter.Expired},
		"with heartbeats": {body, []httpadapter.Option{
			httpadapter.Heartbeat(time.Millisecond, []byte(".")), httpadapter.MaxDuration(100 * time.Millisecond),
		}, nil, httpadapter.Expired},
		"until Shutdown": {body, nil, func(t *testing.T, srv *httptest.Server, _ net.Conn) {
			go func() { _ = srv.Config.Shutdown(t.Context()) }()
		}, httpadapter.Drained},
		"until it leaves": {body, nil, func(t *testing.T, _ *httptest.Server, conn net.Conn) {
			assert.NoError(t, conn.Close())
		}, httpadapter.ClientGone},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan httpadapter.Outcome, 1)
			srv := unstarted(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = httpadapter.Serve(w, r, tt.e(w, r), append(tt.opts, httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o }))...)
			}))
			httpadapter.Drain(srv.Config)
			srv.Start()
			conn, _ := askAhead(t, srv, ended)
			if tt.end != nil {
				tt.end(t, srv, conn)
			}
			o := receive(t, ended, "the end of the stream")
			assert.Equal(t, tt.reason, o.Reason, "%v", o.Err)
		})
	}
}

// The client may think for longer than WriteTimeout before it sends the body for which it got a go-ahead.
func TestClientThatSendsLateAfterAGoAhead(t *testing.T) {
	for name, opts := range map[string][]httpadapter.Option{
		"bytes":      nil,
		"compressed": {compress.Option()},
		"with beats": {httpadapter.Heartbeat(time.Hour, []byte("."))},
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan error, 1)
			srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				e := httpadapter.Body(r, httpadapter.Writer(w), httpadapter.ReadTimeout(time.Hour))
				over <- httpadapter.Serve(w, r, e, append(opts, httpadapter.WriteTimeout(50*time.Millisecond))...)
			}))
			conn, r := askAhead(t, srv, over)
			<-time.After(250 * time.Millisecond) // the head is due after 50
			_, err := io.WriteString(conn, "hello")
			require.NoError(t, err)
			assert.NoError(t, receive(t, over, "the end of the stream"))
			assert.Contains(t, readHead(t, r), "HTTP/1.1 200 OK\r\n")
			assert.Equal(t, "hello", readChunk(t, r))
		})
	}
}

// ReverseProxy flushes a stream without a length at once, and breaks its own
// response when that of the server is broken.
func TestThroughAReverseProxy(t *testing.T) {
	src := newTap()
	srv, returned := serving(t, "HTTP/1.1", src)
	target, err := http.NewRequest("GET", srv.URL, nil)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target.URL) },
		Transport: srv.Client().Transport,
		ErrorLog:  discardLog,
	}
	front := start(t, "HTTP/2.0", proxy)
	res := get(t, front, t.Context())
	send(t, src.chunks, "a")
	got := make([]byte, 1)
	_, err = io.ReadFull(res.Body, got)
	require.NoError(t, err)
	send(t, src.failures, errBoom)
	_, err = io.ReadAll(res.Body)
	assert.Error(t, err)
	assert.Equal(t, errBoom, receive(t, returned, "Serve"))
}

// failingFlush is the writer of a middleware whose second flush fails, of which net/http knows nothing.
type failingFlush struct {
	onlyUnwrap
	flushed *bool
}

func (f failingFlush) FlushError() error {
	if *f.flushed {
		return errBoom
	}
	*f.flushed = true
	return http.NewResponseController(f.w).Flush()
}

// The source waits, so it learns of that from its context only.
func TestWriterOfAMiddlewareThatFailsEndsTheRun(t *testing.T) {
	for name, tt := range map[string]struct {
		e    enumerator.Enumerator[[]byte]
		opts []httpadapter.Option
	}{
		"in a burst":     {bursts(time.Duration(0), "a b c", time.Hour, ""), nil},
		"in a heartbeat": {after(time.Hour, nil), []httpadapter.Option{httpadapter.Heartbeat(time.Millisecond, []byte("-"))}},
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan error, 1)
			srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				over <- httpadapter.Serve(failingFlush{onlyUnwrap{w}, new(bool)}, r, tt.e, tt.opts...)
			}))
			httpadaptertest.Get(t, srv.URL)
			assert.ErrorIs(t, receive(t, over, "the end of Serve"), errBoom)
		})
	}
}
