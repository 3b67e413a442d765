package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

const closeFrame = "\x88\x82\x00\x00\x00\x00\x03\xe8" // with code 1000

// ways holds the ways in which a client leaves. It has sent one message before, and reads nothing.
var ways = map[string]struct {
	ping  time.Duration // short if only a ping can find out
	leave func(conn *net.TCPConn)
}{
	"with a close frame": {never, func(conn *net.TCPConn) { write(conn, closeFrame) }},
	"with a close frame and the end of the connection": {never, func(conn *net.TCPConn) {
		write(conn, closeFrame)
		conn.Close()
	}},
	"with the end of the connection": {never, func(conn *net.TCPConn) { conn.Close() }},
	"with the end of one direction":  {never, func(conn *net.TCPConn) { _ = conn.CloseWrite() }},
	"with a reset":                   {never, reset},
	"in silence":                     {soon, func(*net.TCPConn) {}},
	"in the middle of a message": {never, func(conn *net.TCPConn) {
		write(conn, frame(0x81, 100, "half"))
		_ = conn.CloseWrite()
	}},
	"in silence, in the middle of a message": {soon, func(conn *net.TCPConn) { write(conn, frame(0x81, 100, "half")) }},
	"after messages, with a close frame": {never, func(conn *net.TCPConn) {
		write(conn, strings.Repeat(frame(0x81, 3, "two"), 20)+closeFrame)
	}},
	"after messages, with the end of one direction": {never, func(conn *net.TCPConn) {
		write(conn, strings.Repeat(frame(0x81, 3, "two"), 20))
		_ = conn.CloseWrite()
	}},
	"after messages, with a reset": {never, func(conn *net.TCPConn) {
		write(conn, strings.Repeat(frame(0x81, 3, "two"), 20))
		reset(conn)
	}},
	"after more messages than are read ahead": {soon, func(conn *net.TCPConn) {
		write(conn, strings.Repeat(frame(0x81, 3, "two"), 1000)+closeFrame)
		conn.Close()
	}},
	"after empty messages": {soon, func(conn *net.TCPConn) {
		write(conn, strings.Repeat(frame(0x81, 0, ""), 1000))
		conn.Close()
	}},
	"after large messages": {soon, func(conn *net.TCPConn) {
		write(conn, strings.Repeat(frame(0x81, 60_000, strings.Repeat("x", 60_000)), 4))
		conn.Close()
	}},
}

const (
	never = time.Hour
	soon  = 20 * time.Millisecond
)

// write writes frames to a server that may have ended the connection already.
func write(w io.Writer, frames string) { _, _ = io.WriteString(w, frames) }

func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	conn.Close()
}

// busy has a function that waits for the end of its context. It is called once.
type busy struct {
	started chan struct{}
	causes  chan error
}

func newBusy() *busy { return &busy{make(chan struct{}), make(chan error, 1)} }

func (b *busy) wait(ctx context.Context) error {
	close(b.started)
	<-ctx.Done()
	b.causes <- context.Cause(ctx)
	return ctx.Err()
}

func busyWith[E any](b *busy) iteratee.Iteratee[E, struct{}] {
	return iteratee.ForEach(func(ctx context.Context, _ E) error { return b.wait(ctx) })
}

func through(adapter enumeratee.Enumeratee[string, string], b *busy) iteratee.Iteratee[string, struct{}] {
	return enumeratee.Transform(adapter, busyWith[string](b))
}

// consumers holds consumers, by the part between the messages and the busy function.
var consumers = map[string]func(*busy) iteratee.Iteratee[string, struct{}]{
	"nothing": busyWith[string],
	"MapM": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return enumeratee.Transform(enumeratee.MapM(func(ctx context.Context, s string) (string, error) { return s, b.wait(ctx) }), iteratee.Ignore[string]())
	},
	"FoldM": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return iteratee.FoldM(struct{}{}, func(ctx context.Context, a struct{}, _ string) (struct{}, error) { return a, b.wait(ctx) })
	},
	"a channel without a receiver": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return iteratee.New(func(ctx context.Context) (iteratee.Running[string, struct{}], iteratee.Step) {
			context.AfterFunc(ctx, func() { b.causes <- context.Cause(ctx) })
			close(b.started)
			return iteratee.ToChan(make(chan string)).Start(ctx)
		})
	},
	"FlatMap": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return iteratee.FlatMap(iteratee.Done(1, iteratee.Empty[string]()), func(int) iteratee.Iteratee[string, struct{}] { return busyWith[string](b) })
	},
	"Buffer":    func(b *busy) iteratee.Iteratee[string, struct{}] { return through(enumeratee.Buffer[string](2), b) },
	"Buffer(0)": func(b *busy) iteratee.Iteratee[string, struct{}] { return through(enumeratee.Buffer[string](0), b) },
	"BufferFunc": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return through(enumeratee.BufferFunc(100, func(s string) int { return len(s) }), b)
	},
	"Conflate": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return through(enumeratee.Conflate(func(_, s string) string { return s }), b)
	},
	"GroupedWithin": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return enumeratee.Transform(enumeratee.GroupedWithin[string](2, time.Millisecond), busyWith[[]string](b))
	},
	"Debounce": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return through(enumeratee.Debounce[string](time.Millisecond), b)
	},
	"Async": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return through(enumeratee.Async(func(ctx context.Context, in <-chan string, out iteratee.Outlet[string]) iteratee.Step {
			for s := range in {
				if step := out.Next(s); !step.IsCont() {
					return step
				}
			}
			return iteratee.Cancelled(ctx)
		}), b)
	},
	"two Buffers in a FlatMap": func(b *busy) iteratee.Iteratee[string, struct{}] {
		return iteratee.FlatMap(iteratee.Done(1, iteratee.Empty[string]()), func(int) iteratee.Iteratee[string, struct{}] {
			return through(enumeratee.Compose(enumeratee.Buffer[string](1), enumeratee.Buffer[string](1)), b)
		})
	},
}

