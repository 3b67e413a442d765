package httpadapter

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// maxLeft is how much of a body is read only so that the connection can be used again, as
// in net/http.
const maxLeft = 256 << 10

// leaveBody deals with what is left of the request's body when the run is over, or before an
// answer in place of a stream. In full duplex net/http does not: it panics on the next request,
// or takes what follows a broken chunk for one. Otherwise it holds back the answer until the body
// has come, while the client may wait for the answer before it sends more. Timeouts are short,
// since the end of the response waits for this.
func (s *stream) leaveBody() {
	if s.r.ProtoMajor != 1 || s.r.Body == nil || s.r.Body == http.NoBody {
		return
	}
	if !s.sent && s.r.Header.Get("Expect") != "" { // a read would ask the client for the body
		closeAfterReply(s.w)
		return
	}
	if s.rc().SetReadDeadline(time.Now().Add(grace)) != nil {
		return
	}
	next := time.Time{}
	if _, err := io.CopyN(io.Discard, s.r.Body, maxLeft); err != io.EOF {
		closeAfterReply(s.w)
		next = time.Now().Add(s.timeout)
	}
	_ = s.rc().SetReadDeadline(next)
}

// closeAfterReply has net/http close the connection of a response of HTTP/1 that has begun,
// which no header does any more, but a body that is too large.
func closeAfterReply(w http.ResponseWriter) {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}
