package httpadapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// ErrClientGone is what an error of [Serve] wraps when the client has left, or has
// not made room for a chunk within [WriteTimeout]. It is no fault of the source.
var ErrClientGone = errors.New("httpadapter: client has gone")

// grace is how long the head waits for the first chunk: until then an error of the
// source can still be a 500.
const grace = 50 * time.Millisecond

// Serve drains e into the response to r, with status 200, and returns when all is
// over: when e has run out, has failed, or the client has gone. What e holds open
// is closed by then. On HEAD it sends the headers only, and e is not run.
//
// Every chunk is written and flushed at once and by itself, which on HTTP/1.1 makes
// it one chunk on the wire. Empty ones are skipped. Serve keeps no chunk: a source
// may use its buffer again. Each write has a deadline of its own, [WriteTimeout],
// in place of the one that http.Server sets for the whole response. The last is for
// the end of the response, which net/http writes when the handler returns: it should
// return soon after Serve.
//
// The run starts at once. The head leaves with the first chunk, or by itself if that
// has not come within 50 ms. For that Serve has a timer whose goroutine has ended
// when Serve returns. Until then w belongs to Serve, which must be the first to write
// to it. Serve sets these headers unless w has them already, or [Header] sets them:
//
//	Content-Type: application/octet-stream
//	X-Content-Type-Options: nosniff
//	Cache-Control: no-store, no-transform
//	X-Accel-Buffering: no
//
// A key that is in w.Header() with a nil value is left out. The source may read
// the body of r during the run, also on HTTP/1: Serve enables full duplex.
//
// An error of the source is what Serve returns. If the head has not left, the
// client gets a 500 that does not say why. If it has, the connection is broken (on
// HTTP/2, the stream), whatever the handler does next, so that no client takes what
// it got for the whole; HTTP/1.0 cannot tell. If w supports no write deadlines,
// which breaking needs, Serve logs the error and panics with http.ErrAbortHandler.
// A panic of the source does to the response what an error does, and goes on.
//
// If the client has gone, the error wraps [ErrClientGone] and the cause, which is
// context.Canceled or the error of a write. If w or what it wraps cannot flush, e
// is not run, the client gets a 500, and the error wraps http.ErrNotSupported: a
// middleware's ResponseWriter needs a method Unwrap() http.ResponseWriter.
func Serve(w http.ResponseWriter, r *http.Request, e enumerator.Enumerator[[]byte], opts ...Option) error {
	ready := func(*http.Request) (enumerator.Enumerator[[]byte], error) { return e, nil }
	return serve(w, r, ready, newConfig(opts))
}

// Handler returns the http.Handler that serves what source makes of each request,
// as [Serve] does. If source fails, the client gets a 500 that does not say why.
// source is called on HEAD as well, though what it returns is not run: it should
// open nothing. Handler panics if source is nil.
//
// Errors go to slog's default logger, with the method and the path, except those
// that wrap [ErrClientGone].
func Handler(source func(*http.Request) (enumerator.Enumerator[[]byte], error), opts ...Option) http.Handler {
	if source == nil {
		panic("httpadapter: Handler: source must not be nil")
	}
	c := newConfig(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logError(r, serve(w, r, source, c))
	})
}

