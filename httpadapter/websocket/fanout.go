package websocket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/internal/shared"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/fanout"
	"github.com/halley-go/halley/iteratee"
)

// Fanout returns an http.Handler that opens a WebSocket for each request, and sends one source to all clients. It is
// [github.com/halley-go/halley/httpadapter.Fanout] for WebSockets: a connection that waits takes about a KiB and no
// goroutine, and each element is encoded once for all clients.
//
// source, encode and start are those of httpadapter.Fanout, but encode makes messages. A text message that is not UTF-8
// is dropped, and the first such message is logged. If several servers share the handler, the log is that of the server
// whose client was about to get the message. An error of start refuses the request, as an error of accept in [Handler]
// does. Fanout reads the messages of clients and drops them, also text that is not UTF-8.
//
// On Linux, a connection without TLS is taken from net/http when the client has got its first Items. The handler returns
// then. Before that, nothing is read from the client, so only a ping shows that the client has left. All other
// connections are those of Handler and get the same messages: connections with TLS, with [Compression] if the client
// allows it, through the ResponseWriter of a middleware, of types other than *net.TCPConn, and on other systems. The
// Logger gets each reason once, as information. A connection stays one of Handler too if its first Item has no Position,
// or if its client has not got all earlier Items within the time of [Timeout].
//
// Fanout closes a connection as Handler does: with code 1000 if source has run out or the time of MaxDuration is over,
// with 1001 if the server shuts down, and with 1011 after an error or a panic. An error that is or wraps a [CloseError]
// sets the code and the reason. A close frame of the client is answered. A client that breaks the protocol gets code 1002.
// A client whose message has more than [MaxMessage] bytes gets code 1009.
//
// A connection that was taken over differs from one of Handler as follows:
//
//   - httpadapter.Fanout describes what happens to a client that is behind or that stops reading. WriteTimeout is
//     [Timeout].
//   - Pings are sent to all clients together, when no message was sent for the time of [Ping]. A client counts as gone
//     if it has sent nothing between two pings that are at least Timeout apart. If encode has made no message of the last
//     element, the messages that encode makes of a Bookmark come before the ping.
//   - A client that has sent more than 64 KiB within a minute, pings and pongs included, gets code 1008.
//   - A client that stops reading gets the answer to its last ping only.
//   - At the end, the server waits 5 s for the close frame of the client.
//
// [Stream] sets options of package httpadapter. In the Outcome of OnEnd, Chunks counts messages, and Bytes counts the
// bytes of frames. If the client has closed the connection, the Reason is ClientGone.
//
// httpadapter.Shutdown ends all connections and waits for them, also those that were not taken over or whose source has not
// begun. http.Server.Shutdown does not wait for them, and ends them only if httpadapter.Drain was called. For the goroutines
// see httpadapter.Fanout.
//
// Fanout panics if source or start is nil.
func Fanout[E any](
	source enumerator.Source[E],
	encode enumeratee.Enumeratee[enumerator.Item[E], Message],
	start func(*http.Request) (after enumerator.Position, last int, err error),
	opts ...Option,
) http.Handler {
	check.NotNil("httpadapter/websocket: Fanout: source", source)
	if start == nil {
		panic("httpadapter/websocket: Fanout: start must not be nil")
	}
	c := newConfig(opts)
	h := httpadapter.Fanout(source, enumeratee.Compose(encode, framing(c.logger)), refusing(start), append(c.stream,
		httpadapter.WriteTimeout(c.timeout),
		httpadapter.Heartbeat(c.ping, fanout.AppendFrame(nil, fanout.OpPing, nil)),
		httpadapter.Logger(c.logger),
	)...).(shared.Sockets)
	h.ForSockets(&fanout.WebSocket{MaxMessage: c.limit, Close: closeOf})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = c.negotiate(r)
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		u := &upgrade{ResponseWriter: w, config: c, request: r, cancel: cancel}
		defer u.close()
		h.ServeHTTP(u, r.WithContext(ctx))
	})
}

// framing returns the adapter that makes frames of messages.
func framing(logger httpadapter.ErrorLogger) enumeratee.Enumeratee[Message, []byte] {
	var once sync.Once
	return enumeratee.Defer(func(ctx context.Context) (enumeratee.Enumeratee[Message, []byte], error) {
		return enumeratee.FilterMap(func(m Message) ([]byte, bool) {
			op := byte(fanout.OpText)
			if m.Binary {
				op = fanout.OpBinary
			} else if !utf8.Valid(m.Data) {
				once.Do(func() {
					logger.ErrorContext(ctx, "httpadapter/websocket: Fanout: message dropped", "error", errNotUTF8)
				})
				return nil, false
			}
			return fanout.AppendFrame(nil, op, m.Data), true
		}), nil
	})
}

// refusing returns start with each CloseError in a StatusError. A request that does not ask for a WebSocket gets this
// status.
func refusing(start func(*http.Request) (enumerator.Position, int, error)) func(*http.Request) (enumerator.Position, int, error) {
	return func(r *http.Request) (after enumerator.Position, last int, err error) {
		after, last, err = start(r)
		if _, ok := errors.AsType[CloseError](err); ok {
			err = &httpadapter.StatusError{Status: http.StatusForbidden, Err: err}
		}
		return after, last, err
	}
}

