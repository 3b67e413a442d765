package httpadapter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// bodyChunk is the size of the largest chunk of a body.
const bodyChunk = 32 << 10

// A BodyOption changes how [Body], parse.Body and parse.Action read a request's body.
type BodyOption func(*bodyConfig)

type bodyConfig struct {
	w          http.ResponseWriter
	limit      int64
	timeout    time.Duration // of one read
	whole      time.Duration // of a run; 0 for no limit
	fullDuplex bool
	needsW     string // an option that needs Writer, or ""
}

// MaxBytes limits the number of bytes of a body. By default there is no limit, since Body keeps nothing.
// If more bytes come, the run ends with status 413. If the request declares a longer body, nothing is
// read. MaxBytes panics if limit is negative.
func MaxBytes(limit int64) BodyOption {
	check.NotNegative("httpadapter: MaxBytes: limit", limit)
	return func(c *bodyConfig) { c.limit = limit }
}

// Writer sets the ResponseWriter of the request, through which deadlines and full duplex are set. With
// it each read has a deadline, [ReadTimeout], and the end of the run's context interrupts a read.
// parse.Action sets it.
func Writer(w http.ResponseWriter) BodyOption { return func(c *bodyConfig) { c.w = w } }

// ReadTimeout sets how long one read of the body may wait for the client. It is 10 s by default. A
// longer wait ends the run with status 408. It replaces the deadline that http.Server sets for the
// whole request.
//
// Any byte that arrives counts as progress. So an upload of any size may take as long as it needs, and
// only [BodyTimeout] stops a client that sends a byte now and then. Over TLS a whole record has to
// arrive, which has up to 16 KiB, and on HTTP/2 a whole frame: see MaxReadFrameSize of
// [net/http.HTTP2Config].
//
// ReadTimeout needs [Writer]. It panics if d is not positive.
func ReadTimeout(d time.Duration) BodyOption {
	check.Positive("httpadapter: ReadTimeout: d", d)
	return func(c *bodyConfig) { c.timeout, c.needsW = d, "ReadTimeout" }
}

// BodyTimeout limits the time from the beginning of a run to the end of the body, however steadily the
// client sends. By default there is no limit. A longer time ends the run with status 408. The time that
// the Iteratee takes counts too.
//
// BodyTimeout needs [Writer]. It panics if d is not positive.
func BodyTimeout(d time.Duration) BodyOption {
	check.Positive("httpadapter: BodyTimeout: d", d)
	return func(c *bodyConfig) { c.whole, c.needsW = d, "BodyTimeout" }
}

// FullDuplex allows the body to be read while the response is being written, on HTTP/1 too. Without
// FullDuplex, net/http reads or closes the rest of the body on HTTP/1 before the head of the response
// leaves. [Serve] enables full duplex by itself. Many clients, such as browsers, do not read a response
// before they have sent the request.
//
// The run fails with http.ErrNotSupported if the ResponseWriter does not support full duplex. If a run
// ends before the body does, the connection is closed after the response on HTTP/1. FullDuplex needs
// [Writer].
func FullDuplex() BodyOption {
	return func(c *bodyConfig) { c.fullDuplex, c.needsW = true, "FullDuplex" }
}

