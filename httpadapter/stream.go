package httpadapter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/fanout"
	"github.com/halley-go/halley/iteratee"
)

// grace is how long the head waits for the first chunk. Until it has left, an error of the source can
// still be answered with a status.
const grace = 50 * time.Millisecond

// stream is the response while it lasts. The run and a timer take turns with it. A server has
// thousands of them, most of them idle, so it is small: a time is a Duration since start.
type stream struct {
	*config
	w       http.ResponseWriter
	r       *http.Request
	length  int64   // the Content-Length, or -1
	encoder Encoder // nil if the stream is not encoded
	release func()  // takes the encoder back
	outcome Outcome
	cancel  context.CancelCauseFunc // ends the run

	// takeOver is set if the stream goes on without net/http and its goroutine. See Fanout.
	takeOver func(leave func()) error
	zip      *fanout.Zip // the state of encoder then; nil if the stream is not encoded

	turn // for the writer and all fields below
	alarm

	start    time.Time
	until    time.Duration // when MaxDuration ends the stream, or 0
	maxQuiet time.Duration // how long nothing may be sent or read, or 0 for any time
	read     atomic.Int64  // when the body was last read, a Duration; never while it is being read
	last     time.Duration // when the run began or something was written
	deadline time.Duration // of a write
	waiting  int           // how many bytes wait for a flush of the stream
	held     int           // how many bytes were written to w since its last flush
	flushAt  time.Duration // when the waiting bytes must be flushed
	err      error         // of the write that has failed, after which nothing is written
	sent     bool          // the head has left
	corked   bool          // the source has more chunks at hand
}

func newStream(w http.ResponseWriter, r *http.Request, c *config) *stream {
	s := &stream{config: c, w: w, r: r, start: time.Now()}
	s.outcome.Reason = Panicked // until it has ended otherwise
	return s
}

// ended notes how the stream has ended.
func (s *stream) ended(reason Reason, err error) (Reason, error) {
	s.outcome.Reason, s.outcome.Err = reason, err
	return reason, err
}

// answer ends a stream that does not begin.
func (s *stream) answer(reason Reason, err error) (Reason, error) {
	s.leaveBody()
	s.writeError(err)
	return s.ended(reason, err)
}

// writeError answers with err in place of the stream.
func (s *stream) writeError(err error) {
	e := statusOf(err)
	if s.content.comeBack == nil || !s.content.comeBack(s, e) {
		e.write(s.w)
	}
}

func (s *stream) report() {
	if s.onEnd != nil {
		s.onEnd(s)
	}
}

func (s *stream) now() time.Duration { return time.Since(s.start) }

func (s *stream) rc() *http.ResponseController { return http.NewResponseController(s.w) }

// run drains e. When it returns or panics, nothing else touches the writer.
func (s *stream) run(e enumerator.Enumerator[[]byte]) (Reason, error) {
	if s.r.Method == http.MethodHead {
		s.leaveBody()
		s.extend()
		s.head() // net/http flushes it: HTTP/2 reports an error for a Flush after the end
		return EndOfSource, nil
	}
	s.outcome.Started = true
	if s.onStart != nil {
		s.onStart(s)
	}
	// Without full duplex, net/http discards the rest of the request's body when the head leaves,
	// while the source may be reading it.
	if s.rc().EnableFullDuplex() == nil {
		defer s.leaveBody()
	}
	s.length = s.contentLength(s.w.Header())
	s.limitQuiet()
	ctx, cancel := s.context()
	defer cancel(nil)
	if shutdown := draining(s.r); shutdown != nil && s.length < 0 {
		defer context.AfterFunc(shutdown, func() { cancel(errDrained) })()
	}
	s.begin(cancel)
	defer s.stop()
	trailers, err := enumerator.Run(ctx, e, s.consumer())
	return s.over(ctx, trailers, err)
}

// context returns the context of the run, and the function that ends it. If only a failed write to a
// writer of net/http could end it, it is the context of the request, which the server ends then. That
// saves half a KiB for each stream.
func (s *stream) context() (context.Context, context.CancelCauseFunc) {
	ctx := s.r.Context()
	if s.counting != nil {
		ctx = s.counting(ctx, s)
	}
	if s.maxQuiet > 0 {
		ctx = context.WithValue(ctx, streamKey{}, s)
	}
	own := s.maxQuiet == 0 && reflect.Indirect(reflect.ValueOf(s.w)).Type().PkgPath() == "net/http"
	if own && s.maxDuration == 0 && draining(s.r) == nil && ctx.Value(http.ServerContextKey) != nil {
		return ctx, func(error) {}
	}
	if s.maxDuration > 0 && s.length < 0 && s.asked() {
		return s.expiring(ctx)
	}
	return context.WithCancelCause(ctx)
}

// asked reports whether the client asks for a go-ahead before it sends the body. From Go 1.26.11 on, a
// write of the head then waits for a read of the body that has begun, and the timer waits for that write.
func (s *stream) asked() bool { return s.r.ProtoMajor == 1 && s.r.Header.Get("Expect") != "" }

