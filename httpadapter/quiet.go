package httpadapter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// On HTTP/1, net/http notices that a client has left by reading on, which it does as long as nothing
// unread is in between: no part of the request's body, and no byte after the request. It does not tell
// whether that is so. A heartbeat finds out; a stream that can have none, and takes up a place, is
// not left open for longer than it is quiet.

// maxQuiet is how many heartbeats may be missing.
const maxQuiet = 4

var errQuiet = fmt.Errorf("%w, or may have: the stream is under a limit, has no heartbeat, and was quiet for too long", ErrClientGone)

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

// quietUntil is how long the stream may be quiet, if nothing is sent or read from now on.
func (s *stream) quietUntil(now time.Duration) time.Duration {
	return max(s.last, min(now, time.Duration(s.read.Load()))) + s.maxQuiet
}

// reading notes that the request's body is being read, which notices that the client has left.
func (s *stream) reading() { s.read.Store(never) }

// hasRead notes that the body was read.
func (s *stream) hasRead() { s.read.Store(int64(s.now())) }

// heardBody is the body of a request to a stream.
type heardBody struct {
	io.ReadCloser
	s *stream
}

func (b heardBody) Read(p []byte) (int, error) {
	b.s.reading()
	defer b.s.hasRead()
	return b.ReadCloser.Read(p)
}

// hear lets the stream know that the source reads the body.
func (s *stream) hear() {
	if len(s.limits) > 0 && s.r.ProtoMajor == 1 && s.r.Body != nil && s.r.Body != http.NoBody {
		s.r.Body = heardBody{s.r.Body, s}
	}
}

type streamKey struct{}

// streamOf returns the stream whose run has the context, nil if it is none or may be quiet.
func streamOf(ctx context.Context) *stream {
	s, _ := ctx.Value(streamKey{}).(*stream)
	return s
}
