package httpadapter

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/internal/answer"
	"github.com/halley-go/halley/httpadapter/internal/shared"
)

// Serve sends the chunks of source as the response to r, with status 200. It returns when source has run
// out or has failed, or when the client has left; everything that source holds open is closed by then. On
// HEAD it sends the headers only, and does not run source.
//
// Each chunk is written and flushed at once, by itself. On HTTP/1.1 that makes it one chunk on the wire,
// or several if it is larger than 128 KiB. If source tells by [iteratee.Cork] that several chunks are at
// hand, as a hub does, they are flushed together at the end of the burst or after 10 ms. [FlushInterval]
// and [FlushSize] change that. Empty chunks are skipped. Serve keeps no chunk, so source may use its
// buffer again.
//
// The run starts at once. The head leaves with the first chunk, or alone if no chunk has come within 50
// ms. Each write has a time limit of its own, [WriteTimeout], in place of the limit that http.Server sets
// for the whole response. The end of the response, which net/http writes when the handler returns, has
// such a limit too. So the handler should return soon after Serve.
//
// Serve must be the first to write to w, and nothing else may use w until Serve returns. Serve sets these
// headers, unless w already has them or [Header] sets them:
//
//	Content-Type: application/octet-stream
//	X-Content-Type-Options: nosniff
//	Cache-Control: no-store, no-transform
//	X-Accel-Buffering: no
//
// [EventStream], [NDJSON] and [Comet] set other headers. A header that is in w.Header() with a nil value
// is left out. If Content-Length is set, the response has no chunks on the wire, and a stream of another
// length is an error. source may read the body of r during the run, on HTTP/1 too: Serve enables full
// duplex. If the client asks for a go-ahead with the header Expect, Go 1.26.11 and newer hold back the head
// until the first read of the body returns.
//
// Serve returns the error of source. If the head has not left, the client receives the status, the headers
// and the text of the [StatusError] that the error is or wraps, or a 500 without a reason. If the head has
// left, Serve breaks the connection, or the stream on HTTP/2, so that no client takes the response for a
// complete one; on HTTP/1.0 a client cannot tell. If w does not support write deadlines, which Serve needs
// for that, it logs the error and panics with http.ErrAbortHandler. After a panic of source the response
// is the same as after an error, and the panic goes on.
//
// If the client has left, the error wraps [ErrClientGone] and the cause, which is context.Canceled or the
// error of a write. If the head has not left by then, the status is [StatusClientClosedRequest], for the
// logs.
//
// If w does not support flushing, the client receives a 500, source is not run, and the error wraps
// http.ErrNotSupported. The ResponseWriter of a middleware needs a method Unwrap() http.ResponseWriter. If
// it hides only the deadlines, the stream goes on without them. That is logged once for each type of
// ResponseWriter, and is in the [Outcome].
//
// Serve starts a timer for the head and for the options and, on HTTP/1, a goroutine for the first chunk.
// Both have ended when Serve returns.
//
// Play calls it Status.chunked.
func Serve(w http.ResponseWriter, r *http.Request, source enumerator.Enumerator[[]byte], opts ...Option) error {
	ready := func(*http.Request) (enumerator.Enumerator[[]byte], error) { return source, nil }
	_, err := newStream(w, r, newConfig(opts)).serve(ready, nil)
	return err
}

// Handler returns the http.Handler that calls source with each request, and serves the resulting
// Enumerator as [Serve] does. An error of source is answered like an error of the stream before its head.
// source should return soon, since the stream begins only then. On HEAD Handler calls source too, but does
// not run the Enumerator. So source should not open anything. Handler panics if source is nil.
//
// The methods are GET, HEAD, POST, PUT, PATCH, DELETE and QUERY, with or without a body. source is not
// called for other methods: OPTIONS is answered with a 204 and all others with a 405, both with a header
// Allow that names the methods. A router can allow fewer methods. [Serve] leaves the method to its caller.
//
// Errors are logged by the [Logger] with the method and the path, except those that wrap [ErrClientGone],
// [ErrTooMany] or [ErrDraining]. Errors with a status below 500 are logged as information. Errors with a
// status below 400 are not logged if they were answered.
func Handler(source func(*http.Request) (enumerator.Enumerator[[]byte], error), opts ...Option) http.Handler {
	if source == nil {
		panic("httpadapter: Handler: source must not be nil")
	}
	c := newConfig(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := newStream(w, r, c)
		if c.hear != nil {
			c.hear(s)
		}
		if reason, err := s.serve(source, checkMethod(r)); reason == Failed {
			c.logError(r, err)
		}
	})
}

// checkMethod returns the answer to a request whose method is not one of a stream, and nil otherwise.
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

// serve does the work of Serve and Handler. If refused is not nil, serve answers with it.
func (s *stream) serve(source func(*http.Request) (enumerator.Enumerator[[]byte], error), refused error) (Reason, error) {
	handedOver := false
	defer func() {
		if !handedOver {
			s.report()
		}
	}()
	if refused != nil {
		return s.answer(reasonOf(refused), refused)
	}
	leave, err := s.admit(s.r)
	defer func() {
		if !handedOver {
			leave()
		}
	}()
	if err != nil {
		s.extend() // a handler around this one may have removed the deadline
		return s.answer(Refused, err)
	}
	if err := checkFlush(s.w); err != nil {
		return s.answer(Failed, err)
	}

	// A panic is not recovered here, so it keeps its stack. A middleware may recover it and return as
	// if nothing had happened.
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
	if s.takeOver != nil {
		if err = s.takeOver(leave); err == nil {
			handedOver = true
			return "", nil
		}
	}
	if socket, ok := s.w.(shared.Socket); ok {
		cause := err
		if reason == Drained {
			cause = ErrDraining
		}
		socket.End(cause)
	}

	s.extend() // for what net/http writes after the handler
	if err == nil {
		return s.ended(reason, nil)
	}
	// This comes before fail, since breaking an HTTP/2 stream ends the request's context too.
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

// reasonOf tells whether err is an answer or a failure.
func reasonOf(err error) Reason {
	if statusOf(err).Status < 400 {
		return Answered
	}
	return Failed
}

// checkFlush returns an error if http.ResponseController.Flush would return one. A call of Flush
// would send the head.
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

// logError logs err, except an error that tells that the client has left or was refused.
func (c *config) logError(r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrClientGone), errors.Is(err, ErrTooMany), errors.Is(err, ErrDraining):
	default:
		logError(c.logger, r, "httpadapter: stream failed", err)
	}
}
