package httpadapter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"

	"github.com/halley-go/halley/internal/check"
)

// The error of [Serve] wraps ErrTooMany when a [Limit] is reached.
var ErrTooMany = errors.New("httpadapter: too many streams")

// The error of [Serve] wraps ErrDraining when the server was shutting down before the stream began.
var ErrDraining = errors.New("httpadapter: the server is shutting down")

// Limit returns an Option that allows n open streams at once, counted over all handlers and calls of
// [Serve] that are given this one value. So make it once, and not for each request. A further client
// gets a 503 with a Retry-After of 1 to 10 seconds, at random, and its source is not run; [EventStream]
// answers an EventSource otherwise. HEAD does not count.
//
// A client that has left must not keep its place. On HTTP/1, net/http does not notice that it has left
// while bytes of the client are unread: the rest of a body, or bytes that follow the request. The
// second [Heartbeat] after that notices it at the latest. Streams of plain bytes and streams with a
// Content-Length have no heartbeat. Such a stream is broken off with [ErrClientGone] after a minute in
// which nothing was sent, and nothing was read by [Body] or, in [Handler], from the request's Body.
// Heartbeat(every, nil) changes the minute to four times the given time.
//
// Limit panics if n is not positive.
func Limit(n int) Option {
	check.Positive("httpadapter: Limit: n", n)
	return limit(n, func(*http.Request) string { return "" })
}

// LimitPerKey is [Limit] for each key: it allows n open streams of the requests for which key returns
// the same text, such as an address or the name of a user. LimitPerKey panics if n is not positive or
// key is nil.
func LimitPerKey(n int, key func(*http.Request) string) Option {
	check.Positive("httpadapter: LimitPerKey: n", n)
	if key == nil {
		panic("httpadapter: LimitPerKey: key must not be nil")
	}
	return limit(n, key)
}

func limit(n int, key func(*http.Request) string) Option {
	l := &limiter{n: n, open: map[string]int{}}
	place := func(r *http.Request) func() (func(), error) {
		k := key(r)
		return func() (func(), error) { return l.admit(k) }
	}
	return func(c *config) { c.limits, c.hear = append(c.limits, place), hear }
}

// Limited returns a handler that calls h if no limit is reached and the server is not shutting down.
// Otherwise it answers as [Serve] does. So a WebSocket or an upload can take its place among the
// streams, under the same values of [Limit] and [LimitPerKey]. Of the other options only [EventStream] has
// an effect, on the answer to an EventSource. h itself must notice when its client has left. An upload
// notices it while it reads, and a WebSocket notices it by its pings. Limited panics if h is nil.
func Limited(h http.Handler, limits ...Option) http.Handler {
	if h == nil {
		panic("httpadapter: Limited: h must not be nil")
	}
	c := newConfig(limits)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, err := c.admit(r)
		defer leave()
		if err != nil {
			_, _ = newStream(w, r, c).answer(Refused, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// limiter counts the streams that are open.
type limiter struct {
	n    int
	mu   sync.Mutex
	open map[string]int
}

// admit counts one more stream, and returns the function that ends it.
func (l *limiter) admit(key string) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[key] >= l.n {
		if key == "" {
			return nil, fmt.Errorf("%w: %d are open", ErrTooMany, l.n)
		}
		return nil, fmt.Errorf("%w: %d of %q are open", ErrTooMany, l.n, key)
	}
	l.open[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.open[key]--; l.open[key] == 0 {
			delete(l.open, key)
		}
	}, nil
}

// admit asks the server and all limits whether a stream may begin. Its error is a StatusError. leave
// gives the places back; it may be called whatever the error is.
func (c *config) admit(r *http.Request) (leave func(), err error) {
	if ctx := draining(r); ctx != nil && ctx.Err() != nil {
		return func() {}, refusal(ErrDraining)
	}
	if len(c.limits) == 0 || r.Method == http.MethodHead {
		return func() {}, nil
	}
	var leaves []func()
	leave = func() {
		for _, f := range leaves {
			f()
		}
	}
	enter := make([]func() (func(), error), len(c.limits)) // made before anything is counted, since a function may panic
	for i, limit := range c.limits {
		enter[i] = limit(r)
	}
	for _, enter := range enter {
		f, err := enter()
		if err != nil {
			return leave, refusal(err)
		}
		leaves = append(leaves, f)
	}
	return leave, nil
}

// refusal returns an error that tells clients to come back, at different times.
func refusal(err error) error {
	return &StatusError{
		Status: http.StatusServiceUnavailable,
		Header: http.Header{"Retry-After": {strconv.Itoa(1 + rand.IntN(10))}},
		Err:    err,
	}
}
