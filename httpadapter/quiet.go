package httpadapter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// On HTTP/1, net/http notices that a client has left because it reads ahead. It does so only if it has
// read all bytes that the client has sent: the request's body and any bytes after the request. It does
// not tell whether that is so. A heartbeat finds out. A stream that has no heartbeat, and that takes a
// place of a limit, may not be quiet for too long.

// maxQuiet is the time that a stream may be quiet, in heartbeats.
const maxQuiet = 4

var errQuiet = fmt.Errorf("%w, or may have left: the stream is under a limit, has no heartbeat, and was quiet for too long", ErrClientGone)

// limitQuiet sets how long the stream may be quiet.
func (s *stream) limitQuiet() {
	if len(s.limits) == 0 || s.r.ProtoMajor != 1 || s.beats() {
		return
	}
	s.maxQuiet = time.Minute
	if s.beatEvery > 0 {
		s.maxQuiet = maxQuiet * min(s.beatEvery, never/(2*maxQuiet))
	}
}

// quietUntil returns until when the stream may be quiet, if nothing is sent or read after now.
func (s *stream) quietUntil(now time.Duration) time.Duration {
	return max(s.last, min(now, time.Duration(s.read.Load()))) + s.maxQuiet
}

// reading notes that the request's body is being read. The read fails if the client has left.
func (s *stream) reading() { s.read.Store(never) }

// hasRead notes that the read has returned.
func (s *stream) hasRead() { s.read.Store(int64(s.now())) }

// A heardBody is a request's body that tells its stream when it is read.
type heardBody struct {
	io.ReadCloser
	s *stream
}

func (b *heardBody) Read(p []byte) (int, error) {
	b.s.reading()
	defer b.s.hasRead()
	return b.ReadCloser.Read(p)
}

// hear makes the request's body tell the stream when the source reads it.
func hear(s *stream) {
	if s.r.ProtoMajor == 1 && s.r.Body != nil && s.r.Body != http.NoBody {
		s.r.Body = &heardBody{s.r.Body, s}
	}
}

type streamKey struct{}

// streamOf returns the stream whose run has the context ctx. It returns nil if ctx is not that of a
// stream, or is that of a stream that may be quiet.
func streamOf(ctx context.Context) *stream {
	s, _ := ctx.Value(streamKey{}).(*stream)
	return s
}
