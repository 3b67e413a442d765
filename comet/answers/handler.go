package answers

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

const (
	wait     = 25 * time.Second // of a poll
	slowBody = 10 * time.Second
	slow     = 10 * time.Second // of the Store
)

// Handler returns the http.Handler of the answers of a. POST starts an answer, GET reads one, and DELETE stops one.
//
// The id of an answer is the path value id, or the query parameter id. It has 1 to [MaxID] bytes of UTF-8 without
// control characters. A request with another id is answered with 400. allow is called with each [topic.Access]: its
// Topic is the id, and Write is true to start and to stop the answer. If it returns an error, the request is refused
// with the status of the [httpadapter.StatusError] that the error is or wraps, or with 403. An id that the server has
// chosen is hard to guess.
//
// # Starting
//
// POST runs parser over its body, as [parse.Action] does, and calls start with the result. start returns the id of the
// answer and its source, which is not run yet. If the id is empty, the server chooses one. An answer with the same id is
// replaced. These are the answers to a POST:
//
//	201  the answer has begun; the body is its id
//	429  the key of PerKey has as many answers under way as it may have
//	503  as many answers are under way as MaxRunning allows, or the Store does not answer; Retry-After says when to try again
//
// An error of parser or start is answered as [parse.Action] does.
//
// # Reading
//
// GET answers as [client.Handler] does, over each of its transports. A client without a cursor gets the answer from its
// beginning. The last event of the stream is an end, even if the answer has ended before the request. The status is 404
// if no answer with this id is kept.
//
// # Stopping
//
// DELETE is [Answers.Stop]. The status is 204, or 404 if no answer with this id is kept.
//
// A page of another origin cannot stop an answer unless [httpadapter.CORS] allows it, but a form can start one if parser
// takes forms. Put [http.CrossOriginProtection] around the handler if requests have cookies.
//
// Handler panics if a, allow or start is nil.
func Handler[Q, E any](a *Answers[E], allow func(*http.Request, topic.Access) error, parser iteratee.Iteratee[[]byte, Q], start func(*http.Request, Q) (id string, source enumerator.Enumerator[E], err error), opts ...HandlerOption) http.Handler {
	if start == nil {
		panic("comet/answers: Handler: start must not be nil")
	}
	h := newHandler("Handler", a, allow, opts)
	read := client.Handler(h.items, h.stream...)
	if h.uiMessages {
		read = http.HandlerFunc(h.readUI)
	}
	post := parse.Action(parser, func(w http.ResponseWriter, r *http.Request, question Q) error {
		id, source, err := start(r, question)
		if err != nil {
			return err
		}
		id = cmp.Or(id, rand.Text())
		if err := h.start(r, id, source); err != nil {
			return err
		}
		if h.uiMessages {
			h.serveUI(w, r, h.From(id, enumerator.Position{}))
			return nil
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusCreated)
		_, err = io.WriteString(w, id)
		return err
	}, httpadapter.BodyTimeout(slowBody))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			read.ServeHTTP(w, r)
		case http.MethodPost:
			post.ServeHTTP(w, r)
		case http.MethodDelete:
			if err := h.delete(r); err != nil {
				httpadapter.Error(w, r, err)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", "DELETE, GET, HEAD, POST")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		}
	})
}

// Source returns the function with which [Handler] reads answers, for [client.Handler] and wsclient.Handler. Source panics
// if a or allow is nil.
func Source[E any](a *Answers[E], allow func(*http.Request, topic.Access) error) func(*http.Request, enumerator.Position) (enumerator.Enumerator[enumerator.Item[E]], error) {
	return newHandler("Source", a, allow, nil).items
}

type handler[E any] struct {
	*Answers[E]
	allow func(*http.Request, topic.Access) error
	handlerConfig
}