// closeOf returns the code and the reason for the close frame of a stream that ends with err.
func closeOf(err error) (code uint16, reason string) {
	switch err {
	case fanout.ErrExpired:
		err = nil
	case fanout.ErrDrained:
		err = CloseError{Code: coder.StatusGoingAway}
	}
	how := ending{err: err}.closeError()
	return uint16(how.Code), how.Reason
}

// errPanicked is the end of a connection whose stream has panicked.
var errPanicked = errors.New("httpadapter/websocket: Fanout: the stream has panicked")

// upgrade is the ResponseWriter of a request for a WebSocket. Until Open, it writes to the ResponseWriter of net/http.
// After Open, it writes frames to the connection. After Stay, it sends the frames as messages of a socket, which reads the
// connection.
type upgrade struct {
	http.ResponseWriter
	config
	request *http.Request
	cancel  context.CancelCauseFunc // of the stream

	answered bool
	conn     *coder.Conn // nil if there is no connection
	wire     *hijacker
	taken    bool
	ended    bool

	socket  *socket // nil until Stay
	ends    chan error
	done    chan struct{} // closed when socket is closed
	partial []byte        // of a frame
}

func (u *upgrade) Underlying() http.ResponseWriter { return u.ResponseWriter }

func (u *upgrade) Open() (reason string, err error) {
	u.answered = true
	u.conn, u.wire, err = u.open(u.ResponseWriter, u.request)
	if err != nil {
		status := u.wire.status
		if status == 0 {
			status = http.StatusNotImplemented // the ResponseWriter cannot be hijacked
		}
		return "", &httpadapter.StatusError{Status: status, Err: err}
	}
	if u.Header().Get("Sec-WebSocket-Extensions") != "" {
		return "permessage-deflate", nil
	}
	return "", nil
}

func (u *upgrade) WriteHeader(status int) {
	if !u.answered {
		u.answered = status >= http.StatusOK
		u.ResponseWriter.WriteHeader(status)
	}
}

func (u *upgrade) Write(p []byte) (int, error) {
	switch {
	case u.wire == nil:
		return u.ResponseWriter.Write(p)
	case u.conn == nil:
		return len(p), nil // the request has been answered
	case u.socket == nil:
		return u.wire.conn.Write(p)
	}
	n := len(p)
	if len(u.partial) > 0 {
		u.partial = append(u.partial, p...)
		p = u.partial
	}
	for {
		h, size := fanout.ParseHeader(p)
		if size == 0 || int64(len(p)-size) < h.Length {
			break
		}
		payload := p[size:][:h.Length]
		p = p[size:][h.Length:]
		var err error
		switch h.Op() { // the socket sends pings of its own
		case fanout.OpText:
			err = u.socket.send(coder.MessageText, payload)
		case fanout.OpBinary:
			err = u.socket.send(coder.MessageBinary, payload)
		}
		if err != nil {
			return 0, err
		}
	}
	if len(p) != len(u.partial) {
		u.partial = bytes.Clone(p)
	}
	return n, nil
}

// FlushError has nothing to do after Open.
func (u *upgrade) FlushError() error {
	if u.wire == nil {
		return http.NewResponseController(u.ResponseWriter).Flush()
	}
	return nil
}

// SetWriteDeadline has nothing to do after Open, because a steadyConn has deadlines of its own.
func (u *upgrade) SetWriteDeadline(t time.Time) error {
	if u.wire == nil {
		return http.NewResponseController(u.ResponseWriter).SetWriteDeadline(t)
	}
	return nil
}

func (u *upgrade) Take() (net.Conn, []byte) {
	u.taken = true
	return u.wire.conn.Conn, u.wire.input
}

func (u *upgrade) Stay() {
	if u.conn == nil || u.socket != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(u.request.Context()))
	u.socket = newSocket(u.config, u.request, u.conn, u.wire.conn, ctx)
	u.ends, u.done = make(chan error, 1), make(chan struct{})
	go func() {
		defer close(u.done)
		defer cancel()
		// The error is that of the stream, or says that the client has broken the protocol.
		_ = u.socket.run(u.request.Context(), []side{u.drop, u.wait})
	}()
}

// drop drops the messages of the client.
func (u *upgrade) drop(ctx context.Context) error {
	format := Format[struct{}, struct{}]{
		decode: func(coder.MessageType, []byte) (none struct{}, _ error) { return none, nil },
	}
	_, err := enumerator.Run(ctx, incoming(u.socket, format), iteratee.Ignore[struct{}]())
	return err
}

// wait waits until the stream ends, or ends it when the client has left.
func (u *upgrade) wait(ctx context.Context) error {
	select {
	case err := <-u.ends:
		return err
	case <-ctx.Done():
	}
	cause := context.Cause(ctx)
	if !errors.Is(cause, httpadapter.ErrClientGone) {
		cause = fmt.Errorf("%w: %w", httpadapter.ErrClientGone, context.Canceled)
	}
	u.cancel(cause)
	return cause
}

func (u *upgrade) End(err error) {
	if _, refused := errors.AsType[CloseError](err); refused && !u.answered {
		if _, err := u.Open(); err != nil {
			return
		}
	}
	if u.conn == nil || u.taken || u.ended {
		return
	}
	u.ended = true
	if errors.Is(err, httpadapter.ErrDraining) {
		err = CloseError{Code: coder.StatusGoingAway}
	}
	u.Stay()
	u.ends <- err
	<-u.done
}

// close closes a connection that is open because of a panic, and releases the memory of one that was taken.
func (u *upgrade) close() {
	u.End(errPanicked)
	if u.conn != nil {
		_ = u.conn.CloseNow()
	}
}
