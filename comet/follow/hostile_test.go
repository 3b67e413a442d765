package follow_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// A line or an event without an end ends the run after a small multiple of the limit.
func TestEndlessEvents(t *testing.T) {
	for name, a := range map[string]answer{
		"a line":     events("data: ", func() string { return strings.Repeat("x", 100) }),
		"data lines": events(func() string { return "data: x\n" }),
		"a name":     events("event: ", func() string { return strings.Repeat("x", 100) }),
		"a comment":  events(":", func() string { return strings.Repeat("x", 100) }),
		"JSON":       lines(`{"id":"`, func() string { return strings.Repeat("x", 100) }),
		"spaces":     lines(func() string { return strings.Repeat(" ", 100) }),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(a)
			_, err := run(t.Context(), t, s, follow.Items[int](get(), s.client(), follow.Limit(10_000)))
			assert.ErrorIs(t, err, bufio.ErrTooLong)
			assert.Len(t, s.starts, 1)
			assert.LessOrEqual(t, s.read, 100_000)
		})
	}
}

// An event that is compressed a thousandfold ends the run before it takes its memory.
func TestABombOfGzip(t *testing.T) {
	const size = 32 << 20
	var bomb bytes.Buffer
	w, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	require.NoError(t, err)
	_, err = w.Write([]byte("data: "))
	require.NoError(t, err)
	for zeros, n := make([]byte, 1<<20), 0; n < size; n += len(zeros) {
		_, err := w.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Type", eventsource.ContentType)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}))
	defer server.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = enumerator.Run(t.Context(), follow.Events(follow.Get(server.URL), follow.HTTPClient(server.Client())), iteratee.Ignore[eventsource.Event]())
	runtime.ReadMemStats(&after)
	assert.ErrorIs(t, err, bufio.ErrTooLong)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
}

// A loop of redirects is a failed attempt, after the ten redirects of http.Client.
func TestALoopOfRedirects(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	_, err := enumerator.Run(t.Context(), follow.Events(follow.Get(server.URL), follow.HTTPClient(server.Client()), atOnce3), iteratee.Ignore[eventsource.Event]())
	assert.ErrorContains(t, err, "stopped after 10 redirects")
	assert.EqualValues(t, 30, requests.Load())
}

// atOnce3 is atOnce with three attempts.
var atOnce3 = follow.Retry(retry.Pace(zeroBackOff), retry.MaxTries(3))

// A redirect leads to the stream, with the last id.
func TestRedirects(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/from", http.RedirectHandler("/to", http.StatusFound))
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") == "1" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", eventsource.ContentType)
		_, _ = io.WriteString(w, "id: 1\ndata: a\n\n")
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	es, err := enumerator.Run(t.Context(), follow.Events(follow.Get(server.URL+"/from"), follow.HTTPClient(server.Client()), atOnce3), iteratee.Collect[eventsource.Event]())
	require.NoError(t, err)
	assert.Equal(t, []string{"data: a|id: 1"}, short(es))
}

// rawServer answers each connection of a client with the bytes that write writes, in a bubble.
func rawServer(t *testing.T, write func(w io.Writer) error) follow.Option {
	pipes := probe.NewPipes()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := pipes.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_ = write(conn)
				}
			})
		}
	})
	transport := &http.Transport{
		MaxResponseHeaderBytes: 1 << 20,
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return pipes.Dial(), nil },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = pipes.Close()
		serving.Wait()
	})
	return follow.HTTPClient(&http.Client{Transport: transport})
}

// A head without an end is a failed attempt, whether it comes fast or slowly.
func TestAnEndlessHead(t *testing.T) {
	for name, c := range map[string]struct {
		write func(w io.Writer) error
		want  string
		took  time.Duration
	}{
		"fast": {func(w io.Writer) (err error) {
			for _, err = io.WriteString(w, "HTTP/1.1 200 OK\r\n"); err == nil; {
				_, err = io.WriteString(w, "X: "+strings.Repeat("x", 1<<16)+"\r\n")
			}
			return err
		}, "headers exceeded", 0},
		"slow": {func(w io.Writer) (err error) {
			for _, err = io.WriteString(w, "HTTP/1.1 200 OK\r\n"); err == nil; time.Sleep(time.Second) {
				_, err = io.WriteString(w, "X: x\r\n")
			}
			return err
		}, "silent", time.Minute},
		"1xx": {func(w io.Writer) (err error) {
			for err == nil {
				_, err = io.WriteString(w, "HTTP/1.1 103 Early Hints\r\nX: x\r\n\r\n")
			}
			return err
		}, "headers exceeded", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := rawServer(t, c.write)
				begin := time.Now()
				_, err := enumerator.Run(t.Context(), follow.Events(get(), client, follow.Retry(retry.MaxTries(1))), iteratee.Ignore[eventsource.Event]())
				assert.ErrorContains(t, err, c.want)
				assert.Equal(t, c.took, time.Since(begin))
			})
		})
	}
}

// A connection of HTTP/2 that has died does not serve the next attempt.
func TestADeadConnectionOfHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var protocols http.Protocols
		protocols.SetUnencryptedHTTP2(true)
		pipes := probe.NewPipes()
		server := &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, 2, r.ProtoMajor)
			w.Header().Set("Content-Type", eventsource.ContentType)
			_, _ = io.WriteString(w, "id: 1\ndata: a\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})}
		go func() { _ = server.Serve(pipes) }()
		dials := 0
		transport := &http.Transport{Protocols: &protocols, DialContext: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return &deadConn{Conn: pipes.Dial(), at: time.Now().Add(time.Minute), closed: make(chan struct{})}, nil
		}}
		source := follow.Events(get(), follow.HTTPClient(&http.Client{Transport: transport}), follow.Silence(2*time.Minute))
		es, err := enumerator.Run(t.Context(), source, iteratee.TakeUpTo[eventsource.Event](3))
		require.NoError(t, err)
		assert.Len(t, es, 3)
		assert.Equal(t, 3, dials)
		transport.CloseIdleConnections()
		_ = server.Close()
	})
}

// deadConn is a connection on which no byte passes after a time.
type deadConn struct {
	net.Conn
	at     time.Time
	closed chan struct{}
	once   sync.Once
}

func (c *deadConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if time.Now().Before(c.at) {
		return n, err
	}
	<-c.closed
	return 0, net.ErrClosed
}

func (c *deadConn) Write(p []byte) (int, error) {
	if time.Now().Before(c.at) {
		return c.Conn.Write(p)
	}
	return len(p), nil
}

func (c *deadConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
