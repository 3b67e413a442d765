package httpadapter

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/halley-go/halley/internal/check"
)

// An Option changes how [Serve] and [Handler] answer. One value may be given to many
// of them.
type Option func(*config)

type config struct {
	header  [][2]string
	content content
	timeout time.Duration

	flushSize     int
	flushInterval time.Duration
	corks         bool // each chunk is flushed, or each burst

	beat        []byte
	beatEvery   time.Duration
	maxDuration time.Duration

	encode   func(*http.Request, http.Header) *coding // nil: the stream stays as it is
	trailers []trailer
	limits   []*limiter
	onEnd    []func(*http.Request, Outcome)
	logger   *slog.Logger // nil: the default one
}

// longestBurst is how long the chunks of a burst wait for its end at most.
const longestBurst = 10 * time.Millisecond

func newConfig(opts []Option) *config {
	c := &config{timeout: 10 * time.Second, beatEvery: 15 * time.Second}
	for _, opt := range opts {
		opt(c)
	}
	if c.beat == nil {
		c.beat = c.content.beat
	}
	switch {
	case c.flushSize == 0 && c.flushInterval == 0:
		c.corks, c.flushSize, c.flushInterval = true, 1, longestBurst
	case c.flushSize == 0:
		c.flushSize = math.MaxInt
	case c.flushInterval == 0:
		c.flushInterval = 100 * time.Millisecond
	}
	return c
}

// Header sets a header of the response, in place of what a middleware or an Option
// before it has set under that key. An error status does not get it. It panics if key
// is not the name of a header.
func Header(key, value string) Option {
	mustBeName("Header", key)
	return func(c *config) { c.header = append(c.header, [2]string{key, value}) }
}

// WriteTimeout sets how long a client may take to make room for a chunk, for the head
// or for the end of the response; it is 10 s by default. A client that takes longer is
// gone. What counts is progress, and not size: a chunk of more than 128 KiB is written
// in pieces of that size, on HTTP/2 one of more than 16 KiB in frames, and each of them
// has its own time. So a client that keeps reading gets a message of any size, and one
// that reads a byte now and then is gone.
//
// A client that reads 2 MiB within d is never gone. How much less is enough depends on
// the send buffer of the connection, since the kernel reports room in steps: Linux does
// so when a third of the buffer is free, and lets the buffer grow to 4 MiB. With a small
// buffer, as net.TCPConn.SetWriteBuffer sets it, 128 KiB within three quarters of d are
// enough.
//
// For writes that come close to one another d may be up to a quarter less, since the
// deadline is not set again for each. How long the stream lives, or the source waits,
// does not matter. WriteTimeout panics if d is not positive: a write without a deadline
// can wait for ever.
func WriteTimeout(d time.Duration) Option {
	check.Positive("httpadapter: WriteTimeout: d", d)
	return func(c *config) { c.timeout = d }
}

// FlushInterval lets chunks wait, for d at most, so that those which come close to
// one another leave together. By default a chunk waits only where the source tells by
// [iteratee.Cork] that the next is there already, as a hub does, and for 10 ms at most.
// With an empty chunk a source says that nothing will follow for now: what waits leaves.
// It panics if d is not positive.
func FlushInterval(d time.Duration) Option {
	check.Positive("httpadapter: FlushInterval: d", d)
	return func(c *config) { c.flushInterval = d }
}

// FlushSize lets chunks wait until they are n bytes together, and for the time of
// [FlushInterval] at most, which is 100 ms if only FlushSize is given. With FlushSize(1)
// each chunk leaves at once, alone. It panics if n is not positive.
func FlushSize(n int) Option {
	check.Positive("httpadapter: FlushSize: n", n)
	return func(c *config) { c.flushSize = n }
}

// Heartbeat sets what is sent when nothing else has been for so long, and how long that
// is, so that proxies leave an idle stream open and a client that has gone is noticed.
// It can come before, between and after any two chunks. By default it is what
// [EventStream], [Comet] and [NDJSON] say, every 15 s; without them there is none. A
// nil chunk leaves what is sent as it is, also that of a Heartbeat before. If every is 0
// there is no heartbeat, and none in a stream that has a Content-Length. A stream without one
// that is under a [Limit] may be quiet for four times every. It panics if every
// is negative, or if chunk is empty and not nil.
func Heartbeat(every time.Duration, chunk []byte) Option {
	check.NotNegative("httpadapter: Heartbeat: every", every)
	if chunk != nil && len(chunk) == 0 {
		panic("httpadapter: Heartbeat: chunk must not be empty")
	}
	return func(c *config) {
		c.beatEvery = every
		if chunk != nil {
			c.beat = chunk
		}
	}
}

// MaxDuration ends each stream as if its source had run out, after d or up to a fifth
// less, at random: so the clients of a server that was restarted, or of a balancer that
// gets a new machine, come back one by one and not all at once. It panics if d is not
// positive.
func MaxDuration(d time.Duration) Option {
	check.Positive("httpadapter: MaxDuration: d", d)
	return func(c *config) { c.maxDuration = d }
}

// OnEnd has f called at the end of each stream, in the goroutine of the handler, when
// nothing runs any more; also when the source was not run. It is the place for metrics
// and access logs. With several, all are called. It panics if f is nil.
func OnEnd(f func(*http.Request, Outcome)) Option {
	if f == nil {
		panic("httpadapter: OnEnd: f must not be nil")
	}
	return func(c *config) { c.onEnd = append(c.onEnd, f) }
}

// Logger sets where errors go; slog's default logger by default. It panics if l is nil.
func Logger(l *slog.Logger) Option {
	if l == nil {
		panic("httpadapter: Logger: l must not be nil")
	}
	return func(c *config) { c.logger = l }
}

// LoggerOf returns the [Logger] that opts set: slog's default logger if they set none. It is for
// handlers that are made of [Handler] and have something to log themselves.
func LoggerOf(opts ...Option) *slog.Logger { return newConfig(opts).log() }

func mustBeName(function, key string) {
	const token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if key == "" || strings.Trim(key, token) != "" {
		panic(fmt.Sprintf("httpadapter: %s: key must be the name of a header, got %q", function, key))
	}
}

// setHeader sets what was asked for, and the defaults for what is not there.
func (c *config) setHeader(h http.Header) {
	for _, kv := range c.header {
		h.Set(kv[0], kv[1])
	}
	for _, defaults := range [...][][2]string{c.content.header, {
		{"Content-Type", "application/octet-stream"}, // or net/http guesses from the first chunk
		{"X-Content-Type-Options", "nosniff"},        // or a browser holds back the first KiB to guess
		{"Cache-Control", "no-store, no-transform"},  // or a proxy may collect or compress the stream
		{"X-Accel-Buffering", "no"},                  // or nginx collects it
	}} {
		for _, kv := range defaults {
			if _, set := h[kv[0]]; !set {
				h.Set(kv[0], kv[1])
			}
		}
	}
	for _, t := range c.trailers {
		h.Add("Trailer", t.key)
	}
}
