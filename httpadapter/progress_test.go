package httpadapter_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/iteratee"
)

// slow reads so many bytes in a second, and after a time one byte in a second.
type slow struct {
	r     io.Reader
	rate  int
	until time.Time // zero for never
}

func (s slow) Read(p []byte) (int, error) {
	rate := s.rate
	if !s.until.IsZero() && !time.Now().Before(s.until) {
		rate = 1
	}
	p = p[:min(len(p), max(1, rate/50))]
	n, err := s.r.Read(p)
	time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
	return n, err
}

// slowConn is read slowly.
type slowConn struct {
	net.Conn
	slow slow
}

func (c *slowConn) Read(p []byte) (int, error) { return c.slow.Read(p) }

func readSlowly(conn net.Conn, rate int, until time.Time) net.Conn {
	return &slowConn{conn, slow{conn, rate, until}}
}

// wake lets the connections that sleep notice that they are closed.
func wake() { time.Sleep(time.Minute) }

// collecting is a middleware's writer that hands on what it has only when it is flushed.
type collecting struct {
	onlyUnwrap
	held bytes.Buffer
}

func (c *collecting) Write(p []byte) (int, error) { return c.held.Write(p) }

func (c *collecting) FlushError() error {
	if _, err := c.held.WriteTo(c.onlyUnwrap); err != nil {
		return err
	}
	return http.NewResponseController(c.w).Flush()
}

// corked is a source of chunks that come at once.
func corked(chunks ...[]byte) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		cork := iteratee.Cork(ctx)
		cork(true)
		defer cork(false)
		for _, chunk := range chunks {
			if step := sink.Next(chunk); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// random cannot be compressed.
func random(size int) []byte {
	var seed [32]byte
	p := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(p)
	return p
}

func split(p []byte, size int) (chunks [][]byte) {
	for ; len(p) > size; p = p[size:] {
		chunks = append(chunks, p[:size])
	}
	return append(chunks, p)
}

// shapes are the ways in which a large message can be written.
func shapes(message []byte) map[string]struct {
	source  enumerator.Enumerator[[]byte]
	opts    []httpadapter.Option
	coding  string
	wrap    func(http.ResponseWriter) http.ResponseWriter
	partial bool // more follows
} {
	type shape = struct {
		source  enumerator.Enumerator[[]byte]
		opts    []httpadapter.Option
		coding  string
		wrap    func(http.ResponseWriter) http.ResponseWriter
		partial bool
	}
	none := enumerator.New(func(ctx context.Context, _ iteratee.Sink[[]byte]) iteratee.Step {
		<-ctx.Done()
		return iteratee.Cancelled(ctx)
	})
	collect := func(w http.ResponseWriter) http.ResponseWriter { return &collecting{onlyUnwrap: onlyUnwrap{w}} }
	return map[string]shape{
		"one chunk":               {source: enumerator.Of(message)},
		"a chunk after the first": {source: enumerator.Of(message[:1], message[1:])},
		"small chunks":            {source: enumerator.FromSlice(split(message, 1000))},
		"one burst":               {source: corked(split(message, 1000)...)},
		"one flush":               {source: enumerator.FromSlice(split(message, 1000)), opts: []httpadapter.Option{httpadapter.FlushSize(len(message))}},
		"flushes by time":         {source: enumerator.FromSlice(split(message, 1000)), opts: []httpadapter.Option{httpadapter.FlushInterval(time.Minute)}},
		"a length":                {source: enumerator.Of(message), opts: []httpadapter.Option{httpadapter.Header("Content-Length", strconv.Itoa(len(message)))}},
		"gzip":                    {source: enumerator.Of(message), opts: []httpadapter.Option{compress.Option()}, coding: "gzip"},
		"zstd":                    {source: enumerator.Of(message), opts: []httpadapter.Option{compress.Option()}, coding: "zstd"},
		"gzip in one flush":       {source: enumerator.FromSlice(split(message, 1000)), opts: []httpadapter.Option{compress.Option(), httpadapter.FlushSize(len(message))}, coding: "gzip"},
		"a trailer": {source: enumerator.Of(message), opts: []httpadapter.Option{httpadapter.Trailer("X-End",
			iteratee.Map(iteratee.Ignore[[]byte](), func(struct{}) string { return "end" }))}},
		"a heartbeat":         {source: none, opts: []httpadapter.Option{httpadapter.Heartbeat(time.Millisecond, message)}, partial: true},
		"through a writer":    {source: enumerator.Of(message), wrap: func(w http.ResponseWriter) http.ResponseWriter { return onlyUnwrap{w} }},
		"through a collector": {source: enumerator.Of(message), wrap: collect},
		"through a collector in one flush": {source: enumerator.FromSlice(split(message, 1000)), wrap: collect,
			opts: []httpadapter.Option{httpadapter.FlushSize(len(message))}},
	}
}

// slow returns a client that reads its connections slowly, through pipes.
func (p pipes) slow(t *testing.T, proto string, rate int, until time.Time) *http.Client {
	client := p.client(t, proto)
	client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
		return readSlowly(p.Dial(), rate, until), nil
	}
	return client
}

