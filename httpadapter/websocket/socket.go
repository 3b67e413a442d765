package websocket

import (
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// socket is an open connection.
//
// The library tears a connection down when the context of a read or a write ends. The contexts of
// the runs end before the connection is closed properly, so they are not used for reads and writes.
type socket struct {
	config
	request *http.Request
	conn    *coder.Conn
	wire    *steadyConn
	ctx     context.Context // of reads and writes
	over    chan struct{}   // closed when the connection is closed
	closing atomic.Bool     // messages are no longer read
	reads   atomic.Int64    // odd while a read waits for the client; changes with each part that arrives
	writing atomic.Bool
	dropped int // the number of messages that could not be encoded

	messages chan message  // read and not taken
	ahead    atomic.Int64  // the bytes of messages
	taken    chan struct{} // receives a value when a message is taken
	readOver chan struct{} // closed after readErr is set
	readErr  error
}

// A message comes from the client, and is not decoded.
type message struct {
	kind coder.MessageType
	data []byte
}

// maxAhead is the number of messages that are read ahead of the Iteratee. [MaxMessage] limits their
// bytes.
const maxAhead = 64

func newSocket(c config, r *http.Request, conn *coder.Conn, wire *steadyConn, ctx context.Context) *socket {
	return &socket{
		config: c, request: r, conn: conn, wire: wire, ctx: ctx, over: make(chan struct{}),
		messages: make(chan message, maxAhead), taken: make(chan struct{}, 1), readOver: make(chan struct{}),
	}
}

// A side is a run that lasts as long as the connection.
type side func(context.Context) error

// The parties that can end a connection. An [Adapter] has no source.
const (
	consumer = iota
	source
	reader
	pinger
	server
)

var (
	// errOver stops the runs when the connection is over.
	errOver = errors.New("httpadapter/websocket: the connection is over")

	// errBusy stops an Iteratee that does not end in time after the client has.
	errBusy = fmt.Errorf("%w, and the Iteratee is still busy", httpadapter.ErrClientGone)
)

type ending struct {
	side     int
	err      error
	panicked any
}

// run runs all sides until the first has ended, closes the connection, and waits for the others. It
// returns the errors to log.
func (s *socket) run(request context.Context, sides []side) error {
	ctx, cancel := context.WithCancelCause(request)
	defer cancel(nil)
	ends := make(chan ending, len(sides)+2)
	for i, side := range sides {
		end := ending{side: i}
		go guard.Run("httpadapter/websocket: a function of the stream", func() {
			end.err = side(ctx)
			if ctx.Err() != nil && end.err != nil && stop.Only(end.err) {
				end.err = context.Cause(ctx)
			}
		}, func(panicked any) {
			end.panicked = panicked
			ends <- end
		})
	}
	var helpers sync.WaitGroup
	help := func(side int, f func() error) {
		helpers.Go(func() {
			if err := f(); err != nil {
				ends <- ending{side: side, err: fmt.Errorf("%w: %w", httpadapter.ErrClientGone, err)}
			}
		})
	}
	help(reader, func() error { return s.read(cancel) })
	help(pinger, s.ping)

	var first ending
	running := len(sides)
	select {
	case first = <-ends:
		if first.side < len(sides) {
			running--
		}
	case <-request.Done():
		first = ending{side: server, err: context.Cause(request)}
	}
	how := first.closeError()
	if request.Err() != nil && errors.Is(first.err, context.Cause(request)) {
		how = CloseError{Code: coder.StatusGoingAway}
	}
	switch gone := errors.Is(first.err, httpadapter.ErrClientGone); {
	case gone && first.panicked == nil:
		cancel(first.err)
		s.closing.Store(true)
		s.conn.CloseNow()
	case first.side == source && first.err == nil && first.panicked == nil:
		// The Iteratee gets EOF, and has time to react.
		defer time.AfterFunc(s.timeout, func() { cancel(errOver) }).Stop()
		s.close(how)
	default:
		cancel(errOver)
		s.close(how)
	}
	close(s.over)

	errs, panicked := []error{first.err}, first.panicked
	for running > 0 {
		end := <-ends
		if end.side >= len(sides) {
			continue
		}
		running--
		errs = append(errs, end.err)
		if panicked == nil {
			panicked = end.panicked
		}
	}
	helpers.Wait()
	if panicked != nil {
		panic(panicked)
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		return errors.Is(err, errOver) || errors.Is(err, httpadapter.ErrClientGone) ||
			request.Err() != nil && errors.Is(err, context.Cause(request))
	})...)
}

