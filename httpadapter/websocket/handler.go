package websocket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// A CloseError is a close code with a reason of at most 123 bytes of UTF-8. An Iteratee, or a
// source, that fails with one closes the connection with it; the client sees both.
type CloseError = coder.CloseError

// Handler returns the http.Handler that makes a WebSocket of each request: accept returns
// the Iteratee of what comes in and the Enumerator of what goes out. What ends the
// connection is in the documentation of the package. The result of the Iteratee is
// dropped: what is to be done with it, iteratee.MapM does.
//
// An error of accept is the answer to the request, as httpadapter.Error gives it; a
// request that asks for no WebSocket gets a 426, and one that another origin's page has
// made a 403: see [Origins]. accept is called before that is known, so it should change
// nothing.
//
// The Iteratee and the Enumerator run in a goroutine each, a third one reads, and a fourth one
// pings. All have ended when the handler returns. A panic of the Iteratee or of the
// Enumerator reaches the handler's caller. Errors
// go to slog's default logger: those that the client cannot know the reason of as errors,
// others as information, and those that wrap httpadapter.ErrClientGone not at all.
// Handler panics if accept is nil.
//
// It is Play's WebSocket.using and tryAccept. There, a failure of either side is ignored,
// and a source that runs out leaves the connection open.
func Handler[In, Out, A any](format Format[In, Out], accept func(*http.Request) (iteratee.Iteratee[In, A], enumerator.Enumerator[Out], error), opts ...Option) http.Handler {
	if accept == nil {
		panic("httpadapter/websocket: Handler: accept must not be nil")
	}
	c := newConfig(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		it, e, err := accept(r)
		if err != nil {
			httpadapter.Error(w, r, err)
			return
		}
		c.serve(w, r, func(s *socket) []side {
			return []side{
				func(ctx context.Context) error { _, err := enumerator.Run(ctx, incoming(s, format), it); return err },
				func(ctx context.Context) error { _, err := enumerator.Run(ctx, e, outgoing(s, format)); return err },
			}
		})
	})
}

// Adapter is [Handler] for what goes out being made of what comes in: it returns the
// http.Handler that puts the Enumeratee that accept returns between the two. The
// connection is closed with code 1000 when that stops. Both directions are one run, so the
// Enumeratee gets a message when all that it made of the one before is written.
//
// It is Play's WebSocket.adapter.
func Adapter[In, Out any](format Format[In, Out], accept func(*http.Request) (enumeratee.Enumeratee[In, Out], error), opts ...Option) http.Handler {
	if accept == nil {
		panic("httpadapter/websocket: Adapter: accept must not be nil")
	}
	c := newConfig(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := accept(r)
		if err != nil {
			httpadapter.Error(w, r, err)
			return
		}
		c.serve(w, r, func(s *socket) []side {
			return []side{func(ctx context.Context) error {
				_, err := enumerator.Run(ctx, enumerator.Through(incoming(s, format), t), outgoing(s, format))
				return err
			}}
		})
	})
}

// serve opens the connection, runs its sides and closes it.
func (c config) serve(w http.ResponseWriter, r *http.Request, sides func(*socket) []side) {
	h := &hijacker{ResponseWriter: w, timeout: c.timeout}
	if canHijack(w) {
		w = h
	}
	conn, err := coder.Accept(w, r, &c.accept)
	if err != nil { // the request is answered
		logFailure(r, slog.LevelInfo, err)
		return
	}
	conn.SetReadLimit(c.limit)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	s := newSocket(c, r, conn, h.conn, ctx)
	defer conn.CloseNow() // whatever happens; usually it is closed
	request, shutdown := context.WithCancelCause(r.Context())
	defer shutdown(nil)
	defer context.AfterFunc(httpadapter.Draining(r), func() { shutdown(httpadapter.ErrDraining) })()
	err = s.run(request, sides(s))
	if s.dropped > 1 {
		logError(r, slog.LevelError, "messages dropped", fmt.Errorf("%d messages could not be encoded", s.dropped))
	}
	if err != nil {
		level := slog.LevelInfo
		if (ending{err: err}).closeError().Code == coder.StatusInternalError {
			level = slog.LevelError // the client was not told more
		}
		logFailure(r, level, err)
	}
}

func logFailure(r *http.Request, level slog.Level, err error) {
	if !errors.Is(err, httpadapter.ErrClientGone) {
		logError(r, level, "connection failed", err)
	}
}

func logError(r *http.Request, level slog.Level, text string, err error) {
	slog.Log(r.Context(), level, "httpadapter/websocket: "+text, "path", r.URL.Path, "error", err)
}
