package websocket

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// A CloseError is a close code with a reason of at most 123 bytes of UTF-8. If an Iteratee or a
// source fails with a CloseError, the connection is closed with that code and reason.
type CloseError = coder.CloseError

// Handler returns the http.Handler that opens a WebSocket for each request. accept returns the
// Iteratee for the incoming messages and the Enumerator of the outgoing ones. The package's
// documentation describes how the connection ends. The result of the Iteratee is dropped;
// iteratee.MapM can process it.
//
// If accept returns an error, httpadapter.Error answers the request. A page does not learn the status of that
// answer. If the error is or wraps a [CloseError], the connection is opened and then closed with that code and
// reason, which the page learns. A request that does not ask for a WebSocket gets a 426, and a request from a
// page of another origin a 403: see [Origins]. accept is called before that check, so it should not change
// anything.
//
// The Iteratee and the Enumerator run in a goroutine each. A third goroutine reads, and a fourth one
// pings. All four have ended when the handler returns. A panic of the Iteratee or of the Enumerator
// reaches the handler's caller.
//
// Errors go to the [Logger]: as errors if the client was sent code 1011, and as information otherwise.
// Errors that wrap httpadapter.ErrClientGone are not logged. Handler panics if accept is nil.
//
// Play calls it WebSocket.using and tryAccept.
func Handler[In, Out, A any](format Format[In, Out], accept func(*http.Request) (iteratee.Iteratee[In, A], enumerator.Enumerator[Out], error), opts ...Option) http.Handler {
	if accept == nil {
		panic("httpadapter/websocket: Handler: accept must not be nil")
	}
	c := newConfig(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = c.negotiate(r)
		consumer, source, err := accept(r)
		if err != nil {
			c.refuse(w, r, err)
			return
		}
		c.serve(w, r, func(s *socket) []side {
			return []side{
				func(ctx context.Context) error {
					_, err := enumerator.Run(ctx, incoming(s, format), consumer)
					return err
				},
				func(ctx context.Context) error {
					_, err := enumerator.Run(ctx, source, outgoing(s, format))
					return err
				},
			}
		})
	})
}

// Adapter is like [Handler], but accept returns an Enumeratee that makes the outgoing messages from
// the incoming ones. When the Enumeratee stops, the connection is closed with code 1000. Both
// directions are one run, so the Enumeratee gets a message only after all its output for the one
// before has been written.
//
// Play calls it WebSocket.adapter.
func Adapter[In, Out any](format Format[In, Out], accept func(*http.Request) (enumeratee.Enumeratee[In, Out], error), opts ...Option) http.Handler {
	if accept == nil {
		panic("httpadapter/websocket: Adapter: accept must not be nil")
	}
	c := newConfig(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = c.negotiate(r)
		adapter, err := accept(r)
		if err != nil {
			c.refuse(w, r, err)
			return
		}
		c.serve(w, r, func(s *socket) []side {
			return []side{func(ctx context.Context) error {
				_, err := enumerator.Run(ctx, enumerator.Through(incoming(s, format), adapter), outgoing(s, format))
				return err
			}}
		})
	})
}

// refuse answers a request for which accept has returned err.
func (c config) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if _, ok := errors.AsType[CloseError](err); !ok {
		httpadapter.Error(w, r, err)
		return
	}
	c.serve(w, r, func(*socket) []side { return []side{func(context.Context) error { return err }} })
}

// open opens the connection. If it returns an error, the request has been answered.
func (c config) open(w http.ResponseWriter, r *http.Request) (*coder.Conn, *hijacker, error) {
	h := &hijacker{ResponseWriter: w, timeout: c.timeout, subprotocol: Subprotocol(r)}
	if canHijack(w) {
		w = h
	}
	conn, err := coder.Accept(w, r, &c.accept)
	if err != nil {
		return nil, h, err
	}
	conn.SetReadLimit(c.limit)
	return conn, h, nil
}

// serve opens the connection, runs its sides and closes it.
func (c config) serve(w http.ResponseWriter, r *http.Request, sides func(*socket) []side) {
	conn, h, err := c.open(w, r)
	if err != nil {
		logFailure(r, c.logger.InfoContext, err)
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	s := newSocket(c, r, conn, h.conn, ctx)
	defer conn.CloseNow() // usually it is closed already
	request, shutdown := context.WithCancelCause(r.Context())
	defer shutdown(nil)
	defer context.AfterFunc(httpadapter.Draining(r), func() { shutdown(httpadapter.ErrDraining) })()
	err = s.run(request, sides(s))
	if s.dropped > 1 {
		logError(r, c.logger.ErrorContext, "messages dropped", fmt.Errorf("%d messages could not be encoded", s.dropped))
	}
	if err != nil {
		log := c.logger.InfoContext
		if (ending{err: err}).closeError().Code == coder.StatusInternalError {
			log = c.logger.ErrorContext // the client does not know the reason
		}
		logFailure(r, log, err)
	}
}

// logFunc is a method of an ErrorLogger.
type logFunc func(ctx context.Context, msg string, args ...any)

func logFailure(r *http.Request, log logFunc, err error) {
	if !errors.Is(err, httpadapter.ErrClientGone) {
		logError(r, log, "connection failed", err)
	}
}

func logError(r *http.Request, log logFunc, text string, err error) {
	log(r.Context(), "httpadapter/websocket: "+text, "path", r.URL.Path, "error", err)
}
