package follow_test

import (
	"context"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// cutting is a listener whose connections are cut each after a random number of written bytes, at most most.
type cutting struct {
	net.Listener
	most int
	cuts *atomic.Int64
}

func (l cutting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &cutConn{Conn: conn, cuts: l.cuts}
	c.left.Store(rand.Int64N(int64(l.most)) + 1)
	return c, nil
}

type cutConn struct {
	net.Conn
	left atomic.Int64
	cuts *atomic.Int64
}

func (c *cutConn) Write(p []byte) (int, error) {
	if left := c.left.Add(-int64(len(p))); left < 0 {
		n, _ := c.Conn.Write(p[:max(int(left)+len(p), 0)])
		c.cuts.Add(1)
		_ = c.Conn.Close()
		return n, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// atOnce is the pace of tests with sockets.
var atOnce = follow.Retry(retry.Pace(zeroBackOff))

func zeroBackOff() backoff.BackOff { return &backoff.ZeroBackOff{} }

// Each message arrives once and in order, although each connection is cut after some bytes, also within
// the head of a response. A burst of messages is pushed when all before have arrived.
func TestNothingIsLostOrRepeated(t *testing.T) {
	messages := 2000
	if probe.Long() {
		messages = 10_000
	}
	for name, c := range map[string]struct {
		query string
		http2 bool
		most  int
		burst func() int
	}{
		"event stream":                    {"", false, 20_000, func() int { return 1 + rand.IntN(500) }},
		"event stream one by one":         {"", false, 4000, func() int { return 1 }},
		"event stream for the script":     {"?transport=events", false, 20_000, func() int { return 1 + rand.IntN(500) }},
		"lines":                           {"?transport=ndjson", false, 20_000, func() int { return 1 + rand.IntN(500) }},
		"lines one by one":                {"?transport=ndjson", false, 4000, func() int { return 1 }},
		"event stream over HTTP/2":        {"?transport=events", true, 40_000, func() int { return 1 + rand.IntN(500) }},
		"lines over HTTP/2 one by one":    {"?transport=ndjson", true, 40_000, func() int { return 1 }},
		"event stream in tiny fragments":  {"", false, 700, func() int { return 1 + rand.IntN(2000) }},
		"lines over HTTP/2 in one burst":  {"?transport=ndjson", true, 40_000, func() int { return messages }},
		"event stream in one large burst": {"", false, 20_000, func() int { return messages }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := enumerator.Broadcast[int](enumerator.Capacity(messages))
			server := httptest.NewUnstartedServer(client.Handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[int]], error) {
				return hub.From(after), nil
			}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			var cuts atomic.Int64
			server.Listener = cutting{server.Listener, c.most, &cuts}
			if c.http2 {
				server.EnableHTTP2 = true
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()

			arrived := make(chan struct{}, messages)
			var pushing sync.WaitGroup
			defer pushing.Wait()
			defer cancel()
			pushing.Go(func() {
				for pushed := 0; pushed < messages; {
					burst := min(c.burst(), messages-pushed)
					for range burst {
						pushed++
						assert.NoError(t, hub.Push(ctx, pushed))
					}
					for range burst {
						select {
						case <-arrived:
						case <-ctx.Done():
							return
						}
					}
				}
			})
			items := follow.Items[int](follow.Get(server.URL+c.query), follow.HTTPClient(server.Client()), follow.After(hub.Position().String()), atOnce)
			received := enumerator.Through(enumerator.Through(items, enumeratee.Filter(enumerator.Item[int].IsMessage)), enumeratee.Take[enumerator.Item[int]](messages))
			want := 0
			_, err := enumerator.Run(ctx, received, iteratee.ForEach(func(_ context.Context, item enumerator.Item[int]) error {
				want++
				arrived <- struct{}{}
				require.Equal(t, want, item.Value)
				require.EqualValues(t, want, item.Position.Seq)
				return nil
			}))
			require.NoError(t, err)
			assert.Equal(t, messages, want)
			assert.Greater(t, cuts.Load(), int64(messages/4000))
			t.Logf("%d cuts", cuts.Load())
		})
	}
}
