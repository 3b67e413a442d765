package httpadapter

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// maxUnread is how many bytes of a body are read only so that the connection can be used again. It is
// the same in net/http.
const maxUnread = 256 << 10

// leaveBody reads the rest of the request's body, or closes the connection after the response. It is
// called when the run is over, or before an answer in place of a stream.
//
// In full duplex net/http does not do that: it panics at the next request, or takes the bytes after a
// broken chunk for a request. Otherwise it holds back the answer until the body has arrived, while the
// client may wait for the answer before it sends more. The timeouts are short, since the end of the
// response waits for this.
func (s *stream) leaveBody() {
	if s.r.ProtoMajor != 1 || s.r.Body == nil || s.r.Body == http.NoBody {
		return
	}
	if !s.sent && s.asked() { // a read would ask the client for the body
		closeAfterReply(s.w)
		return
	}
	if s.rc().SetReadDeadline(time.Now().Add(grace)) != nil {
		return
	}
	next := time.Time{}
	if _, err := io.CopyN(io.Discard, s.r.Body, maxUnread); err != io.EOF {
		closeAfterReply(s.w)
		next = time.Now().Add(s.timeout)
	}
	_ = s.rc().SetReadDeadline(next)
}

// closeAfterReply makes net/http close the connection after a response of HTTP/1 that has begun. No
// header does that then, but a body that is too large does.
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
