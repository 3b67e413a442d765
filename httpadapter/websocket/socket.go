package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/iteratee"
)

// socket is a connection while it lasts.
//
// The library tears a connection down when the context of a read or a write ends. The
// contexts of the runs end so that the connection can be closed in good order, so they
// are not used for that.
type socket struct {
	config
	conn    *coder.Conn
	wire    *steadyConn
	ctx     context.Context // of reads and writes
	closing atomic.Bool     // nothing more is read
	reads   atomic.Int64    // odd while a read waits for the client, and another number when a part has come
	writing atomic.Bool
	request *http.Request
	dropped int // messages that could not be encoded
}

// A side is a run that lasts as long as the connection.
type side func(context.Context) error

// Who has ended it. An [Adapter] has only the consumer.
const (
	consumer = iota
	source
	pinger
	server
)

// errOver stops what runs when the connection is over.
var errOver = errors.New("httpadapter/websocket: the connection is over")

type ending struct {
	side     int
	err      error
	panicked any
}

// run runs all sides until the first has ended, closes the connection, and waits for the
// others. It returns what is worth a line in the log.
func (s *socket) run(request context.Context, sides []side) error {
	ctx, stop := context.WithCancelCause(request)
	defer stop(nil)
	ends := make(chan ending, len(sides)+1)
	for i, side := range sides {
		end := ending{side: i}
		go guard.Run("httpadapter/websocket: a function of the stream", func() { end.err = side(ctx) }, func(panicked any) {
			end.panicked = panicked
			ends <- end
		})
	}
	over := make(chan struct{})
	go func() { ends <- ending{side: pinger, err: s.ping(over)} }()

	running := len(sides) + 1
	var first ending
	select {
	case first = <-ends:
		running--
	case <-request.Done():
		first = ending{side: server, err: context.Cause(request)}
	}
	how := first.closeError()
	if request.Err() != nil && errors.Is(first.err, context.Cause(request)) {
		how = CloseError{Code: coder.StatusGoingAway}
	}
	gone := errors.Is(first.err, httpadapter.ErrClientGone)
	if first.side == source && (first.err == nil || gone) && first.panicked == nil {
		// The Iteratee is told of the end, and has time for what it does then. That a write
		// has failed can be because the client has closed, which a read knows.
		defer time.AfterFunc(s.timeout, func() { stop(errOver) }).Stop()
	} else {
		stop(errOver)
	}
	if gone {
		s.conn.CloseNow()
	} else {
		s.closing.Store(true)
		// It waits for the client to close, too, but not for long. Its error says that the
		// client has gone.
		s.conn.Close(how.Code, how.Reason)
	}
	close(over)

	errs, panicked := []error{first.err}, first.panicked
	for ; running > 0; running-- {
		end := <-ends
		errs = append(errs, end.err)
		if panicked == nil {
			panicked = end.panicked
		}
	}
	if panicked != nil {
		panic(panicked)
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		return errors.Is(err, errOver) || errors.Is(err, httpadapter.ErrClientGone) ||
			request.Err() != nil && errors.Is(err, context.Cause(request))
	})...)
}

// closeError is what the client is told.
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

// incoming is the source of what the client sends.
func incoming[In, Out any](s *socket, format Format[In, Out]) enumerator.Enumerator[In] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[In]) iteratee.Step {
		for {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
			kind, data, err := s.read()
			switch {
			case s.closing.Load():
				return iteratee.Cancelled(ctx)
			case err != nil:
				return readFailed(err)
			}
			in, err := format.decode(kind, data)
			if err != nil {
				return iteratee.StepError(err)
			}
			if step := sink.Next(in); !step.IsCont() {
				return step
			}
		}
	})
}

// read returns the next message.
func (s *socket) read() (kind coder.MessageType, data []byte, err error) {
	s.reads.Add(1)
	defer s.reads.Add(1)
	kind, r, err := s.conn.Reader(s.ctx)
	if err == nil {
		data, err = io.ReadAll(parts{r, s})
	}
	return kind, data, err
}

// parts counts those in which a message comes. They are small, since the Reader fills what
// it gets.
type parts struct {
	io.Reader
	s *socket
}

func (p parts) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b[:min(len(b), 4<<10)])
	p.s.reads.Add(2)
	return n, err
}

func readFailed(err error) iteratee.Step {
	switch coder.CloseStatus(err) {
	case coder.StatusNormalClosure, coder.StatusGoingAway, coder.StatusNoStatusRcvd:
		return iteratee.StepCont
	}
	if !errors.Is(err, coder.ErrMessageTooBig) {
		err = fmt.Errorf("%w: %w", httpadapter.ErrClientGone, err)
	}
	return iteratee.StepError(err)
}

// outgoing sends to the client.
func outgoing[In, Out any](s *socket, format Format[In, Out]) iteratee.Iteratee[Out, struct{}] {
	return iteratee.ForEach(func(_ context.Context, out Out) error {
		kind, data, err := format.encode(out)
		if err != nil {
			s.drop(err)
			return nil
		}
		if err := s.send(kind, data); err != nil {
			return fmt.Errorf("%w: %w", httpadapter.ErrClientGone, err)
		}
		return nil
	})
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

// drop logs that a message cannot be encoded. It does so once, since that can be true of
// each message of a stream; serve logs the number.
func (s *socket) drop(err error) {
	if s.dropped++; s.dropped == 1 {
		logError(s.request, slog.LevelError, "message dropped", err)
	}
}

// ping asks the client from time to time whether it is there, and fails if it is not.
func (s *socket) ping(over <-chan struct{}) error {
	ticker := time.NewTicker(s.config.ping)
	defer ticker.Stop()
	answered := int64(0) // up to which byte the client has read
	for {
		select {
		case <-over:
			return nil
		case <-ticker.C:
		}
		if s.writing.Load() { // which has its own time
			continue
		}
		reads, sent := s.reads.Load(), s.wire.sent.Load()
		// The ping arrives behind all that was sent before.
		behind := time.Duration(min(sent-answered, mostBehind)) * time.Second / leastRate
		ctx, cancel := context.WithTimeout(s.ctx, s.timeout+behind)
		err := s.conn.Ping(ctx)
		cancel()
		if err == nil {
			answered = sent
			continue
		}
		// An answer is seen only while a read waits; otherwise the client waits for us. And it
		// comes after the frame that the client is sending.
		waited := reads%2 == 1 && s.reads.Load() == reads
		if waited && !s.writing.Load() {
			return fmt.Errorf("%w: %w", httpadapter.ErrClientGone, err)
		}
	}
}

const (
	leastRate  = 64 << 10 // bytes that a client reads in a second
	mostBehind = 16 << 20 // bytes that systems hold between server and client
)
