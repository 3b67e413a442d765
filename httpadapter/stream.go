package httpadapter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/guard"
)

// grace is how long the head waits for the first chunk: until then an error of the
// source can still be a 500.
const grace = 50 * time.Millisecond

// stream is the response while it lasts. The run and a timer take turns with it. There are
// thousands of them, most of them idle, so it is small: a time is a Duration from start on.
type stream struct {
	*config
	w       http.ResponseWriter
	r       *http.Request
	length  int64   // as the headers say, -1 if they do not
	encoder Encoder // nil if the stream is not encoded
	coding  *coding // of the encoder
	outcome Outcome

	turn // for whoever may touch the writer and what follows

	// The timer sends what is due: the head, what waits to be flushed, a heartbeat. It
	// is set again only when it has fired or something is due earlier, so that a chunk
	// does not pay for it.
	timer    *time.Timer
	armed    bool
	stopped  bool          // it must not do anything any more
	sent     bool          // the head has left
	at       time.Duration // when it fires, if it is armed
	timed    chan struct{} // closed by it when it is stopped, if it was on its way
	panicked any           // what it has recovered
	cancel   context.CancelCauseFunc

	start    time.Time
	until    time.Duration // when it is told to end, zero for never
	maxQuiet time.Duration // how long nothing may be sent or read, zero for any time
	read     atomic.Int64  // when the body was read last, a Duration; never while it is
	last     time.Duration // when the run began or something was written
	deadline time.Duration // of a write
	waiting  int           // bytes that are not flushed
	held     int           // bytes written to w since its last flush
	flushAt  time.Duration // when they must be
	corked   bool          // more chunks come at once
	err      error         // of the write that failed, after which there is none
}

// turn is a lock for which all get their turn: a run that always has another chunk would not let
// the timer have a sync.Mutex. Waiting for that would also hold up the clock of a synctest bubble,
// which waiting for a Cond does not.
type turn struct {
	mu   sync.Mutex
	next uint32     // the number of who comes next
	now  uint32     // the number of who has it or, if nobody has, of who will
	free *sync.Cond // nil if nobody has had to wait yet
}

func (t *turn) lock() {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.next
	t.next++
	for mine != t.now {
		if t.free == nil {
			t.free = sync.NewCond(&t.mu)
		}
		t.free.Wait()
	}
}

func (t *turn) unlock() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now++
	if t.free != nil {
		t.free.Broadcast()
	}
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
	statusOf(err).write(s.w)
	return s.ended(reason, err)
}

func (s *stream) report() {
	s.outcome.Duration = s.now()
	for _, f := range s.onEnd {
		f(s.r, s.outcome)
	}
}

func (s *stream) now() time.Duration { return time.Since(s.start) }

func (s *stream) rc() *http.ResponseController { return http.NewResponseController(s.w) }