// When the client leaves, the context of a function that is busy with its message ends.
func TestAClientThatLeavesEndsABusyIteratee(t *testing.T) {
	for between, consumer := range consumers {
		t.Run("before "+between, func(t *testing.T) {
			checkLeaving(t, between == "nothing" || between == "Buffer", func(b *busy, opts ...websocket.Option) http.Handler {
				return handler(consumer(b), silent[string](), opts...)
			})
		})
	}
}

func TestAClientThatLeavesEndsABusyAdapter(t *testing.T) {
	checkLeaving(t, true, func(b *busy, opts ...websocket.Option) http.Handler {
		return websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
			return enumeratee.MapM(func(ctx context.Context, s string) (string, error) { return s, b.wait(ctx) }), nil
		}, opts...)
	})
}

// When the client leaves, a busy Iteratee ends, even while the source sends. The source ends too, even
// while it waits.
func TestAClientThatLeavesEndsBothDirections(t *testing.T) {
	sending := func(size int, pause time.Duration) func(b *busy) enumerator.Enumerator[string] {
		return func(b *busy) enumerator.Enumerator[string] {
			return enumerator.Generate(func(ctx context.Context) (string, bool, error) {
				<-b.started
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
				return strings.Repeat("x", size), true, ctx.Err()
			})
		}
	}
	for source, e := range map[string]func(*busy) enumerator.Enumerator[string]{
		"sends much":   sending(1<<20, 0),
		"sends little": sending(1, time.Millisecond),
		"waits":        sending(1, time.Hour),
	} {
		t.Run("while the source "+source, func(t *testing.T) {
			checkLeaving(t, source == "sends much", func(b *busy, opts ...websocket.Option) http.Handler {
				return handler(busyWith[string](b), e(b), opts...)
			})
		})
	}
}

// checkLeaving checks that the busy function of a handler and the handler end, in each way in which a
// client leaves or, without pings, in those that need no ping.
func checkLeaving(t *testing.T, pings bool, build func(*busy, ...websocket.Option) http.Handler) {
	logged := probe.Logs(t)
	t.Run("a client that leaves", func(t *testing.T) { // returns when all parallel tests have
		for how, way := range ways {
			if way.ping == soon && !pings {
				continue
			}
			t.Run(how, func(t *testing.T) {
				t.Parallel()
				timeout := 50 * time.Millisecond
				if way.ping == soon { // the client must have time to answer pings before it leaves
					timeout = 250 * time.Millisecond
				}
				b := newBusy()
				serve(t, build(b, websocket.Ping(way.ping), websocket.Timeout(timeout))).checkLeaving(b, way.leave)
			})
		}
	})
	assert.Empty(t, logged())
}

func (s *testServer) checkLeaving(b *busy, leave func(*net.TCPConn)) (cause error) {
	s.t.Helper()
	conn := s.dialRaw().(*net.TCPConn)
	write(conn, frame(0x81, 3, "one"))
	receive(s.t, b.started, "the function")
	leave(conn)
	cause = receive(s.t, b.causes, "the end of the context")
	assert.ErrorIs(s.t, cause, httpadapter.ErrClientGone)
	s.checkReturned()
	return cause
}

// A reset is seen at once, without a ping or a timeout.
func TestAResetIsSeenAtOnce(t *testing.T) {
	for _, how := range []string{"with a reset", "after messages, with a reset"} {
		t.Run(how, func(t *testing.T) {
			b := newBusy()
			s := serve(t, handler(busyWith[string](b), silent[string](), websocket.Ping(never), websocket.Timeout(never)))
			assert.NotContains(t, s.checkLeaving(b, ways[how].leave).Error(), "still busy")
		})
	}
}

