package websocket_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// A pace is that of a reader, which pauses after each so many bytes.
type pace struct {
	bytes int
	pause time.Duration
}

// pacedConn reads at its pace.
type pacedConn struct {
	net.Conn
	pace  pace
	total int
}

func (c *pacedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), c.pace.bytes-c.total%c.pace.bytes)])
	c.total += n
	if c.total%c.pace.bytes == 0 {
		time.Sleep(c.pace.pause)
	}
	return n, err
}

// system returns a connection to conn that holds up to n bytes from conn, like the buffers of an
// operating system.
func system(conn net.Conn, n int) net.Conn {
	const size = 16 << 10
	inner, outer := net.Pipe()
	go func() {
		_, _ = io.Copy(conn, inner)
		_ = conn.Close()
	}()
	queue := make(chan []byte, n/size)
	go func() {
		defer close(queue)
		for {
			b := make([]byte, size)
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			queue <- b[:n]
		}
	}()
	go func() {
		for b := range queue {
			_, _ = inner.Write(b)
		}
		_ = inner.Close()
	}()
	return outer
}

func dialConn(t *testing.T, conn net.Conn) *coder.Conn {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	c, _, err := coder.Dial(t.Context(), "ws://halley/", &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	require.NoError(t, err)
	c.SetReadLimit(-1)
	return c
}

var text = coder.MessageText

func sends(messages ...string) enumerator.Enumerator[string] {
	return enumerator.Of(messages...).AndThen(silent[string]())
}

// A client that reads slowly and steadily gets a message of any size, and the next.
func TestALargeMessageToASlowReader(t *testing.T) {
	const size = 12 << 20
	for name, c := range map[string]struct {
		pace pace
		held int // the bytes that are held between server and client
		opts []websocket.Option
	}{
		"as slow as allowed":            {pace{64 << 10, time.Second}, 64 << 10, nil},
		"at 300 KiB a second":           {pace{300 << 10, time.Second}, 64 << 10, nil},
		"behind a large buffer":         {pace{300 << 10, time.Second}, 8 << 20, nil},
		"behind the whole message":      {pace{100 << 10, time.Second}, 16 << 20, nil},
		"in small steps":                {pace{3 << 10, 10 * time.Millisecond}, 1 << 20, nil},
		"with many pings":               {pace{300 << 10, time.Second}, 4 << 20, []websocket.Option{websocket.Ping(time.Second), websocket.Timeout(2 * time.Second)}},
		"with many pings, small buffer": {pace{300 << 10, time.Second}, 64 << 10, []websocket.Option{websocket.Ping(time.Second), websocket.Timeout(2 * time.Second)}},
	} {
		t.Run(name, func(t *testing.T) {
			h := handler(iteratee.Ignore[string](), sends(strings.Repeat("x", size), "next"), c.opts...)
			inBubble(t, h, func(t *testing.T, p pipes, returned <-chan time.Duration) {
				conn := dialConn(t, &pacedConn{system(p.Dial(), c.held), c.pace, 0})
				kind, message, err := conn.Read(t.Context())
				require.NoError(t, err)
				assert.Equal(t, text, kind)
				assert.True(t, bytes.Equal(bytes.Repeat([]byte("x"), size), message))
				_, message, err = conn.Read(t.Context())
				require.NoError(t, err)
				assert.Equal(t, "next", string(message))
				reading := make(chan struct{})
				go func() { defer close(reading); _, _, _ = conn.Read(context.Background()) }()
				time.Sleep(10 * time.Minute) // the client answers pings
				assert.Empty(t, returned)
				_ = conn.Close(1000, "")
				<-returned
				<-reading
			})
		})
	}
}

// A client that pings is answered while it gets a large message.
func TestPingsOfASlowReader(t *testing.T) {
	h := handler(iteratee.Ignore[string](), sends(strings.Repeat("x", 12<<20)))
	inBubble(t, h, func(t *testing.T, p pipes, returned <-chan time.Duration) {
		conn := dialConn(t, &pacedConn{system(p.Dial(), 256<<10), pace{300 << 10, time.Second}, 0})
		read := make(chan int, 1)
		go func() {
			_, message, _ := conn.Read(context.Background())
			read <- len(message)
			_, _, _ = conn.Read(context.Background())
		}()
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			assert.NoError(t, conn.Ping(ctx))
			cancel()
		}
		assert.Empty(t, read)
		assert.Equal(t, 12<<20, <-read)
		_ = conn.Close(1000, "")
		<-returned
	})
}

// A client that takes only a byte now and then, or stops, is gone.
func TestAReaderThatIsTooSlow(t *testing.T) {
	for name, c := range map[string]struct {
		pace     pace
		returned time.Duration // the latest time at which the handler returns
	}{
		"takes a byte a second":     {pace{1, time.Second}, 11 * time.Second},
		"takes a kibibyte a second": {pace{1 << 10, time.Second}, 16 * time.Second},
		"takes nothing":             {pace{1, time.Hour}, 11 * time.Second},
		"takes much, then nothing":  {pace{4 << 20, time.Hour}, 11 * time.Second},
	} {
		t.Run("that "+name, func(t *testing.T) {
			logged := probe.Logs(t)
			h := handler(iteratee.Ignore[string](), sends(strings.Repeat("x", 12<<20)))
			inBubble(t, h, func(t *testing.T, p pipes, returned <-chan time.Duration) {
				conn := p.Dial()
				_ = handshake(t, conn)
				reading := make(chan struct{})
				go func() {
					defer close(reading)
					paced := &pacedConn{conn, c.pace, 0}
					b := make([]byte, 1<<20)
					for err := error(nil); err == nil; {
						_, err = paced.Read(b)
					}
				}()
				assert.LessOrEqual(t, <-returned, c.returned)
				_ = conn.Close()
				<-reading
			})
			assert.Empty(t, logged())
		})
	}
}

// A client that reads a large message and then vanishes is gone. Only its answers tell what it has read.
func TestAClientThatVanishesAfterALargeMessage(t *testing.T) {
	h := handler(iteratee.Ignore[string](), sends(strings.Repeat("x", 12<<20)))
	inBubble(t, h, func(t *testing.T, p pipes, returned <-chan time.Duration) {
		conn := p.Dial()
		r := handshake(t, conn)
		go func() { _, _ = io.Copy(io.Discard, r) }() // the client's system still takes all bytes
		after := <-returned
		assert.GreaterOrEqual(t, after, 40*time.Second+12*16*time.Second)
		assert.LessOrEqual(t, after, 70*time.Second+12*16*time.Second)
		_ = conn.Close()
	})
}

// The operating system's buffers hold more than the client takes within Timeout. Those of a TLS
// connection belong to the connection under it.
func TestALargeMessageOverASystem(t *testing.T) {
	message := strings.Repeat("x", 8<<20)
	h := handler(iteratee.Ignore[string](), enumerator.Of(message, "next"), websocket.Ping(50*time.Millisecond), websocket.Timeout(time.Second))
	for name, start := range map[string]func(*httptest.Server){"TCP": (*httptest.Server).Start, "TLS": (*httptest.Server).StartTLS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewUnstartedServer(h)
			start(srv)
			defer srv.Close()
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			require.NoError(t, err)
			if name == "TLS" {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			}
			c := dialConn(t, &pacedConn{conn, pace{64 << 10, 20 * time.Millisecond}, 0})
			defer c.CloseNow()
			for _, want := range []string{message, "next"} {
				_, got, err := c.Read(t.Context())
				require.NoError(t, err)
				assert.True(t, want == string(got))
			}
		})
	}
}
