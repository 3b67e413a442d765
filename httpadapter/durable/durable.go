package durable

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/check"
)

const (
	jsonType  = "application/json"
	bytesType = "application/octet-stream"

	wait     = 20 * time.Second // of a long poll
	lifetime = time.Minute      // of an event stream
	patience = 10 * time.Second // with the Store, and with a client that does not take the answer
)

// An Option changes a [Handler].
type Option func(*handler)

// MaxBytes limits the body of a PUT or POST. The limit is 1 MiB by default. MaxBytes panics if n is not positive.
func MaxBytes(n int64) Option {
	check.Positive("httpadapter/durable: MaxBytes: n", n)
	return func(h *handler) { h.maxBytes = n }
}

// Stream sets options of the answers to GET, such as [httpadapter.Limit], compress.Option and [httpadapter.OnEnd]. A
// long poll also holds its place under a limit while it waits.
func Stream(opts ...httpadapter.Option) Option {
	return func(h *handler) { h.stream = append(h.stream, opts...) }
}

type handler struct {
	store    topics.Store
	topics   *topics.Topics[[]byte]
	name     func(*http.Request) (string, error)
	maxBytes int64
	stream   []httpadapter.Option
	encoders [inBase64 + 1]enumeratee.Enumeratee[enumerator.Item[[]byte], enumerator.Item[[]byte]]

	seed  maphash.Seed
	turns [64]chan struct{} // each for some of the names; full while a writer of such a name is at work
}

// Handler returns the http.Handler of the streams in store. name returns the name of the stream that a request is about.
// If name returns an error, the request is refused with the status of the [httpadapter.StatusError] that the error is or
// wraps, or with 403. So name decides which requests are allowed. These are the methods:
//
//	PUT     creates the stream, with the body as its first data, if it has one
//	POST    appends the body; with Stream-Closed: true it also closes the stream, and the body may be empty
//	GET     reads the data after an offset
//	HEAD    returns the type, the end, the expiry and the closure
//	DELETE  deletes the stream; the name can be used again
//
// These are the failures:
//
//	400  a header, the offset, the name or the JSON is malformed, or an append is empty
//	403  a producer has a newer epoch, or name refuses the request
//	404  the stream does not exist, or has expired
//	409  the stream has another type, is closed, or was created otherwise; a sequence number does not fit
//	410  data after the offset are no longer kept, or the offset is of another store: begin with the offset -1
//	413  the body has more bytes than MaxBytes, or than the Store takes
//	501  the request is for a fork
//	503  the Store does not answer, or another request is creating the stream, and nothing is stored; Retry-After says when
//	     to repeat the request
//	504  it is not known whether the data are stored
//
// The handler waits up to 10 seconds for the Store, even if the WriteTimeout of [http.Server] is shorter.
//
// After a 504, or without an answer, a producer repeats its append with the same Producer-Seq, and the data are stored
// once. Other appends may then be stored twice. The values of an array are stored one after another, so those of other
// appends may come between them. The handler remembers the last 100 producers of a stream, or fewer if their ids have more
// than 30 KiB together. All clients of a stream share its Stream-Seq. A Content-Type, the id of a producer and a Stream-Seq
// have at most 256 bytes of UTF-8.
//
// # Reading
//
// An offset is the text of a Position. An answer ends after the entry that brings it to 8 MiB, and has the offset at
// which the next answer begins. A long poll waits for 20 seconds. An event stream ends after a minute, or after the time
// of [httpadapter.MaxDuration]. Then the client comes back. In an event stream, bytes that are neither text nor JSON are
// in base64, and the line ends of a text arrive as LF.
//
// Answers may be cached for a minute by the client that gets them, and are revalidated with an ETag. If all clients may
// read the same data, let shared caches keep the answers too:
//
//	durable.Stream(httpadapter.Header("Cache-Control", "public, max-age=60, stale-while-revalidate=300"))
//
// # Expiry
//
// A stream with a Stream-TTL lives for this time after the beginning of the last read or the last append, or up to a
// sixteenth longer. A stream with a Stream-Expires-At lives until then. The first request after its time deletes it.
//
// # Pages of other sites
//
// Type and data come from clients. So browsers are told not to guess types, not to run scripts in the data, and not to
// give the data to other sites. For pages of other origins there is [httpadapter.CORS], which must allow and expose the
// headers of the protocol that a client uses. Put [http.CrossOriginProtection] around the handler if requests have
// cookies.
//
// Each reader that waits costs the goroutine of its request. All readers of a stream share its newest entries in memory, and
// the events that are made of them.
//
// Handler panics if store or name is nil.
func Handler(store topics.Store, name func(*http.Request) (string, error), opts ...Option) http.Handler {
	check.NotNil("httpadapter/durable: Handler: store", store)
	if name == nil {
		panic("httpadapter/durable: Handler: name must not be nil")
	}
	h := &handler{store: store, topics: topics.New[[]byte](store), name: name, maxBytes: 1 << 20, seed: maphash.MakeSeed()}
	for i := range h.turns {
		h.turns[i] = make(chan struct{}, 1)
	}
	for e := range h.encoders {
		h.encoders[e] = encoding(e).shared()
	}
	for _, opt := range opts {
		opt(h)
	}
	return h
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	setDefault(header, "Cross-Origin-Resource-Policy", "same-origin")
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // reads of the body and calls of the Store have limits of their own
	err := h.serve(w, r)
	if r.Method != http.MethodGet || err != nil { // httpadapter has set the deadlines of a stream
		_ = rc.SetWriteDeadline(time.Now().Add(patience))
	}
	if err != nil {
		setDefault(header, "Cache-Control", "no-store") // the answer may have its own
		httpadapter.Error(w, r, answerTo(r, err))
	}
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) error {
	var serve func(http.ResponseWriter, *http.Request, string) error
	switch r.Method {
	case http.MethodGet:
		serve = h.get
	case http.MethodHead:
		serve = h.head
	case http.MethodPut:
		serve = h.put
	case http.MethodPost:
		serve = h.post
	case http.MethodDelete:
		serve = h.delete
	case http.MethodOptions:
		return &httpadapter.StatusError{Status: http.StatusNoContent, Header: allowed}
	default:
		return &httpadapter.StatusError{Status: http.StatusMethodNotAllowed, Header: allowed}
	}
	name, err := h.name(r)
	if err != nil {
		if _, ok := errors.AsType[*httpadapter.StatusError](err); ok {
			return err
		}
		return &httpadapter.StatusError{Status: http.StatusForbidden, Err: err}
	}
	if strings.HasPrefix(name, readsPrefix) || len(readsPrefix)+len(name) > topics.MaxName {
		return malformed("the name of a stream must have at most %d bytes, and not begin with %q", topics.MaxName-len(readsPrefix), readsPrefix)
	}
	return serve(w, r, name)
}

