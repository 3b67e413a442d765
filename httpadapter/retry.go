package httpadapter

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// comeBack answers with an empty event stream in place of e, if the request comes from an EventSource and e tells
// the client to come back later. An EventSource can do so only after a 200: any other status ends it for good.
func comeBack(s *stream, e *StatusError) bool {
	if e.Status != http.StatusServiceUnavailable && e.Status != http.StatusTooManyRequests || !isEventSource(s.r) {
		return false
	}
	h := s.w.Header()
	for key, values := range e.Header {
		h[http.CanonicalHeaderKey(key)] = slices.Clone(values)
	}
	wait, ok := retryAfter(h)
	if !ok {
		return false
	}
	for _, kv := range defaultHeader {
		h.Set(kv[0], kv[1])
	}
	h.Set("Content-Type", "text/event-stream")
	h.Del("Content-Length")
	wait += rand.N(time.Second) // so that not all clients come back together
	fmt.Fprintf(s.w, "retry: %d\n\n", wait.Milliseconds())
	return true
}

// isEventSource reports whether r is a request of an EventSource, which accepts events and nothing else.
func isEventSource(r *http.Request) bool {
	accept := r.Header["Accept"]
	return r.Method == http.MethodGet && len(accept) == 1 && accept[0] == "text/event-stream"
}

// maxRetryAfter bounds the time of a Retry-After. Browsers hold it as milliseconds of 32 bits.
const maxRetryAfter = 24 * time.Hour

// retryAfter returns the time of a Retry-After, which is a number of seconds or a date.
func retryAfter(h http.Header) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter), true
	}
	at, err := http.ParseTime(value)
	return min(max(time.Until(at), 0), maxRetryAfter), err == nil
}