func (s *socket) close(how CloseError) {
	s.closing.Store(true)
	// Close waits a short time for the client to close too. Its error means that the client is gone.
	s.conn.Close(how.Code, how.Reason)
}

// closeError returns the code and reason to send to the client.
func (e ending) closeError() CloseError {
	var how CloseError
	switch {
	case e.panicked != nil:
		return CloseError{Code: coder.StatusInternalError}
	case e.err == nil:
		return CloseError{Code: coder.StatusNormalClosure}
	case errors.As(e.err, &how) && maySend(how):
		return how
	case errors.Is(e.err, coder.ErrMessageTooBig):
		return CloseError{Code: coder.StatusMessageTooBig}
	}
	return CloseError{Code: coder.StatusInternalError}
}

// maySend reports whether c fits a close frame.
func maySend(c CloseError) bool {
	const maxReason = 123
	standard := c.Code >= coder.StatusNormalClosure && c.Code <= coder.StatusBadGateway &&
		c.Code != 1004 && c.Code != coder.StatusNoStatusRcvd && c.Code != coder.StatusAbnormalClosure
	return (standard || c.Code >= 3000 && c.Code <= 4999) && len(c.Reason) <= maxReason && utf8.ValidString(c.Reason)
}

// read reads ahead of the Iteratee, since only a read sees the end of the connection. If the client
// has ended it, the Iteratee goes on as long as it keeps taking messages that were received, and is
// cancelled otherwise. If the connection is lost, read returns the error.
func (s *socket) read(cancel context.CancelCauseFunc) error {
	s.readErr = s.readAhead()
	close(s.readOver)
	close(s.messages)
	switch {
	case s.closing.Load():
		return nil
	case !ended(s.readErr):
		return s.readErr
	}
	for {
		select {
		case <-s.over:
			return nil
		case <-s.taken:
		case <-time.After(min(s.timeout, maxBusy)):
			cancel(errBusy)
			return nil
		}
	}
}

// maxBusy is the time that an Iteratee may take for a message after the client has ended.
const maxBusy = 5 * time.Second

// readAhead puts messages into s.messages until one cannot be read.
func (s *socket) readAhead() error {
	for {
		m, err := s.next()
		if err != nil || s.closing.Load() {
			return err
		}
		size := int64(len(m.data))
		for s.ahead.Load() > 0 && s.ahead.Load()+size > s.limit {
			select {
			case <-s.taken:
			case <-s.over:
				return errOver
			}
		}
		s.ahead.Add(size)
		select {
		case s.messages <- m:
		case <-s.over:
			return errOver
		}
	}
}

// next reads a message.
func (s *socket) next() (m message, err error) {
	s.reads.Add(1)
	defer s.reads.Add(1)
	kind, r, err := s.conn.Reader(s.ctx)
	if err != nil {
		return m, err
	}
	data, err := io.ReadAll(parts{r, s})
	if err == nil && s.wire.ended.Load() {
		err = io.ErrUnexpectedEOF // the library takes a compressed message for complete if the connection ends in its last frame
	}
	return message{kind, data}, err
}

// parts counts the parts of a message in s.reads. They are small, since the Reader waits until it
// has filled b.
type parts struct {
	io.Reader
	s *socket
}

func (p parts) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b[:min(len(b), 4<<10)])
	p.s.reads.Add(2)
	return n, err
}

// ended reports whether err, from a read, means that the client sends nothing more, and not that the
// connection is lost. All messages from the client have been received then.
func ended(err error) bool {
	return coder.CloseStatus(err) != -1 || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, coder.ErrMessageTooBig) || malformed(err)
}

// malformed reports whether err, from a read, means that a compressed message cannot be decompressed.
func malformed(err error) bool {
	_, ok := errors.AsType[flate.CorruptInputError](err)
	return ok
}

// closed reports whether err, from a read, means that the client has closed the stream.
func closed(err error) bool {
	switch coder.CloseStatus(err) {
	case coder.StatusNormalClosure, coder.StatusGoingAway, coder.StatusNoStatusRcvd:
		return true
	}
	return false
}