// run drains e. Nothing else touches the writer any more when it returns or panics.
func (s *stream) run(e enumerator.Enumerator[[]byte]) (Reason, error) {
	if s.r.Method == http.MethodHead {
		s.leaveBody()
		s.extend()
		s.head() // to be flushed by net/http: HTTP/2 takes a Flush after the end for an error
		return EndOfSource, nil
	}
	// Or net/http throws away what is left of the request's body when the head
	// leaves, while the source may be reading it.
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

// context returns the context of the run, and what ends it. Where only a writer of net/http that
// has failed could do that, it is the request's: the server ends that then, and a context less is
// half a KiB less for each stream.
func (s *stream) context() (context.Context, context.CancelCauseFunc) {
	ctx := s.r.Context()
	if s.maxQuiet > 0 {
		return context.WithCancelCause(context.WithValue(ctx, streamKey{}, s))
	}
	own := reflect.Indirect(reflect.ValueOf(s.w)).Type().PkgPath() == "net/http"
	if own && s.maxDuration == 0 && draining(s.r) == nil && ctx.Value(http.ServerContextKey) != nil {
		return ctx, func(error) {}
	}
	return context.WithCancelCause(ctx)
}

// over is called when the run whose context is ctx has ended.
func (s *stream) over(ctx context.Context, trailers []string, err error) (Reason, error) {
	s.lock()
	defer s.unlock()
	reason, stopped := told(ctx, err)
	switch {
	case s.err != nil:
		return Failed, s.err
	case context.Cause(ctx) == errQuiet:
		return Failed, errQuiet
	case stopped:
	case err != nil:
		if s.sent && s.waiting > 0 {
			_ = s.send(nil, true) // what came before
		}
		return Failed, err
	default:
		reason = EndOfSource
	}
	return reason, s.finish(trailers)
}

// begin sets the timer.
func (s *stream) begin(cancel context.CancelCauseFunc) {
	s.lock()
	defer s.unlock()
	s.cancel = cancel
	s.last = s.now()
	if s.maxDuration > 0 && s.length < 0 {
		s.until = s.last + s.maxDuration - rand.N(s.maxDuration/5+1)
	}
	s.armed, s.at = true, s.last+grace
	s.timer = time.AfterFunc(grace, s.tick)
}

// stop stops the timer, or waits for it if it is on its way.
func (s *stream) stop() {
	s.lock()
	s.stopped = true
	if s.armed && !s.timer.Stop() {
		s.timed = make(chan struct{})
	}
	s.unlock()
	if s.timed != nil {
		<-s.timed
	}
	if s.encoder != nil {
		s.coding.giveBack(s.encoder)
	}
	if s.panicked != nil {
		panic(s.panicked)
	}
}

// tick is what the timer does.
func (s *stream) tick() {
	s.lock()
	defer s.unlock()
	if s.stopped {
		close(s.timed)
		return
	}
	s.armed = false
	guard.Run(theWriter, s.sendDue, func(panicked any) { // the writer of some middleware
		if s.panicked = panicked; s.err != nil {
			s.cancel(s.err)
			return
		}
		s.arm()
	})
}

// theWriter is who is at fault in the timer, and in sendElsewhere, for [guard.Run].
const theWriter = "httpadapter: the ResponseWriter"

func (s *stream) sendDue() {
	now := s.now()
	switch {
	case s.until > 0 && now >= s.until:
		s.until = 0
		s.cancel(errExpired)
	case !s.sent, s.waiting > 0 && now >= s.flushAt:
		_ = s.send(nil, true)
	case s.beats() && now >= s.last+s.beatEvery:
		_ = s.send(s.beat, true)
	case s.maxQuiet > 0 && now >= s.quietUntil(now):
		s.maxQuiet = 0
		s.cancel(errQuiet)
	}
}

// arm sets the timer for what is due next.
func (s *stream) arm() {
	at := s.due()
	if at == never || s.armed && (at >= s.at || !s.timer.Stop()) {
		return // nothing is, or the timer fires in time, or is on its way and arms itself
	}
	s.armed, s.at = true, at
	s.timer.Reset(at - s.now())
}

const never = math.MaxInt64

func (s *stream) due() time.Duration {
	at := time.Duration(never)
	if s.until > 0 {
		at = s.until
	}
	switch {
	case !s.sent:
		at = min(at, s.last+grace)
	case s.waiting > 0:
		at = min(at, s.flushAt)
	case s.beats():
		at = min(at, s.last+s.beatEvery)
	case s.maxQuiet > 0:
		at = min(at, s.quietUntil(s.now()))
	}
	return at
}

// beats reports whether there are heartbeats. In a stream with a length there is no room
// for them.
func (s *stream) beats() bool { return s.beatEvery > 0 && len(s.beat) > 0 && s.length < 0 }

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
		return s.tooLong()
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

// cork is told whether more chunks come at once.
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
		s.cancel(s.err) // the source may wait for long
		return
	}
	if s.armed && s.timer.Stop() { // for the burst, which is over
		s.armed = false
		s.arm()
	}
}

func (s *stream) tooLong() error {
	return fmt.Errorf("httpadapter: the stream is longer than Content-Length, which is %d: %w", s.length, http.ErrContentLength)
}

// sendElsewhere is send in a goroutine of its own. For the head, net/http needs 3 KiB of stack: here
// that would make it grow from 8 KiB to 16, for as long as the stream lasts.
func (s *stream) sendElsewhere(chunk []byte, flush bool) (err error) {
	var panicked any
	done := make(chan struct{})
	go guard.Run(theWriter, func() { err = s.send(chunk, flush) }, func(v any) {
		panicked = v
		close(done)
	})
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return err
}