// Body returns the Enumerator of the body of r. Its chunks have at most 32 KiB each, and are not
// overwritten later. A run continues where the run before has stopped, and only one run may read at a
// time.
//
// These errors end a run. Each is a [StatusError], which [Error] can answer:
//
//	400  the body is cut short, or is malformed
//	408  a read has taken longer than ReadTimeout, or the run has taken longer than BodyTimeout
//	413  the body has more bytes than MaxBytes
//
// The error of a body that is cut short wraps [ErrClientGone] too. The body must be read before the
// handler returns and, unless it is in [FullDuplex], before the handler answers; a later read fails with
// http.ErrBodyReadAfterClose.
//
// If the run ends before the body does, the rest of the body stays unread. net/http reads a part of it
// after the handler, within the deadline of one more read, and closes the connection if there is more.
// Body panics if an option needs [Writer] and opts do not have it.
//
// In Play the server feeds the body to a body parser, to which a body that is cut short looks like a
// complete one.
func Body(r *http.Request, opts ...BodyOption) enumerator.Enumerator[[]byte] {
	c := bodyConfig{limit: math.MaxInt64, timeout: 10 * time.Second}
	for _, opt := range opts {
		opt(&c)
	}
	if c.w == nil && c.needsW != "" {
		panic("httpadapter: Body: " + c.needsW + " needs the option Writer")
	}
	if r.Body == nil {
		return enumerator.Empty[[]byte]()
	}
	src := http.MaxBytesReader(c.w, r.Body, c.limit) // counts the bytes of all runs
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		b := &body{ctx: ctx, r: r, src: src, bodyConfig: c, stream: streamOf(ctx)}
		if c.whole > 0 {
			b.until = time.Now().Add(c.whole)
		}
		if c.w != nil {
			b.rc = http.NewResponseController(c.w)
			defer b.leave()
		}
		if r.ContentLength > c.limit {
			return iteratee.StepError(tooLong(c.limit))
		}
		if c.fullDuplex {
			if err := b.rc.EnableFullDuplex(); err != nil {
				return iteratee.StepError(fmt.Errorf("httpadapter: full duplex: %w", err))
			}
		}
		size := bodyChunk
		if 0 < r.ContentLength && r.ContentLength < bodyChunk {
			size = int(r.ContentLength)
		}
		step := enumerator.FromReader(b, size).Into(ctx, sink)
		// A read that fails can end the context of the request too.
		if b.err != nil && ctx.Err() != nil && errors.Is(step.Err(), context.Cause(ctx)) {
			return iteratee.StepError(b.err)
		}
		return step
	})
}

// body is one run over a request's body.
type body struct {
	bodyConfig
	ctx context.Context
	r   *http.Request
	src io.Reader
	rc  *http.ResponseController // nil without Writer

	stream *stream // which is told of reads; nil for none

	until time.Time // the end of BodyTimeout, or zero

	eof bool
	err error // of the Read that has failed, or nil
}

func (b *body) Read(p []byte) (int, error) {
	deadline := time.Now().Add(b.timeout)
	if !b.until.IsZero() && b.until.Before(deadline) {
		deadline = b.until
	}
	if b.rc != nil {
		_ = b.rc.SetReadDeadline(deadline) // not every ResponseWriter supports it
		// An interrupt came before this and is noticed here, or it comes later and replaces the deadline.
		if b.ctx.Err() != nil {
			return 0, context.Cause(b.ctx)
		}
	}
	if b.stream != nil {
		b.stream.reading()
		defer b.stream.hasRead()
	}
	n, err := b.src.Read(p)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		b.eof = true
		return n, err
	case b.rc != nil && b.ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(deadline):
		return n, context.Cause(b.ctx) // interrupted
	}
	b.err = b.classify(err)
	return n, b.err
}

// SetReadDeadline is called by FromReader to interrupt a Read.
func (b *body) SetReadDeadline(t time.Time) error {
	if b.rc == nil {
		return http.ErrNotSupported
	}
	return b.rc.SetReadDeadline(t)
}

// leave sets the deadline for the reads of net/http that follow: of the rest of the body, or, if the
// body has ended, of the next request, which may take any time.
func (b *body) leave() {
	next := time.Time{}
	if !b.eof {
		next = time.Now().Add(b.timeout)
		if b.fullDuplex && b.r.ProtoMajor == 1 {
			closeAfterReply(b.w) // see leaveBody
		}
	}
	_ = b.rc.SetReadDeadline(next)
}

// classify returns the error of a read with its status.
func (b *body) classify(err error) error {
	var long *http.MaxBytesError
	var status *StatusError
	var conn *net.OpError
	switch {
	case errors.As(err, &status), errors.Is(err, http.ErrBodyReadAfterClose):
		return err
	case errors.As(err, &long):
		return tooLong(long.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &StatusError{Status: http.StatusRequestTimeout, Err: fmt.Errorf("httpadapter: body: %w", err)}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &conn), b.r.Context().Err() != nil:
		err = fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	return &StatusError{Status: http.StatusBadRequest, Err: fmt.Errorf("httpadapter: body: %w", err)}
}

func tooLong(limit int64) error {
	return &StatusError{
		Status: http.StatusRequestEntityTooLarge,
		Text:   fmt.Sprintf("the limit is %d bytes", limit),
		Err:    &http.MaxBytesError{Limit: limit},
	}
}