// A message takes many times WriteTimeout, and the client reads all of it.
func TestClientThatKeepsReadingIsNotGone(t *testing.T) {
	message := random(1 << 20)
	for _, proto := range plain {
		for name, shape := range shapes(message) {
			t.Run(proto+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					t.Cleanup(wake)
					returned := make(chan error, 1)
					p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if shape.wrap != nil {
							w = shape.wrap(w)
						}
						returned <- httpadapter.Serve(w, r, shape.source, append(shape.opts, httpadapter.WriteTimeout(4*time.Second))...)
					}), nil)
					r, err := http.NewRequestWithContext(t.Context(), "GET", "http://halley/", nil)
					require.NoError(t, err)
					r.Header.Set("Accept-Encoding", shape.coding)
					start := time.Now()
					res, err := p.slow(t, proto, 48<<10, time.Time{}).Do(r)
					require.NoError(t, err)
					defer res.Body.Close()
					body := io.Reader(res.Body)
					switch shape.coding {
					case "gzip":
						body, err = gzip.NewReader(body)
						require.NoError(t, err)
					case "zstd":
						d, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
						require.NoError(t, err)
						defer d.Close()
						body = d
					}
					if shape.partial {
						body = io.LimitReader(body, int64(len(message)))
					}
					got, err := io.ReadAll(body)
					require.NoError(t, err)
					assert.True(t, bytes.Equal(message, got))
					assert.Greater(t, time.Since(start), 20*time.Second)
					if shape.partial {
						_ = res.Body.Close()
						assert.ErrorIs(t, <-returned, httpadapter.ErrClientGone)
					} else {
						assert.NoError(t, <-returned)
					}
				})
			})
		}
	}
}

// The client reads a half of the message, and then a byte now and then: on HTTP/2 of the stream, and,
// where the server asks by pings whether it is there, of the connection.
func TestClientThatReadsAByteNowAndThenIsGone(t *testing.T) {
	message := random(1 << 20)
	const timeout = 4 * time.Second
	for kind, tt := range map[string]struct {
		proto      string
		connection bool          // is read slowly, or the body
		within     time.Duration // a piece may be almost through when the client stops
	}{
		"HTTP/1.1":               {"HTTP/1.1", true, 2 * timeout},
		"HTTP/2.0":               {"HTTP/2.0", false, 2 * timeout},
		"connection of HTTP/2.0": {"HTTP/2.0", true, 3 * timeout},
	} {
		for name, shape := range shapes(message) {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					t.Cleanup(wake)
					type end struct {
						err error
						at  time.Time
					}
					ended := make(chan end, 1)
					p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if shape.wrap != nil {
							w = shape.wrap(w)
						}
						err := httpadapter.Serve(w, r, shape.source, append(shape.opts, httpadapter.WriteTimeout(timeout))...)
						ended <- end{err, time.Now()}
					}), func(srv *http.Server) {
						srv.HTTP2 = &http.HTTP2Config{SendPingTimeout: timeout, PingTimeout: timeout}
					})
					ctx, leave := context.WithCancel(t.Context())
					r, err := http.NewRequestWithContext(ctx, "GET", "http://halley/", nil)
					require.NoError(t, err)
					r.Header.Set("Accept-Encoding", shape.coding)
					until := time.Now().Add(10 * time.Second)
					client := p.client(t, tt.proto)
					if tt.connection {
						client = p.slow(t, tt.proto, 48<<10, until)
					}
					client.Transport.(*http.Transport).HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}
					res, err := client.Do(r)
					require.NoError(t, err)
					defer res.Body.Close()
					body := io.Reader(res.Body)
					if !tt.connection {
						body = slow{body, 48 << 10, until}
					}
					read := make(chan struct{})
					go func() { defer close(read); _, _ = io.Copy(io.Discard, body) }()
					got := <-ended
					assert.ErrorIs(t, got.err, httpadapter.ErrClientGone)
					assert.LessOrEqual(t, got.at.Sub(until), tt.within)
					assert.Greater(t, got.at.Sub(until), time.Duration(0))
					leave() // Close would wait for the goroutine that reads
					<-read
				})
			})
		}
	}
}

