package httpadapter

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/internal/answer"
)

// Serve drains e into the response to r, with status 200, and returns when all is
// over: when e has run out, has failed, or the client has gone. What e holds open
// is closed by then. On HEAD it sends the headers only, and e is not run.
//
// Every chunk is written and flushed at once and by itself, which on HTTP/1.1 makes
// it one chunk on the wire, or several if it is larger than 128 KiB. Where the source tells by
// [iteratee.Cork] that several are at hand, as a hub does, they are flushed once, at the end of
// the burst or after 10 ms. [FlushInterval] and [FlushSize] change that. Empty chunks are
// skipped. Serve keeps no chunk: a source may use its buffer again.
//
// Each write has its own time, [WriteTimeout], in place of the one that http.Server sets for the
// whole response. It measures progress and not size. The end of the response, which net/http
// writes when the handler returns, has such a time too: the handler should return soon after
// Serve.
//
// The run starts at once. The head leaves with the first chunk, or by itself if that
// has not come within 50 ms. For that, and for what Options add, Serve has a timer,
// and on HTTP/1 the first chunk has a goroutine of its own. They have ended when Serve
// returns. Until then w belongs to Serve, which
// must be the first to write to it. Serve sets these headers unless w has them
// already, or [Header] sets them:
//
//	Content-Type: application/octet-stream
//	X-Content-Type-Options: nosniff
//	Cache-Control: no-store, no-transform
//	X-Accel-Buffering: no
//
// [EventStream], [NDJSON] and [Comet] have others. A key that is in w.Header() with a
// nil value is left out. If Content-Length is set, the response has no chunks on the
// wire, and a stream of another length is an error. The source may read the body of r
// during the run, also on HTTP/1: Serve enables full duplex.
//
// An error of the source is what Serve returns. If the head has not left, the
// client gets the status, the headers and the text of the [StatusError] that it is or wraps,
// otherwise a 500 that does not say why. If it has, the connection is broken (on
// HTTP/2, the stream), whatever the handler does next, so that no client takes what
// it got for the whole; HTTP/1.0 cannot tell. If w supports no write deadlines,
// which breaking needs, Serve logs the error and panics with http.ErrAbortHandler.
// A panic of the source does to the response what an error does, and goes on.
//
// If the client has gone, the error wraps [ErrClientGone] and the cause, which is
// context.Canceled or the error of a write. If the head has not left by then, the status
// is [StatusClientClosedRequest], for the logs. If w or what it wraps cannot flush, e
// is not run, the client gets a 500, and the error wraps http.ErrNotSupported: a
// middleware's ResponseWriter needs a method Unwrap() http.ResponseWriter. If it hides
// no more than the deadlines, the stream goes on without them: that is logged, once for
// each type of ResponseWriter, and is in the [Outcome].
func Serve(w http.ResponseWriter, r *http.Request, e enumerator.Enumerator[[]byte], opts ...Option) error {
	ready := func(*http.Request) (enumerator.Enumerator[[]byte], error) { return e, nil }
	_, err := newStream(w, r, newConfig(opts)).serve(ready, nil)
	return err
}

// Handler returns the http.Handler that serves what source makes of each request,
// as [Serve] does. If source fails, that is answered as an early error of the stream is.
// source is called on HEAD as well, though what it returns is not run: it should
// open nothing. It should return soon, since the stream begins only then. Handler panics if source is nil.
//
// The methods are GET, HEAD, POST, PUT, PATCH, DELETE and QUERY, with or without a body. For
// any other source is not called: OPTIONS gets a 204, the rest a 405, and both a header Allow
// that names the methods. A router can allow less. [Serve] leaves the method to its caller.
//
// Errors go to the [Logger], with the method and the path, except those that wrap
// [ErrClientGone], [ErrTooMany] or [ErrDraining]. Those with a status below 500 are only
// information, and those below 400 that were answered are not logged.
func Handler(source func(*http.Request) (enumerator.Enumerator[[]byte], error), opts ...Option) http.Handler {
	if source == nil {
		panic("httpadapter: Handler: source must not be nil")
	}
	c := newConfig(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := newStream(w, r, c)
		s.hear()
		if reason, err := s.serve(source, checkMethod(r)); reason == Failed {
			c.logError(r, err)
		}
	})
}

// checkMethod returns the answer to a request whose method is not for a stream, nil if it is. The
// others may have a body, or say nothing about it.
func checkMethod(r *http.Request) error {
	status := http.StatusMethodNotAllowed
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "QUERY":
		return nil
	case http.MethodOptions:
		status = http.StatusNoContent
	}
	return &StatusError{Status: status, Header: http.Header{"Allow": {"GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, QUERY"}}}
}

// serve is Serve and Handler. If refused is not nil, it is the answer.
func (s *stream) serve(source func(*http.Request) (enumerator.Enumerator[[]byte], error), refused error) (Reason, error) {
	defer s.report()
	if refused != nil {
		return s.answer(reasonOf(refused), refused)
	}
	leave, err := s.admit(s.r)
	defer leave()
	if err != nil {
		return s.answer(Refused, err)
	}
	if err := checkFlush(s.w); err != nil {
		return s.answer(Failed, err)
	}

	// Nothing is recovered, so a panic keeps its stack; but a middleware may recover
	// it and return as if all were well.
	panicked := true
	defer func() {
		if panicked {
			_ = s.fail(nil)
		}
	}()
	e, err := source(s.r)
	reason := Failed
	if err == nil {
		reason, err = s.run(e)
	} else {
		s.leaveBody()
	}
	panicked = false

	s.extend() // for what net/http writes after the handler
	if err == nil {
		return s.ended(reason, nil)
	}
	// Asked now, since breaking an HTTP/2 stream ends the request's context too.
	err = orGone(s.r, err)
	if errors.Is(err, ErrClientGone) {
		reason = ClientGone
	} else if !s.sent {
		reason = reasonOf(err)
	}
	s.ended(reason, err)
	if errors.Is(s.fail(err), http.ErrNotSupported) {
		s.logError(s.r, err)
		panic(http.ErrAbortHandler)
	}
	return reason, err
}

// reasonOf tells an error that is answered from one that is a failure.
func reasonOf(err error) Reason {
	if statusOf(err).Status < 400 {
		return Answered
	}
	return Failed
}

// checkFlush looks for what http.ResponseController.Flush would call, since once
// that has been tried the head has left.
func checkFlush(w http.ResponseWriter) error {
	for {
		switch t := w.(type) {
		case *answer.Writer:
			w = t.ResponseWriter
		case interface{ FlushError() error }, http.Flusher:
			return nil
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return fmt.Errorf("httpadapter: %T cannot flush; if it wraps another ResponseWriter it needs a method Unwrap() http.ResponseWriter: %w", w, http.ErrNotSupported)
		}
	}
}

func (c *config) log() *slog.Logger {
	if c.logger == nil {
		return slog.Default()
	}
	return c.logger
}

func (c *config) logError(r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrClientGone), errors.Is(err, ErrTooMany), errors.Is(err, ErrDraining):
	default:
		c.log().Log(r.Context(), levelOf(statusOf(err).Status), "httpadapter: stream failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
}