var allowed = http.Header{"Allow": {"GET, HEAD, OPTIONS, PUT, POST, DELETE"}}

// answerTo returns the error that answers a request that has failed with err, or nil.
func answerTo(r *http.Request, err error) error {
	if _, ok := errors.AsType[*httpadapter.StatusError](err); err == nil || ok || r.Context().Err() != nil {
		return err
	}
	answer := func(status int, text string) error {
		return &httpadapter.StatusError{Status: status, Text: text, Err: err}
	}
	switch {
	case errors.Is(err, topics.ErrName):
		return answer(http.StatusBadRequest, "the name of the stream is empty or too long")
	case errors.Is(err, topics.ErrEnded): // after the handler has read it
		return conflict(http.Header{"Stream-Closed": {"true"}}, "the stream is closed")
	case errors.Is(err, topics.ErrTooLarge):
		return answer(http.StatusRequestEntityTooLarge, "the data are too large for the store")
	case errors.Is(err, topics.ErrUnknown):
		return answer(http.StatusGatewayTimeout, "it is not known whether the data are stored; a producer can repeat the request")
	case errors.Is(err, topics.ErrClosed), errors.Is(err, errSlow):
		return &httpadapter.StatusError{Status: http.StatusServiceUnavailable, Text: "the store does not answer", Header: http.Header{"Retry-After": {"1"}}, Err: err}
	}
	return err
}

var errNotFound = &httpadapter.StatusError{Status: http.StatusNotFound, Text: "there is no such stream"}

// errSlow is the cause with which the context of a request ends if the Store does not answer in time.
var errSlow = errors.New("httpadapter/durable: the store did not answer in time")

func patiently(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(r.Context(), patience, errSlow)
}

func malformed(format string, args ...any) error {
	return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}

func conflict(header http.Header, format string, args ...any) error {
	return &httpadapter.StatusError{Status: http.StatusConflict, Text: fmt.Sprintf(format, args...), Header: header}
}

func setDefault(h http.Header, key, value string) {
	if _, set := h[key]; !set {
		h.Set(key, value)
	}
}

// mediaType returns the media type of a Content-Type, in lower case and without parameters.
func mediaType(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		t, _, _ = strings.Cut(contentType, ";")
		t = strings.ToLower(strings.TrimSpace(t))
	}
	return t
}

// setPlace sets the headers for the next offset and for the closure.
func setPlace(h http.Header, next enumerator.Position, closed bool) {
	h.Set("Stream-Next-Offset", next.String())
	if closed {
		h.Set("Stream-Closed", "true")
	}
}

// parseTTL parses a Stream-TTL.
func parseTTL(s string) (time.Duration, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("Stream-TTL must be a number of seconds, got %.40q", s)
	}
	return time.Duration(n) * time.Second, nil
}
