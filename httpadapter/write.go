package httpadapter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/halley-go/halley/internal/guard"
)

// theWriter names the ResponseWriter in the error of a panic or a Goexit in it, for [guard.Run].
const theWriter = "httpadapter: the ResponseWriter"

var errPanicked = errors.New(theWriter + " has panicked")

// send writes the head if it has not left, then the chunk if there is one. It flushes if flush is set
// or if enough bytes wait. After an error or a panic it does nothing.
func (s *stream) send(chunk []byte, flush bool) error {
	if s.err == nil {
		s.err = errPanicked
		s.err = s.write(chunk, flush)
	}
	return s.err
}

// sendElsewhere is send in a goroutine of its own. net/http needs 3 KiB of stack for the head, which
// would make the stack here grow from 8 KiB to 16 for as long as the stream lasts.
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

func (s *stream) write(chunk []byte, flush bool) error {
	if !s.sent && s.asked() {
		// A read of the body can hold back the head for longer than WriteTimeout.
		_ = s.rc().SetWriteDeadline(time.Now().Add(time.Hour))
		s.head()
		if err := s.flushWriter(); err != nil {
			return s.failed(err)
		}
	}
	s.extend()
	if !s.sent {
		s.head()
		flush = flush || s.corks // in a burst too: the next chunk is sent from another stack
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
		s.encode(s)
	}
	s.w.WriteHeader(http.StatusOK)
}

// maxPiece is the largest number of bytes that is written under one deadline. It is small beside the
// buffers of the kernel, and large enough for the deadlines to cost little.
const maxPiece = 128 << 10

// maxFrame is the same on HTTP/2, where the streams of a connection take turns frame by frame.
const maxFrame = 16 << 10

// writePieces writes the first piece of chunk under the deadline that is set, and each further piece
// under a new one. So a deadline measures whether the client makes progress, however large the chunk
// is. It also hands a piece at most to a ResponseWriter that collects bytes before that is flushed.
// The client may need long for the whole chunk, so the end of the request's context stops writePieces
// between two pieces.
func (s *stream) writePieces(chunk []byte) error {
	most := maxPiece
	if s.r.ProtoMajor > 1 {
		most = maxFrame
	}
	for {
		piece := chunk[:min(len(chunk), most)]
		if s.held > 0 && s.held+len(piece) > most {
			if err := s.flushWriter(); err != nil {
				return err
			}
			s.extend()
		}
		if _, err := s.w.Write(piece); err != nil {
			return err
		}
		s.held += len(piece)
		if chunk = chunk[len(piece):]; len(chunk) == 0 {
			return nil
		}
		if err := context.Cause(s.r.Context()); err != nil {
			return err
		}
		s.extend()
	}
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

// flushWriter flushes the ResponseWriter.
func (s *stream) flushWriter() error {
	s.held = 0
	return s.rc().Flush()
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

// extend sets the deadline of the next write. It keeps the deadline before if three quarters of the
// time are left, because setting one costs a tenth of a write.
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

// warned holds the types of the ResponseWriters that warn has logged.
var warned sync.Map

// warn logs once for each type of ResponseWriter that it hides deadlines. Otherwise only streams that
// are cut or hang would show it.
func (s *stream) warn() {
	if _, before := warned.LoadOrStore(reflect.TypeOf(s.w), true); before {
		return
	}
	s.logger.WarnContext(s.r.Context(), "httpadapter: a ResponseWriter hides write deadlines: a client that stops reading is not noticed, "+
		"and http.Server.WriteTimeout cuts streams; if it wraps another it needs a method Unwrap() http.ResponseWriter",
		"type", fmt.Sprintf("%T", s.w), "method", s.r.Method, "path", s.r.URL.Path)
}