// expiring returns a context that ends after MaxDuration, also while the timer waits.
func (s *stream) expiring(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, stop := context.WithTimeoutCause(ctx, s.maxDuration, errExpired)
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, func(cause error) {
		cancel(cause)
		stop()
	}
}

// consumer returns the Iteratee that sends the chunks, and ends with the values of the trailers.
func (s *stream) consumer() iteratee.Iteratee[[]byte, []string] {
	chunks := iteratee.New(func(ctx context.Context) (iteratee.Running[[]byte, []string], iteratee.Step) {
		if s.corks {
			iteratee.OnCork(ctx, s.cork)
		}
		return &consuming{ctx: ctx, s: s}, iteratee.StepCont
	})
	if s.withTrailers == nil {
		return chunks
	}
	all := s.withTrailers(chunks)
	if !s.corks {
		return all
	}
	return iteratee.New(func(ctx context.Context) (iteratee.Running[[]byte, []string], iteratee.Step) {
		iteratee.OnCork(ctx, s.cork) // has no effect in the parts
		return all.Start(ctx)
	})
}

// consuming is the run of a consumer. ForEach would do the same with more on the heap of each stream.
type consuming struct {
	ctx context.Context
	s   *stream
	end iteratee.Step
}

func (c *consuming) Next(chunk []byte) iteratee.Step {
	if c.end.IsCont() {
		c.end = iteratee.Cancelled(c.ctx)
	}
	if c.end.IsCont() {
		if err := c.s.chunk(chunk); err != nil {
			c.end = iteratee.StepError(err)
		}
	}
	return c.end
}

func (*consuming) EOF() iteratee.Step           { return iteratee.StepDone }
func (*consuming) Rest() iteratee.Input[[]byte] { return iteratee.Empty[[]byte]() }
func (*consuming) Result() ([]string, error)    { return nil, nil }

// chunk takes a chunk of the source.
func (s *stream) chunk(chunk []byte) error {
	s.lock()
	defer s.unlock()
	n := len(chunk)
	switch {
	case s.err != nil:
		return s.err
	case n == 0 && s.waiting == 0:
		return nil
	case n == 0:
		return s.send(nil, true)
	case s.length >= 0 && s.outcome.Bytes+int64(n) > s.length:
		return fmt.Errorf("httpadapter: the stream is longer than Content-Length, which is %d: %w", s.length, http.ErrContentLength)
	}
	s.outcome.Chunks++
	s.outcome.Bytes += int64(n)
	send := s.send
	if !s.sent && s.r.ProtoMajor == 1 {
		send = s.sendElsewhere
	}
	err := send(chunk, false)
	if err == nil && s.waiting > 0 {
		s.arm()
	}
	return err
}

// cork is called by the source when it has more chunks at hand, and when the burst is over.
func (s *stream) cork(corked bool) {
	if corked == s.corked {
		return
	}
	s.lock()
	defer s.unlock()
	s.corked = corked
	if corked || s.waiting == 0 {
		return
	}
	if s.send(nil, true) != nil {
		s.cancel(s.err) // the source may not have another chunk for long
		return
	}
	if s.armed && s.timer.Stop() { // it was set for the burst
		s.armed = false
		s.arm()
	}
}

// over returns how the run has ended, and completes the stream if it is complete. ctx is the context
// of the run.
func (s *stream) over(ctx context.Context, trailers []string, err error) (Reason, error) {
	s.lock()
	defer s.unlock()
	reason, ended := endReason(ctx, err)
	switch {
	case s.err != nil:
		return Failed, s.err
	case context.Cause(ctx) == errQuiet:
		return Failed, errQuiet
	case ended:
	case err != nil:
		if s.sent && s.waiting > 0 {
			_ = s.send(nil, true) // the chunks before the failure
		}
		return Failed, err
	default:
		reason = EndOfSource
	}
	return reason, s.finish(trailers)
}

// finish sends the rest of a stream that is complete.
func (s *stream) finish(trailers []string) error {
	if s.length >= 0 && s.outcome.Bytes < s.length {
		return fmt.Errorf("httpadapter: the stream has ended after %d bytes of %d, which is its Content-Length: %w", s.outcome.Bytes, s.length, io.ErrUnexpectedEOF)
	}
	if !s.sent || s.waiting > 0 {
		if err := s.send(nil, true); err != nil {
			return err
		}
	}
	if s.encoder != nil {
		s.extend()
		if err := s.encoder.Close(); err != nil {
			return s.failed(err)
		}
	}
	for i, value := range trailers {
		s.w.Header().Set(s.trailers[i], value)
	}
	return nil
}

// fail makes a response that no client takes for a complete stream. The timer must be stopped.
func (s *stream) fail(err error) error {
	if !s.sent {
		s.writeError(err)
		return nil
	}
	// net/http cannot write the end of the response then, and closes the connection for that
	// reason; on HTTP/2 it resets the stream at once.
	return s.rc().SetWriteDeadline(time.Unix(1, 0))
}

// contentLength returns the Content-Length of the response, or -1.
func (c *config) contentLength(h http.Header) int64 {
	value := h.Get("Content-Length")
	for _, kv := range c.header {
		if kv[0] == "Content-Length" {
			value = kv[1]
		}
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
		return n
	}
	return -1
}