// send writes the head if that has not left, and the chunk if there is one. It flushes
// if so much waits that it must, or if told to. After a panic it does nothing.
func (s *stream) send(chunk []byte, flush bool) error {
	if s.err == nil {
		s.err = errPanicked
		s.err = s.write(chunk, flush)
	}
	return s.err
}

var errPanicked = errors.New(theWriter + " has panicked")

func (s *stream) write(chunk []byte, flush bool) error {
	s.extend()
	if !s.sent {
		s.head()
		flush = flush || s.corks // also in a burst: the next chunk is sent from another stack
	}
	if len(chunk) > 0 {
		if s.waiting == 0 {
			s.flushAt = s.last + s.flushInterval
		}
		s.waiting += len(chunk)
		var err error
		if s.encoder != nil {
			_, err = s.encoder.Write(chunk)
		} else {
			err = s.writePieces(chunk)
		}
		if err != nil {
			return s.failed(err)
		}
	}
	if flush || s.waiting >= s.flushSize && !s.corked {
		if err := s.flush(); err != nil {
			return s.failed(err)
		}
	}
	if s.r.ProtoMajor > 1 {
		// An expired deadline resets a stream of HTTP/2 even if nothing is being written.
		_ = s.rc().SetWriteDeadline(time.Time{})
		s.deadline = 0
	}
	return nil
}

func (s *stream) head() {
	s.sent = true
	s.setHeader(s.w.Header())
	if s.encode != nil {
		s.coding = s.encode(s.r, s.w.Header())
	}
	if s.coding != nil && s.r.Method != http.MethodHead {
		s.encoder = s.coding.encoder(encoded{s})
	}
	s.w.WriteHeader(http.StatusOK)
}

func (s *stream) flush() error {
	if s.encoder != nil && s.waiting > 0 {
		if err := s.encoder.Flush(); err != nil {
			return err
		}
	}
	s.waiting = 0
	return s.flushWriter()
}

func (s *stream) failed(err error) error {
	switch {
	case errors.Is(err, http.ErrNotSupported), errors.Is(err, http.ErrContentLength):
		s.err = fmt.Errorf("httpadapter: write: %w", err)
	case s.r.Context().Err() != nil && errors.Is(err, context.Cause(s.r.Context())): // see writePieces
		s.err = err
	default:
		s.err = fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	return s.err
}

// finish sends what is left of a stream that is complete.
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
		s.w.Header().Set(s.trailers[i].key, value)
	}
	return nil
}

// fail makes a response that no client takes for a complete stream. The timer must
// be over.
func (s *stream) fail(err error) error {
	if !s.sent {
		statusOf(err).write(s.w)
		return nil
	}
	// net/http cannot write the end of the response any more, and closes the
	// connection because of that; on HTTP/2 it resets the stream right now.
	return s.rc().SetWriteDeadline(time.Unix(1, 0))
}

// extend gives the next write its time. What is left of the one before is enough if that is three
// quarters: to set a deadline costs a tenth of what a write does.
func (s *stream) extend() {
	s.last = s.now()
	if s.deadline-s.last >= s.timeout-s.timeout/4 || s.outcome.NoDeadlines {
		return
	}
	s.deadline = s.last + s.timeout
	if err := s.rc().SetWriteDeadline(s.start.Add(s.deadline)); errors.Is(err, http.ErrNotSupported) {
		s.outcome.NoDeadlines = true
		s.warn()
	}
}

// warned holds the types of the ResponseWriters that were warned of.
var warned sync.Map

// warn says once for each type of writer what its users could otherwise learn only from
// streams that are cut or hang.
func (s *stream) warn() {
	if _, before := warned.LoadOrStore(reflect.TypeOf(s.w), true); before {
		return
	}
	s.log().WarnContext(s.r.Context(), "httpadapter: a ResponseWriter hides write deadlines: a client that stops reading is not noticed, "+
		"and http.Server.WriteTimeout cuts streams; if it wraps another it needs a method Unwrap() http.ResponseWriter",
		"type", fmt.Sprintf("%T", s.w), "method", s.r.Method, "path", s.r.URL.Path)
}

// contentLength is what the headers say, -1 if they do not.
func (c *config) contentLength(h http.Header) int64 {
	value := h.Get("Content-Length")
	for _, kv := range c.header {
		if http.CanonicalHeaderKey(kv[0]) == "Content-Length" {
			value = kv[1]
		}
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
		return n
	}
	return -1
}