func serve(w http.ResponseWriter, r *http.Request, source func(*http.Request) (enumerator.Enumerator[[]byte], error), c config) error {
	if err := checkFlush(w); err != nil {
		internalServerError(w)
		return err
	}
	s := &stream{w: w, rc: http.NewResponseController(w), config: c}

	// Nothing is recovered, so a panic keeps its stack; but a middleware may recover
	// it and return as if all were well.
	panicked := true
	defer func() {
		if panicked {
			_ = s.fail()
		}
	}()
	e, err := source(r)
	if err == nil {
		err = s.run(r, e)
	}
	panicked = false

	s.extend() // for what net/http writes after the handler
	if err == nil {
		return nil
	}
	// Asked now, since breaking an HTTP/2 stream ends the request's context too.
	if context.Cause(r.Context()) == context.Canceled && !errors.Is(err, ErrClientGone) {
		err = fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	if errors.Is(s.fail(), http.ErrNotSupported) {
		logError(r, err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// stream is the response while it lasts. It belongs to the run, except that the
// timer may send the head before the run has claimed it.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
	config

	timer    *time.Timer
	timed    chan struct{} // closed once the timer is over
	panicked any           // what the timer has recovered

	sent bool  // the head has left
	err  error // of the write that failed, after which there is none
}

// run drains e. Nothing else touches the writer any more when it returns or panics.
func (s *stream) run(r *http.Request, e enumerator.Enumerator[[]byte]) error {
	if r.Method == http.MethodHead {
		e = enumerator.Empty[[]byte]()
	}
	// Or net/http throws away what is left of the request's body when the head
	// leaves, while the source may be reading it.
	_ = s.rc.EnableFullDuplex()

	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	s.timed = make(chan struct{})
	s.timer = time.AfterFunc(grace, func() {
		defer close(s.timed)
		defer func() {
			if s.panicked = recover(); s.panicked != nil { // the writer of some middleware
				s.err = errors.New("httpadapter: panic while the head was written")
			}
			if s.err != nil {
				cancel(s.err)
			}
		}()
		_ = s.send(nil)
	})
	defer func() {
		s.claim()
		if s.panicked != nil {
			panic(s.panicked)
		}
	}()

	if _, err := enumerator.Run(ctx, e, iteratee.ForEach(s.chunk)); err != nil {
		return err
	}
	if s.claim(); s.sent {
		return s.err
	}
	return s.send(nil)
}

// claim stops the timer, or waits for it if it is sending the head. A mutex would do
// as well, but holds up the clock of a synctest bubble.
func (s *stream) claim() {
	if s.timer.Stop() {
		close(s.timed)
	}
	<-s.timed
}

func (s *stream) chunk(_ context.Context, chunk []byte) error {
	if len(chunk) == 0 {
		return nil
	}
	s.claim()
	return s.send(chunk)
}

// send writes and flushes a chunk, and the head before the first; without a chunk,
// the head alone.
func (s *stream) send(chunk []byte) error {
	if s.err != nil {
		return s.err
	}
	// A writer that knows no deadlines does without. Afterwards there is none: on
	// HTTP/2 an expired one resets the stream even if nothing is being written.
	s.extend()
	if !s.sent {
		s.sent = true
		s.setHeader(s.w.Header())
		s.w.WriteHeader(http.StatusOK)
	}
	var err error
	if len(chunk) > 0 {
		_, err = s.w.Write(chunk)
	}
	if err == nil {
		err = s.rc.Flush()
	}
	_ = s.rc.SetWriteDeadline(time.Time{})
	switch {
	case err == nil:
	case errors.Is(err, http.ErrNotSupported), errors.Is(err, http.ErrContentLength):
		s.err = fmt.Errorf("httpadapter: write: %w", err)
	default:
		s.err = fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	return s.err
}

// fail makes a response that no client takes for a complete stream. The timer must
// be over.
func (s *stream) fail() error {
	if !s.sent {
		internalServerError(s.w)
		return nil
	}
	// net/http cannot write the end of the response any more, and closes the
	// connection because of that; on HTTP/2 it resets the stream right now.
	return s.rc.SetWriteDeadline(time.Unix(1, 0))
}

// extend gives the next write its time.
func (s *stream) extend() { _ = s.rc.SetWriteDeadline(time.Now().Add(s.timeout)) }

// checkFlush looks for what http.ResponseController.Flush would call, since once
// that has been tried the head has left.
func checkFlush(w http.ResponseWriter) error {
	for {
		switch t := w.(type) {
		case interface{ FlushError() error }, http.Flusher:
			return nil
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return fmt.Errorf("httpadapter: %T cannot flush; if it wraps another ResponseWriter it needs a method Unwrap() http.ResponseWriter: %w", w, http.ErrNotSupported)
		}
	}
}

func internalServerError(w http.ResponseWriter) {
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

func logError(r *http.Request, err error) {
	if err != nil && !errors.Is(err, ErrClientGone) {
		slog.ErrorContext(r.Context(), "httpadapter: stream failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
}