// Messages that were received before the close are not lost, even if the Iteratee is behind.
func TestAnIterateeThatIsBehindGetsAllMessages(t *testing.T) {
	const messages = 20
	want := make([]string, messages)
	sent := ""
	for i := range want {
		want[i] = fmt.Sprintf("message %02d", i)
		sent += frame(0x81, len(want[i]), want[i])
	}
	for between, adapter := range map[string]enumeratee.Enumeratee[string, string]{
		"nothing": enumeratee.PassAlong[string](),
		"Buffer":  enumeratee.Buffer[string](5),
	} {
		for how, c := range map[string]struct {
			end string
			err error // whether the run fails; any error will do
		}{
			"closes":         {closeFrame, nil},
			"fails":          {frame(0x88, 2, "\x03\xf3"), errBoom},
			"does not close": {"", errBoom},
			"sends too much": {frame(0x81, 1<<20, strings.Repeat("x", 65<<10)), errBoom},
		} {
			t.Run("client that "+how+", before "+between, func(t *testing.T) {
				probe.Logs(t)
				open := make(chan struct{})
				var got []string
				ends := make(chan error, 1)
				consumer := enumeratee.Transform(adapter, iteratee.ForEach(func(ctx context.Context, s string) error {
					select {
					case <-open:
						got = append(got, s)
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}))
				h := handlerOf(func(r *http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[string], error) {
					return telling2(consumer, ends), silent[string](), nil
				})
				s := serve(t, h)
				conn := s.dialRaw().(*net.TCPConn)
				write(conn, sent+c.end)
				require.NoError(t, conn.CloseWrite())
				if c.end != "" { // the answer shows that the end was read
					checkCloseFrame(t, conn)
				}
				close(open)
				s.checkReturned()
				assert.Equal(t, c.err == nil, receive(t, ends, "the end") == nil)
				if c.err == nil || between == "nothing" { // a failure drops the elements that an adapter holds
					assert.Equal(t, want, got)
				}
			})
		}
	}
}

// After the close, each message has its time. The run ends if the Iteratee takes longer for one.
func TestTheTimeAfterTheClose(t *testing.T) {
	for name, c := range map[string]struct {
		opts     []websocket.Option
		duration time.Duration // the time for each message
		messages int
		got      int
		returned time.Duration
	}{
		"each in time":       {nil, 4 * time.Second, 10, 10, 40 * time.Second},
		"one too late":       {nil, 6 * time.Second, 10, 0, 5 * time.Second},
		"with a short time":  {[]websocket.Option{websocket.Timeout(time.Second)}, 2 * time.Second, 10, 0, time.Second},
		"with a longer time": {[]websocket.Option{websocket.Timeout(time.Minute)}, 6 * time.Second, 10, 0, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			got := 0
			slow := iteratee.ForEach(func(ctx context.Context, _ string) error {
				select {
				case <-time.After(c.duration):
					got++
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			inBubble(t, handler(slow, silent[string](), c.opts...), func(t *testing.T, p pipes, returned <-chan time.Duration) {
				conn := p.Dial()
				r := handshake(t, conn)
				go func() { _, _ = io.Copy(io.Discard, r) }()
				write(conn, strings.Repeat(frame(0x81, 1, "x"), c.messages)+closeFrame)
				assert.Equal(t, c.returned, <-returned)
				_ = conn.Close()
			})
			assert.Equal(t, c.got, got)
		})
	}
}

// A message that was sent before the close is answered as if the client were there: a consumer that
// waits until its answer is sent goes on.
func TestAnswersAfterTheCloseAreDropped(t *testing.T) {
	const messages = 10
	for name, build := range map[string]func(note func(string)) http.Handler{
		"of an adapter": func(note func(string)) http.Handler {
			return websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
				return enumeratee.Map(func(s string) string { note(s); return s }), nil
			})
		},
		"through a channel": func(note func(string)) http.Handler {
			return handlerOf(func(*http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[string], error) {
				answers := make(chan string)
				in := enumeratee.Transform(enumeratee.Map(func(s string) string { note(s); return s }), iteratee.ToChan(answers))
				return in, enumerator.FromChan(answers), nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			logged := probe.Logs(t)
			open := make(chan struct{})
			got := 0
			s := serve(t, build(func(string) { <-open; got++ }))
			conn := s.dialRaw()
			write(conn, strings.Repeat(frame(0x81, 1, "x"), messages)+closeFrame)
			checkCloseFrame(t, conn)
			close(open)
			s.checkReturned()
			assert.Equal(t, messages, got)
			assert.Empty(t, logged())
		})
	}
}

func handlerOf(accept func(*http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[string], error), opts ...websocket.Option) http.Handler {
	return websocket.Handler(websocket.Text(), accept, opts...)
}

// telling2 sends the error of the run of consumer to ends, or nil.
func telling2(consumer iteratee.Iteratee[string, struct{}], ends chan<- error) iteratee.Iteratee[string, struct{}] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[string, struct{}], iteratee.Step) {
		r, step := consumer.Start(ctx)
		err := errors.New("stopped")
		iteratee.AtEnd(ctx, func() { ends <- err })
		return iteratee.WithResult(r, func() (a struct{}, _ error) {
			a, err = r.Result()
			return a, err
		}), step
	})
}

// checkCloseFrame checks that the server has read the client's end.
func checkCloseFrame(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	head := make([]byte, 4)
	_, err := io.ReadFull(conn, head)
	require.NoError(t, err)
	require.Equal(t, byte(0x88), head[0])
}
