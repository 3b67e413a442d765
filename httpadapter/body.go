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

// A BodyOption changes how [Body], [Parse] and [Action] read a request's body.
type BodyOption func(*bodyConfig)

type bodyConfig struct {
	w          http.ResponseWriter
	limit      int64
	timeout    time.Duration // of one read
	whole      time.Duration // of a run; 0 for none
	fullDuplex bool
	needsW     string // the option that needs Writer
}

// MaxBytes sets how many bytes a body may have; there is no limit by default, since
// Body keeps nothing. One byte more ends the run with status 413: before anything is
// read if the request says its length. It panics if n is negative.
func MaxBytes(limit int64) BodyOption {
	check.NotNegative("httpadapter: MaxBytes: limit", limit)
	return func(c *bodyConfig) { c.limit = limit }
}

// Writer names the response to the same request: deadlines are set through it, and
// full duplex. With it each read has a deadline, [ReadTimeout], and the end of the
// run's context interrupts a read. [Action] sets it.
func Writer(w http.ResponseWriter) BodyOption { return func(c *bodyConfig) { c.w = w } }

// ReadTimeout sets how long one read of the body may wait for the client; it is 10 s by
// default. Longer ends the run with status 408. It takes the place of the deadline that
// http.Server sets for the whole request. Whatever arrives is progress, so an upload of
// any size may take as long as it needs, and a client that sends a byte now and then is
// never late for it, but for [BodyTimeout]. Over TLS a whole record has to arrive, which
// is up to 16 KiB, and on HTTP/2 a whole frame: see MaxReadFrameSize of
// [net/http.HTTP2Config]. It needs [Writer]. It panics if d is not positive.
func ReadTimeout(d time.Duration) BodyOption {
	check.Positive("httpadapter: ReadTimeout: d", d)
	return func(c *bodyConfig) { c.timeout, c.needsW = d, "ReadTimeout" }
}

// BodyTimeout sets how long the whole body may take, from when a run begins; there is no
// limit by default. Longer ends the run with status 408, however busy the client is: so
// nobody holds a handler up by a byte now and then. What the Iteratee takes its time for
// counts too. It needs [Writer]. It panics if d is not positive.
func BodyTimeout(d time.Duration) BodyOption {
	check.Positive("httpadapter: BodyTimeout: d", d)
	return func(c *bodyConfig) { c.whole, c.needsW = d, "BodyTimeout" }
}

// FullDuplex lets the body be read while the response is being written, also on
// HTTP/1, where net/http otherwise reads the rest of the body, or closes it, before the
// head of the response leaves. The run fails with http.ErrNotSupported if w cannot.
// [Serve] enables it by itself. It needs [Writer]. Many clients, browsers among them,
// do not read a response before they have sent the request. On HTTP/1 the connection is
// closed after the response if a run of the body has not come to its end.
func FullDuplex() BodyOption {
	return func(c *bodyConfig) { c.fullDuplex, c.needsW = true, "FullDuplex" }
}

// Body returns the Enumerator of the body of r, in chunks of at most 32 KiB, each
// memory of its own. What one run has read is not there for another, and only one run
// may read at a time.
//
// These errors end the run. Each is a [StatusError], for [Error] to answer with:
//
//	408  a read has waited for longer than ReadTimeout, or all for longer than BodyTimeout
//	413  there are more bytes than MaxBytes
//	400  the body is cut short, or is not what its framing says
//
// That of a body that is cut short wraps [ErrClientGone] too. The body must be read
// before the handler returns and, unless it is in [FullDuplex], before it answers;
// reading later fails with http.ErrBodyReadAfterClose.
//
// If the run ends before the body does, what is left stays unread. net/http reads a part
// of it after the handler, within the deadline of one more read, and closes the
// connection if there is more. Body panics if an option needs [Writer] and that is not
// there.
//
// It is what Play's server feeds a body parser with; there a body that is cut short looks
// like one that has ended.
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
	src := http.MaxBytesReader(c.w, r.Body, c.limit) // counts all runs together
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
		// A read that fails can end the context of the request, too.
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

	stream *stream // that the run is of, nil if that does not ask

	until time.Time // by BodyTimeout; zero without

	eof bool
	err error // of the Read that has failed
}

func (b *body) Read(p []byte) (int, error) {
	deadline := time.Now().Add(b.timeout)
	if !b.until.IsZero() && b.until.Before(deadline) {
		deadline = b.until
	}
	if b.rc != nil {
		_ = b.rc.SetReadDeadline(deadline) // a writer that knows no deadlines does without
		// An interrupt either came before and is seen here, or comes after this deadline.
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

// SetReadDeadline is how FromReader interrupts a Read.
func (b *body) SetReadDeadline(t time.Time) error {
	if b.rc == nil {
		return http.ErrNotSupported
	}
	return b.rc.SetReadDeadline(t)
}

// leave sets the deadline for who reads next: net/http, if there is more of the body.
// At its end, net/http has begun to wait for the client's next request, or for its
// leaving, which takes any time.
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

// classify gives an error of a read its status.
func (b *body) classify(err error) error {
	var max *http.MaxBytesError
	var status *StatusError
	var conn *net.OpError
	switch {
	case errors.As(err, &status), errors.Is(err, http.ErrBodyReadAfterClose):
		return err
	case errors.As(err, &max):
		return tooLong(max.Limit)
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