func newHandler[E any](function string, a *Answers[E], allow func(*http.Request, topic.Access) error, opts []HandlerOption) handler[E] {
	if a == nil {
		panic("comet/answers: " + function + ": a must not be nil")
	}
	if allow == nil {
		panic("comet/answers: " + function + ": allow must not be nil")
	}
	h := handler[E]{Answers: a, allow: allow}
	for _, opt := range opts {
		opt(&h.handlerConfig)
	}
	return h
}

// start starts an answer for r.
func (h handler[E]) start(r *http.Request, id string, source enumerator.Enumerator[E]) error {
	if err := h.permit(r, id, true); err != nil {
		return err
	}
	over, err := h.take(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), slow, errSlow)
	defer cancel()
	return answerTo(r, h.Answers.start(ctx, id, source, over))
}

func (h handler[E]) delete(r *http.Request) error {
	id := idOf(r)
	if err := h.permit(r, id, true); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), slow, errSlow)
	defer cancel()
	return answerTo(r, h.Stop(ctx, id))
}

// find returns the id of the answer that r may read, and its last entry.
func (h handler[E]) find(r *http.Request) (id string, last mark, err error) {
	id = idOf(r)
	if err := h.permit(r, id, false); err != nil {
		return id, last, err
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), slow, errSlow)
	defer cancel()
	last, err = h.at(ctx, id, atLast)
	return id, last, answerTo(r, err)
}

func (h handler[E]) items(r *http.Request, after enumerator.Position) (none enumerator.Enumerator[enumerator.Item[E]], err error) {
	id, last, err := h.find(r)
	if err != nil {
		return none, err
	}
	if r.URL.Query().Get("transport") != "poll" {
		return h.after(id, after, last), nil
	}
	if after == (enumerator.Position{}) { // LongPoll would begin at the end
		first, err := h.at(r.Context(), id, atFirst)
		if err != nil {
			return none, answerTo(r, err)
		}
		after = first.Position
	}
	return comet.LongPoll(one[E]{h.Answers, id, last}, after, wait), nil
}

// one is the [enumerator.Source] of an answer.
type one[E any] struct {
	answers *Answers[E]
	id      string
	last    mark
}

func (o one[E]) From(p enumerator.Position) enumerator.Enumerator[enumerator.Item[E]] {
	return o.answers.after(o.id, p, o.last)
}

func (o one[E]) Last(int) enumerator.Enumerator[enumerator.Item[E]] {
	return o.From(enumerator.Position{})
}
func (o one[E]) Position() enumerator.Position { return o.answers.topic(o.id).Position() }

// readUI answers a GET of the AI SDK.
func (h handler[E]) readUI(w http.ResponseWriter, r *http.Request) {
	id, last, err := h.find(r)
	if errors.Is(err, ErrUnknown) || err == nil && last.isEnd {
		err = &httpadapter.StatusError{Status: http.StatusNoContent}
	}
	if err != nil {
		httpadapter.Error(w, r, err)
		return
	}
	h.serveUI(w, r, h.after(id, enumerator.Position{}, last))
}

// serveUI answers with a stream of UI messages.
func (h handler[E]) serveUI(w http.ResponseWriter, r *http.Request, items enumerator.Enumerator[enumerator.Item[E]]) {
	events := eventsource.Messages(eventsource.WithNotices(eventsource.FromJSON[E], func(comet.Record) (eventsource.Event, error) {
		return eventsource.Event{NoData: true}, nil // only an id, because the AI SDK parses the data of all events
	}))
	httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.Through(items, events).AndThen(enumerator.Of([]byte("data: [DONE]\n\n"))), nil
	}, append([]httpadapter.Option{
		httpadapter.EventStream(), httpadapter.Header("X-Vercel-AI-UI-Message-Stream", "v1"),
	}, h.stream...)...).ServeHTTP(w, r)
}