// incoming returns the source of the messages from the client.
func incoming[In, Out any](s *socket, format Format[In, Out]) enumerator.Enumerator[In] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[In]) iteratee.Step {
		for {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
			select {
			case <-ctx.Done():
				continue
			case m, ok := <-s.messages:
				if !ok {
					return s.end(ctx)
				}
				s.take(m)
				in, err := format.decode(m.kind, m.data)
				if err != nil {
					return iteratee.StepError(err)
				}
				if step := sink.Next(in); !step.IsCont() {
					return step
				}
			}
		}
	})
}

// take tells read that m has been taken.
func (s *socket) take(m message) {
	s.ahead.Add(-int64(len(m.data)))
	select {
	case s.taken <- struct{}{}:
	default:
	}
}

// end returns the last answer of the source of the messages from the client.
func (s *socket) end(ctx context.Context) iteratee.Step {
	switch err := s.readErr; {
	case s.closing.Load():
		return iteratee.Cancelled(ctx) // ctx has ended, unless the Iteratee is to get EOF
	case closed(err):
		return iteratee.StepCont
	case errors.Is(err, coder.ErrMessageTooBig):
		return iteratee.StepError(err)
	case malformed(err):
		return iteratee.StepError(fmt.Errorf("%w: %w", CloseError{Code: coder.StatusInvalidFramePayloadData, Reason: "malformed compression"}, err))
	default:
		return iteratee.StepError(fmt.Errorf("%w: %w", httpadapter.ErrClientGone, err))
	}
}

// outgoing returns the Iteratee that sends messages to the client.
func outgoing[In, Out any](s *socket, format Format[In, Out]) iteratee.Iteratee[Out, struct{}] {
	return iteratee.ForEach(func(ctx context.Context, out Out) error {
		kind, data, err := format.encode(out)
		if err != nil {
			s.drop(err)
			return nil
		}
		err = s.send(kind, data)
		if err == nil || s.readIsOver(ctx.Done()) && closed(s.readErr) {
			return nil // a client that has closed drops the message
		}
		return fmt.Errorf("%w: %w", httpadapter.ErrClientGone, err)
	})
}

// drop counts a message that cannot be encoded, and logs the first, since all messages of a stream
// can be such. serve logs the number.
func (s *socket) drop(err error) {
	if s.dropped++; s.dropped == 1 {
		logError(s.request, s.logger.ErrorContext, "message dropped", err)
	}
}

func (s *socket) send(kind coder.MessageType, data []byte) error {
	s.writing.Store(true)
	defer s.writing.Store(false)
	if len(data) <= piece {
		return s.conn.Write(s.ctx, kind, data)
	}
	w, err := s.conn.Writer(s.ctx, kind)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(data, piece) {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}

// readIsOver reports whether reading has ended. When a connection fails, a read may fail a moment
// later than a write, so readIsOver waits for a second, or until done.
func (s *socket) readIsOver(done <-chan struct{}) bool {
	select {
	case <-s.readOver:
		return true
	case <-time.After(time.Second):
	case <-done:
	}
	return false
}

// ping sends a ping at each interval, and fails if the client is gone.
func (s *socket) ping() error {
	ticker := time.NewTicker(s.config.ping)
	defer ticker.Stop()
	answered := int64(0) // the number of bytes that the client has certainly read
	for {
		select {
		case <-s.over:
			return nil
		case <-ticker.C:
		}
		if s.writing.Load() { // a write has its own timeout
			continue
		}
		reads, sent := s.reads.Load(), s.wire.sent.Load()
		// The client gets the ping after all bytes that were sent before.
		behind := time.Duration(min(sent-answered, mostBehind)) * time.Second / leastRate
		ctx, cancel := context.WithTimeout(s.ctx, s.timeout+behind)
		err := s.conn.Ping(ctx)
		cancel()
		if err == nil {
			answered = sent
			continue
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			if s.readIsOver(s.over) && (errors.Is(err, net.ErrClosed) || closed(s.readErr)) {
				return nil // read reports the end
			}
			return err
		}
		// An answer can be seen only while a read waits; otherwise the client waits for the server. It
		// comes after the frame that the client is sending.
		waited := reads%2 == 1 && s.reads.Load() == reads
		if waited && !s.writing.Load() {
			return err
		}
	}
}

const (
	leastRate  = 64 << 10 // the bytes that a client reads in a second
	mostBehind = 16 << 20 // the bytes that systems hold between server and client
)
