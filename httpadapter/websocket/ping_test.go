package websocket_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// pipes is a listener in memory.
type pipes struct{ probe.Pipes }

// inBubble serves h in a bubble. It sends the time that the handler took to returned.
func inBubble(t *testing.T, h http.Handler, test func(t *testing.T, p pipes, returned <-chan time.Duration)) {
	synctest.Test(t, func(t *testing.T) {
		returned := make(chan time.Duration, 1)
		p := pipes{probe.NewPipes()}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			h.ServeHTTP(w, r)
			returned <- time.Since(begin)
		})}
		served := make(chan struct{})
		go func() { defer close(served); _ = srv.Serve(p) }()
		test(t, p, returned)
		_ = srv.Close()
		<-served
	})
}

func (p pipes) dialWebSocket(t *testing.T) *coder.Conn {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return p.Dial(), nil }}
	conn, _, err := coder.Dial(t.Context(), "ws://halley/", &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	assert.NoError(t, err)
	return conn
}

func TestAClientThatAnswersPingsStays(t *testing.T) {
	inBubble(t, handler(iteratee.Ignore[string](), silent[string]()), func(t *testing.T, p pipes, returned <-chan time.Duration) {
		conn := p.dialWebSocket(t)
		read := make(chan error, 1)
		go func() {
			_, _, err := conn.Read(context.Background())
			read <- err
		}()
		time.Sleep(time.Hour)
		assert.Zero(t, len(returned))
		_ = conn.Close(1000, "")
		<-read
		assert.Equal(t, time.Hour, <-returned)
	})
}

// A client that does not answer is gone, even if the connection seems to be open.
func TestAClientThatVanishes(t *testing.T) {
	for name, send := range map[string]string{
		"and has sent nothing":       "",
		"in the middle of a message": frame(1, 5, "hello"),
		"in the middle of a frame":   frame(0x81, 10, "hello"),
		"in the middle of a head":    frame(0x81, 1000, "")[:3],
	} {
		t.Run(name, func(t *testing.T) {
			h := handler(iteratee.Ignore[string](), silent[string](), websocket.Ping(time.Minute), websocket.Timeout(4*time.Second))
			inBubble(t, h, func(t *testing.T, p pipes, returned <-chan time.Duration) {
				conn := p.Dial()
				r := handshake(t, conn)
				_, _ = io.WriteString(conn, send)
				go func() { _, _ = io.Copy(io.Discard, r) }() // the client's system still takes all bytes
				assert.Equal(t, 64*time.Second, <-returned)
				_ = conn.Close()
			})
		})
	}
}

// A pong comes after the frame that the client is sending, however long that takes.
func TestAClientThatSendsALongMessageStays(t *testing.T) {
	got := make(chan result[[]string], 1)
	h := handler(telling(iteratee.Collect[string](), got), silent[string](), websocket.MaxMessage(1<<20),
		websocket.Ping(time.Minute), websocket.Timeout(4*time.Second))
	inBubble(t, h, func(t *testing.T, p pipes, returned <-chan time.Duration) {
		conn := p.Dial()
		r := handshake(t, conn)
		go func() { _, _ = io.Copy(io.Discard, r) }()
		message := strings.Repeat(strings.Repeat("x", 2000)+"\n", 300)
		for part := range strings.SplitAfterSeq(frame(0x81, len(message), message)+frame(0x88, 2, "\x03\xe8"), "\n") {
			time.Sleep(time.Second)
			_, _ = io.WriteString(conn, part)
		}
		<-returned
		end := <-got
		assert.NoError(t, end.err)
		assert.True(t, slices.Equal([]string{message}, end.a))
		_ = conn.Close()
	})
}

// Pongs are read while the Iteratee is busy, unless the client has sent too much.
func TestPongsWhileTheIterateeIsBusy(t *testing.T) {
	for name, c := range map[string]struct {
		messages int
		answers  bool
		from, to time.Duration // bounds of the time that the handler takes
	}{
		"answered":                      {2, true, 20 * time.Minute, 20 * time.Minute},
		"not answered":                  {1, false, 40 * time.Second, 40 * time.Second},
		"not answered, some unread":     {10, false, 40 * time.Second, 40 * time.Second},
		"not answered, too many unread": {67, false, 10 * time.Minute, 21 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			taken := 0
			busy := iteratee.FoldUntil(0, func(ctx context.Context, n int, _ string) (int, bool, error) {
				taken++
				select {
				case <-time.After(10 * time.Minute):
				case <-ctx.Done():
				}
				return n + 1, n+1 == c.messages, ctx.Err()
			})
			inBubble(t, handler(busy, silent[string]()), func(t *testing.T, p pipes, returned <-chan time.Duration) {
				if c.answers {
					conn := p.dialWebSocket(t)
					defer conn.CloseNow()
					for range c.messages {
						assert.NoError(t, conn.Write(t.Context(), coder.MessageText, []byte("one")))
					}
					go func() { _, _, _ = conn.Read(context.Background()) }()
				} else {
					conn := p.Dial()
					defer conn.Close()
					r := handshake(t, conn)
					go func() { _, _ = io.Copy(io.Discard, r) }()
					_, _ = io.WriteString(conn, strings.Repeat(frame(0x81, 3, "one"), c.messages))
				}
				after := <-returned
				assert.GreaterOrEqual(t, after, c.from)
				assert.LessOrEqual(t, after, c.to)
			})
		})
	}
}

// The handler does not wait for a client that does not answer the server's close frame.
func TestAClientThatDoesNotClose(t *testing.T) {
	ends := make(chan result[[]string], 1)
	h := handler(telling(iteratee.Collect[string](), ends), silentFor(time.Second))
	inBubble(t, h, func(t *testing.T, p pipes, returned <-chan time.Duration) {
		conn := p.Dial()
		r := handshake(t, conn)
		go func() { _, _ = io.Copy(io.Discard, r) }()
		assert.LessOrEqual(t, <-returned, 11*time.Second)
		_ = conn.Close()
	})
	assert.Equal(t, result[[]string]{}, <-ends, "the Iteratee has got EOF")
}

// An Iteratee that does not end is stopped.
func TestAnIterateeThatIsStuckWhenTheSourceEnds(t *testing.T) {
	stuck := iteratee.ForEach(func(ctx context.Context, _ string) error { <-ctx.Done(); return context.Cause(ctx) })
	inBubble(t, handler(stuck, silentFor(time.Second)), func(t *testing.T, p pipes, returned <-chan time.Duration) {
		conn := p.dialWebSocket(t)
		assert.NoError(t, conn.Write(t.Context(), coder.MessageText, []byte("one")))
		_, _, err := conn.Read(t.Context())
		assert.Equal(t, coder.StatusNormalClosure, coder.CloseStatus(err))
		assert.LessOrEqual(t, <-returned, 11*time.Second)
	})
}