// permit returns the error that refuses the request, or nil.
func (h handler[E]) permit(r *http.Request, id string, write bool) error {
	switch {
	case id == "" || len(id) > MaxID:
		return malformed("the id of an answer must have 1 to %d bytes", MaxID)
	case !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return malformed("the id of an answer must be UTF-8 without control characters")
	}
	err := h.allow(r, topic.Access{Topic: id, Write: write})
	if _, ok := errors.AsType[*httpadapter.StatusError](err); ok || err == nil {
		return err
	}
	verb := "read"
	if write {
		verb = "start or stop"
	}
	return &httpadapter.StatusError{Status: http.StatusForbidden, Text: fmt.Sprintf("you may not %s the answer %q", verb, id), Err: err}
}

func idOf(r *http.Request) string { return cmp.Or(r.PathValue("id"), r.URL.Query().Get("id")) }

func malformed(format string, args ...any) error {
	return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}

var errSlow = errors.New("comet/answers: the store did not answer in time")

// answerTo returns the answer to a call that has failed with err.
func answerTo(r *http.Request, err error) error {
	switch {
	case err == nil, r.Context().Err() != nil:
		return err
	case errors.Is(err, ErrUnknown):
		return &httpadapter.StatusError{Status: http.StatusNotFound, Text: "no answer with this id is kept", Err: err}
	}
	answer := &httpadapter.StatusError{
		Status: http.StatusServiceUnavailable, Err: err,
		Header: http.Header{"Retry-After": {strconv.Itoa(1 + mathrand.IntN(10))}},
	}
	if errors.Is(err, ErrBusy) {
		answer.Text = "too many answers are under way"
	}
	return answer
}

// A HandlerOption changes a [Handler].
type HandlerOption func(*handlerConfig)

type handlerConfig struct {
	stream     []httpadapter.Option
	limits     []*perKey
	uiMessages bool
}

// Stream sets options of the streams, such as [httpadapter.Limit], [httpadapter.MaxDuration] and compress.Option. They
// concern GET, and with [UIMessages] also POST.
func Stream(opts ...httpadapter.Option) HandlerOption {
	return func(c *handlerConfig) { c.stream = append(c.stream, opts...) }
}

// PerKey allows n answers under way for each key in this process. key returns the key of the request that starts an
// answer, such as an address or the name of a user. Handlers with the same option count their answers together. PerKey
// panics if n is not positive, or if key is nil.
func PerKey(n int, key func(*http.Request) string) HandlerOption {
	check.Positive("comet/answers: PerKey: n", n)
	if key == nil {
		panic("comet/answers: PerKey: key must not be nil")
	}
	l := &perKey{n: n, key: key, running: map[string]int{}}
	return func(c *handlerConfig) { c.limits = append(c.limits, l) }
}

type perKey struct {
	n   int
	key func(*http.Request) string

	mu      sync.Mutex
	running map[string]int
}

// take takes a place under each limit. over gives them back.
func (c *handlerConfig) take(r *http.Request) (over func(), err error) {
	over = func() {}
	for _, l := range c.limits {
		key, before := l.key(r), over
		if !l.add(key) {
			over()
			return nil, &httpadapter.StatusError{
				Status: http.StatusTooManyRequests, Text: "too many of your answers are under way",
				Header: http.Header{"Retry-After": {strconv.Itoa(1 + mathrand.IntN(10))}},
			}
		}
		over = func() {
			l.remove(key)
			before()
		}
	}
	return over, nil
}

func (l *perKey) add(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[key] >= l.n {
		return false
	}
	l.running[key]++
	return true
}

func (l *perKey) remove(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[key]--; l.running[key] == 0 {
		delete(l.running, key)
	}
}

// UIMessages lets a handler answer in the protocol of useChat and DefaultChatTransport in the AI SDK for JavaScript.
// Each E must be a chunk of a UI message stream as JSON.
//
// POST answers with the stream of the answer in place of its id. GET answers with the stream from the beginning if an
// answer is under way, and otherwise with 204. So a page with the option resume goes on with the answer after it is
// loaded again. The last event is [DONE]. A client that leaves does not stop the answer. A page stops it with a DELETE.
func UIMessages() HandlerOption { return func(c *handlerConfig) { c.uiMessages = true } }