// One stream is read slowly, and a part of the others: each of them gets a message that takes longer
// than WriteTimeout.
func TestSlowStreamsOfOneConnection(t *testing.T) {
	message := random(12 << 20) // three times what the client takes unread
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(wake)
		p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.NoError(t, httpadapter.Serve(w, r, enumerator.Of(message), httpadapter.WriteTimeout(4*time.Second)))
		}), nil)
		client := p.client(t, "HTTP/2.0")
		var readers sync.WaitGroup
		for _, rate := range []int{64 << 10, 128 << 10, 1 << 20, 1 << 30} {
			res, err := client.Get("http://halley/")
			require.NoError(t, err)
			defer res.Body.Close()
			readers.Go(func() {
				for got := 0; ; {
					n, err := io.CopyN(io.Discard, res.Body, 16<<10)
					got += int(n)
					if err != nil {
						assert.Equal(t, io.EOF, err)
						assert.Equal(t, len(message), got)
						return
					}
					time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
				}
			})
		}
		readers.Wait()
	})
}

// Many streams share a connection that is slow.
func TestStreamsOfOneSlowConnection(t *testing.T) {
	message := random(1 << 20)
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(wake)
		p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.NoError(t, httpadapter.Serve(w, r, enumerator.Of(message), httpadapter.WriteTimeout(4*time.Second)))
		}), nil)
		client := p.slow(t, "HTTP/2.0", 512<<10, time.Time{})
		var readers sync.WaitGroup
		for range 20 {
			res, err := client.Get("http://halley/")
			require.NoError(t, err)
			defer res.Body.Close()
			readers.Go(func() {
				n, err := io.Copy(io.Discard, res.Body)
				assert.NoError(t, err)
				assert.EqualValues(t, len(message), n)
			})
		}
		readers.Wait()
	})
}

// What the kernel and TLS hold does not change that.
func TestClientThatKeepsReadingASocketIsNotGone(t *testing.T) {
	message := random(6 << 20)
	for _, proto := range []string{"HTTP/1.1", "HTTP/1.1 with TLS", "HTTP/2.0", "HTTP/2.0 cleartext"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			srv := narrow(unstarted(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, httpadapter.Serve(w, r, enumerator.Of(message), httpadapter.WriteTimeout(time.Second)))
			})))
			startAs(srv, proto)
			client := srv.Client()
			transport := client.Transport.(*http.Transport)
			transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
				if err != nil {
					return nil, err
				}
				_ = conn.(*net.TCPConn).SetReadBuffer(256 << 10) // less than a segment of the loopback stalls by itself
				return readSlowly(conn, 2<<20, time.Time{}), nil
			}
			res, err := client.Get(srv.URL)
			require.NoError(t, err)
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(message, got))
		})
	}
}

// A client that reads a large message may take long, and the request's context ends before that.
func TestEndOfTheContextWithinALargeMessage(t *testing.T) {
	for name, opts := range map[string][]httpadapter.Option{"plain": nil, "compressed": {compress.Option()}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				w := newRecorder(t)
				w.onWrite = func() error { time.Sleep(time.Second); return nil }
				r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
				r.Header.Set("Accept-Encoding", "gzip")
				err := httpadapter.Serve(w, r, enumerator.Of(random(16<<20)), opts...)
				assert.Equal(t, context.DeadlineExceeded, err)
				assert.Less(t, time.Since(w.start), 8*time.Second)
				assert.Equal(t, "deadline past", w.calls()[len(w.calls())-1])
			})
		})
	}
}

// unlayered is the connection below TLS.
func unlayered(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}
