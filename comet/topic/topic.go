package topic

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/check"
)

const (
	maxTopics = 64   // of one request
	maxNames  = 2048 // bytes of their names in a URL, so that a URL with the names and a cursor fits into 8 KiB

	wait = 25 * time.Second // of a poll
)

// An Access is one topic that a request asks for.
type Access struct {
	Topic string // the name
	Write bool   // true to publish to the topic, false to read it
}

// Handler returns the http.Handler of the topics of t. GET reads topics, and POST publishes to one.
//
// The name of a topic is the path value topic, or the query parameter topic. In the query, GET may name up to 64
// topics. Their names may have 2048 bytes in the URL together. allow is called with each Access before anything
// else happens. If it returns an error, the request is refused with the status of the [httpadapter.StatusError] that
// the error is or wraps, or with 403.
//
// A name must have 1 to [topics.MaxName] bytes of UTF-8 without control characters, and [items.CheckName] must not
// refuse it. Other names are answered with 400, for reading and for publishing. A topic with such a
// name, such as error, can be used by the program itself, but not over HTTP.
//
// # Reading
//
// GET answers as [client.Handler] does, over each of its transports. A client without a cursor gets the last messages,
// whose number [Last] sets, and then the messages to come. With a path value, the messages have no names, and the ids
// are Positions. With the query, the Event of each message is the name of its topic, and the ids are the cursors of
// [items.Join], also for a single topic. So a page can change its topics and keep its cursor. When the topic has ended,
// or all of them have ended, the client gets an end.
//
// Each topic that has a reader costs memory, even if nothing was published to it. Each topic of the query also costs a
// goroutine. So allow should refuse the names that the program does not know.
//
// allow is not called again while a stream is open. With [httpadapter.MaxDuration], clients come back after some time.
//
// # Publishing
//
// POST publishes its body, which is the JSON of an E. These are the answers:
//
//	204  the message is stored; the header Halley-Position has its Position
//	400  the body is not JSON, or does not fit an E; a name or a header is malformed
//	410  the topic has ended
//	412  the last entry of the topic does not fit If-Match or If-None-Match
//	413  the body has more bytes than MaxBytes, or than the Store takes
//	415  the body has another media type
//	429  the key of Rate has published too much; Retry-After says when it may go on
//	503  the message is not stored; Retry-After says when to repeat the request
//	504  it is not known whether the message is stored
//
// After a 504, or without an answer, the client repeats the request with the same Idempotency-Key. The Store then stores
// the message once, and the answer has its Position. The Store remembers a key for [topics.Window]. A key has at most
// 256 bytes. It should be hard to guess, such as a UUID, because all clients of the topic share the keys.
//
// With If-Match: "POSITION", the message is stored only if the last entry of the topic is at POSITION. With
// If-None-Match: *, it is stored only if the topic has no entries.
//
// A page of another origin cannot publish unless [httpadapter.CORS] allows it: a form cannot send JSON, and a browser
// asks before a script sends it. If requests have cookies, put [http.CrossOriginProtection] around the handler too, so
// that a mistake in CORS does no harm. Pages that may publish need CORS with the Headers Idempotency-Key, If-Match and
// If-None-Match, and with Halley-Position in Expose.
//
// Handler panics if t or allow is nil.
func Handler[E any](t *topics.Topics[E], allow func(r *http.Request, a Access) error, opts ...Option) http.Handler {
	source := newSource("Handler", t, allow, opts)
	read := client.Handler(source.items, source.stream...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			read.ServeHTTP(w, r)
		case http.MethodPost:
			source.post(w, r)
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		}
	})
}

// Source returns the function with which [Handler] reads topics, for [client.Handler] and wsclient.Handler. The only
// option with an effect is [Last]. Source panics if t or allow is nil.
func Source[E any](t *topics.Topics[E], allow func(r *http.Request, a Access) error, opts ...Option) func(*http.Request, enumerator.Position) (enumerator.Enumerator[enumerator.Item[E]], error) {
	return newSource("Source", t, allow, opts).items
}

type source[E any] struct {
	topics *topics.Topics[E]
	access
}

// access has the rules for all topics of a handler.
type access struct {
	allow func(*http.Request, Access) error
	config
}

