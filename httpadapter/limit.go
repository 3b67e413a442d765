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

// ErrTooMany is what an error of [Serve] wraps when a [Limit] is reached.
var ErrTooMany = errors.New("httpadapter: too many streams")

// ErrDraining is what an error of [Serve] wraps when the server is shutting down already.
var ErrDraining = errors.New("httpadapter: the server is shutting down")

// Limit makes an Option that lets n streams be open at once, of all the handlers and
// calls of [Serve] that are given this one value: make it once, not for each request. A
// client beyond that gets a 503 with a Retry-After of 1 to 10 seconds, at random, and
// its source is not run. HEAD does not count.
//
// A place must not stay taken by a client that has left. On HTTP/1, net/http does not notice
// that while there are bytes of the client unread: a part of a body that the source does not
// read, or bytes that follow the request. A [Heartbeat] finds out, within two of them. A stream that
// can have none, since its chunks are plain bytes or it has a Content-Length, is broken off
// with [ErrClientGone] after a minute in which nothing was sent, and nothing was read by [Body]
// or, in [Handler], from the request's Body. Heartbeat(every, nil) makes that four times every.
//
// Limit panics if n is not positive.
func Limit(n int) Option {
	check.Positive("httpadapter: Limit: n", n)
	return limit(n, func(*http.Request) string { return "" })
}

// LimitPerKey is [Limit] for the streams of each client, or whatever key makes of a
// request: an address or a user, say. It panics if n is not positive or key is nil.
func LimitPerKey(n int, key func(*http.Request) string) Option {
	check.Positive("httpadapter: LimitPerKey: n", n)
	if key == nil {
		panic("httpadapter: LimitPerKey: key must not be nil")
	}
	return limit(n, key)
}

func limit(n int, key func(*http.Request) string) Option {
	l := &limiter{n: n, key: key, open: map[string]int{}}
	return func(c *config) { c.limits = append(c.limits, l) }
}

// Limited returns the handler that calls h unless a limit is reached, or the server is shutting
// down: then it answers as [Serve] does, and h is not called. So a WebSocket or an upload can take
// its place among the streams, by the same values of [Limit] and [LimitPerKey]. Other options have
// no effect. h itself has to notice when its client has left: an upload does while it reads, a
// WebSocket by its pings. Limited panics if h is nil.
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
	key  func(*http.Request) string
	mu   sync.Mutex
	open map[string]int
}

// admit counts one more stream, and returns what ends it.
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

// admit asks all the limits, and the server. leave undoes it and may be called whatever
// the error, which is a StatusError.
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
	keys := make([]string, len(c.limits)) // all of them before anything is counted: a key function may panic
	for i, l := range c.limits {
		keys[i] = l.key(r)
	}
	for i, l := range c.limits {
		f, err := l.admit(keys[i])
		if err != nil {
			return leave, refusal(err)
		}
		leaves = append(leaves, f)
	}
	return leave, nil
}

// refusal tells a client to come back, not all at once.
func refusal(err error) error {
	return &StatusError{
		Status: http.StatusServiceUnavailable,
		Header: http.Header{"Retry-After": {strconv.Itoa(1 + rand.IntN(10))}},
		Err:    err,
	}
}