func newSource[E any](function string, t *topics.Topics[E], allow func(*http.Request, Access) error, opts []Option) source[E] {
	if t == nil {
		panic("comet/topic: " + function + ": t must not be nil")
	}
	if allow == nil {
		panic("comet/topic: " + function + ": allow must not be nil")
	}
	return source[E]{t, access{allow, newConfig(opts)}}
}

func (s source[E]) items(r *http.Request, after enumerator.Position) (none enumerator.Enumerator[enumerator.Item[E]], err error) {
	query := r.URL.Query()
	names, inPath, err := namesOf(r, query)
	if err != nil {
		return none, err
	}
	for _, name := range names {
		if err := s.permit(r, Access{Topic: name}); err != nil {
			return none, err
		}
	}
	poll := query.Get("transport") == "poll"
	if inPath {
		topic := s.topics.Topic(names[0])
		switch {
		case poll && after == enumerator.Position{} && s.last > 0:
			return enumerator.TakeUntil(topic.Read(topics.Place{Last: s.last}), enumerator.Interval(wait)), nil
		case poll:
			return comet.LongPoll(topic, after, wait), nil
		}
		return topic.FromOrLast(after, s.last), nil
	}
	sources := map[string]enumerator.Source[E]{}
	for _, name := range names {
		sources[name] = s.topics.Topic(name)
	}
	cursor := comet.CursorText(r.Header, query)
	if poll {
		return comet.LongPollJoin(cursor, sources, s.last, wait), nil
	}
	return items.Join(cursor, sources, s.last), nil
}

// permit returns the error that refuses the request, or nil.
func (h access) permit(r *http.Request, a Access) error {
	err := h.allow(r, a)
	if err == nil || isStatus(err) {
		return err
	}
	verb := "read"
	if a.Write {
		verb = "publish to"
	}
	return &httpadapter.StatusError{Status: http.StatusForbidden, Text: fmt.Sprintf("you may not %s the topic %q", verb, a.Topic), Err: err}
}

// namesOf returns the names of the topics that r asks for, at least one. inPath is true if it is the path value.
func namesOf(r *http.Request, query url.Values) (names []string, inPath bool, err error) {
	if name := r.PathValue("topic"); name != "" {
		return []string{name}, true, checkName(name)
	}
	names = query["topic"]
	length := 0
	for _, name := range names {
		length += len(url.QueryEscape(name))
	}
	switch {
	case len(names) == 0:
		return nil, false, malformed("the query must have a topic")
	case len(names) > maxTopics || length > maxNames:
		return nil, false, malformed("at most %d topics can be read at once, whose names have %d bytes together in the URL", maxTopics, maxNames)
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return nil, false, err
		}
	}
	return names, false, nil
}

func checkName(name string) error {
	switch {
	case name == "" || len(name) > topics.MaxName:
		return malformed("the name of a topic must have 1 to %d bytes", topics.MaxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return malformed("the name of a topic must be UTF-8 without control characters")
	case items.CheckName(name) != nil:
		return malformed("a topic must not have the name %s, which has a meaning of its own", name)
	}
	return nil
}

func malformed(format string, args ...any) error {
	return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}

// An Option changes a [Handler].
type Option func(*config)

type config struct {
	last     int
	maxBytes int64
	limits   []func(*http.Request) error
	stream   []httpadapter.Option
}

func newConfig(opts []Option) config {
	c := config{maxBytes: 64 << 10}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// Last sets the number of messages of each topic that a client without a cursor gets first. It is 0 by default. Last
// panics if n is negative.
func Last(n int) Option {
	check.NotNegative("comet/topic: Last: n", n)
	return func(c *config) { c.last = n }
}

// MaxBytes limits the body of a POST. The limit is 64 KiB by default. MaxBytes panics if n is not positive.
func MaxBytes(n int64) Option {
	check.Positive("comet/topic: MaxBytes: n", n)
	return func(c *config) { c.maxBytes = n }
}

// Stream sets options of the streams, such as [httpadapter.Limit], [httpadapter.MaxDuration] and compress.Option. They
// do not concern POST.
func Stream(opts ...httpadapter.Option) Option {
	return func(c *config) { c.stream = append(c.stream, opts...) }
}
