package httpadapter

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// An Option changes how [Serve] and [Handler] answer. One value may be given to many of them.
type Option func(*config)

type config struct {
	header  [][2]string
	content content
	timeout time.Duration

	flushSize     int
	flushInterval time.Duration
	corks         bool // flush each chunk, or each burst

	beat        func() []byte // nil: no heartbeats
	beatEvery   time.Duration
	maxDuration time.Duration

	encode    func(*stream)         // sets the encoder of a stream; nil if all streams stay as they are
	codingFor func(*stream) *coding // returns the coding that encode will choose, or nil
	hear      func(*stream)         // makes the body tell the stream when it is read; nil without limits
	limits    []func(*http.Request) (enter func() (leave func(), err error))
	onStart   func(*stream)                                  // nil: there is no OnStart
	onEnd     func(*stream)                                  // nil: there is no OnEnd
	counting  func(context.Context, *stream) context.Context // adds the Counts to the context of a run; set by OnEnd
	logger    ErrorLogger
	trailers  []string // keys, in the order of the values that the consumer of withTrailers ends with

	// withTrailers adds the consumers of the trailers to that of the chunks; nil if there are none. It
	// is a function of Trailer so that a program without trailers does not contain ZipWith.
	withTrailers func(iteratee.Iteratee[[]byte, []string]) iteratee.Iteratee[[]byte, []string]
}

// longestBurst limits how long the chunks of a burst wait for its end.
const longestBurst = 10 * time.Millisecond

func newConfig(opts []Option) *config {
	c := &config{timeout: 10 * time.Second, beatEvery: 15 * time.Second, logger: &serverLog{}}
	for _, opt := range opts {
		opt(c)
	}
	if c.beat == nil && c.content.beat != nil {
		c.beat = always(c.content.beat)
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

// Header sets a header of the response. It replaces a header of the same key that a middleware or an
// Option before it has set. If an error is answered in place of the stream, that answer does not have
// the header. Header panics if key is not the name of a header.
func Header(key, value string) Option {
	checkName("Header", key)
	header := [2]string{http.CanonicalHeaderKey(key), value}
	return func(c *config) { c.header = append(c.header, header) }
}

// WriteTimeout sets how long a client may take to make room for a chunk, for the head or for the end
// of the response. It is 10 s by default. A client that takes longer counts as gone.
//
// It measures progress and not size. A chunk of more than 128 KiB is written in pieces of that size. On
// HTTP/2, a chunk of more than 16 KiB is written in frames. Each piece or frame has a time of its own.
// So a client that keeps reading receives a message of any size, and a client that reads a byte now and
// then counts as gone.
//
// A client that reads 2 MiB within d never counts as gone. Whether less is enough depends on the send
// buffer of the connection, since the kernel reports room in steps: Linux does so when a third of the
// buffer is free, and lets the buffer grow to 4 MiB. With a small buffer, as
// net.TCPConn.SetWriteBuffer sets it, 128 KiB within three quarters of d are enough.
//
// For writes that are close to one another, the time may be up to a quarter shorter than d, because the
// deadline is not set again for each write. How long the stream lasts or the source waits does not
// matter. WriteTimeout panics if d is not positive: a write without a deadline can wait for ever.
func WriteTimeout(d time.Duration) Option {
	check.Positive("httpadapter: WriteTimeout: d", d)
	return func(c *config) { c.timeout = d }
}

// FlushInterval makes chunks wait for d at most, so that chunks that are close to one another leave
// together. By default a chunk waits only if the source tells by [iteratee.Cork] that the next one is
// at hand, as a hub does, and for 10 ms at most. An empty chunk of the source makes waiting chunks
// leave at once. FlushInterval panics if d is not positive.
func FlushInterval(d time.Duration) Option {
	check.Positive("httpadapter: FlushInterval: d", d)
	return func(c *config) { c.flushInterval = d }
}

// FlushSize makes chunks wait until they have n bytes together, and for the time of [FlushInterval] at
// most, which is 100 ms if it is not set. With FlushSize(1) each chunk leaves at once, by itself.
// FlushSize panics if n is not positive.
func FlushSize(n int) Option {
	check.Positive("httpadapter: FlushSize: n", n)
	return func(c *config) { c.flushSize = n }
}

// Heartbeat sends chunk whenever nothing else has been sent for the time every, so that proxies leave
// an idle stream open and the server notices that a client has left. A heartbeat can come before,
// between and after any two chunks of the source.
//
// By default, streams of [EventStream], [Comet] and [NDJSON] send a heartbeat of their own every 15 s,
// and other streams send none. If chunk is nil, only the time changes. If every is 0 there is no
// heartbeat. A stream that has a Content-Length sends none. A stream without a heartbeat that is under a
// [Limit] is broken off when it has been quiet for four times every.
//
// Heartbeat panics if every is negative, or if chunk is empty and not nil.
func Heartbeat(every time.Duration, chunk []byte) Option {
	check.NotNegative("httpadapter: Heartbeat: every", every)
	if chunk != nil && len(chunk) == 0 {
		panic("httpadapter: Heartbeat: chunk must not be empty")
	}
	return func(c *config) {
		c.beatEvery = every
		if chunk != nil {
			c.beat = always(chunk)
		}
	}
}

func always(chunk []byte) func() []byte { return func() []byte { return chunk } }

// HeartbeatFunc is [Heartbeat] with a function that returns the chunk of each heartbeat. If the chunk is empty,
// nothing is sent. An option Heartbeat with a nil chunk after this one changes the time and keeps f.
//
// Each stream calls f in a goroutine of its own, and never while it writes a chunk of the source. f must not wait for
// the source. If f panics, the stream fails at its next chunk, and the panic reaches the caller of Serve.
// HeartbeatFunc panics if every is negative or f is nil.
func HeartbeatFunc(every time.Duration, f func() []byte) Option {
	check.NotNegative("httpadapter: HeartbeatFunc: every", every)
	if f == nil {
		panic("httpadapter: HeartbeatFunc: f must not be nil")
	}
	return func(c *config) { c.beatEvery, c.beat = every, f }
}

// HeartbeatOf returns the time between heartbeats that opts set, which is 0 if there are none. It is for packages
// that tell this time to their clients.
func HeartbeatOf(opts ...Option) time.Duration {
	c := newConfig(opts)
	if c.beat == nil {
		return 0
	}
	return c.beatEvery
}

// snippet: option

// MaxDuration ends each stream as if its source had run out, after a random time between four fifths of d
// and d. So clients do not all come back at once: after a restart of the server they spread over time, and
// they reach a machine that a balancer has added. MaxDuration panics if d is not positive.
func MaxDuration(d time.Duration) Option {
	check.Positive("httpadapter: MaxDuration: d", d)
	return func(c *config) { c.maxDuration = d }
}

// end snippet

// OnStart calls f when a stream starts: when no [Limit] is reached and the function of [Handler] has returned the
// source, and before the source is run. f is not called for other requests, such as HEAD. It is called in the
// goroutine of the handler, and the stream waits for it. If several of these options are given, all functions
// are called. OnStart panics if f is nil.
//
// For each call of f, the function of [OnEnd] is called once with an [Outcome] that has Started set. So the
// two functions can count the streams that are open.
func OnStart(f func(*http.Request)) Option {
	if f == nil {
		panic("httpadapter: OnStart: f must not be nil")
	}
	return func(c *config) {
		before := c.onStart
		c.onStart = func(s *stream) {
			if before != nil {
				before(s)
			}
			f(s.r)
		}
	}
}

// OnEnd calls f at the end of each stream, even if the source was not run. It is for metrics and access
// logs. f is called in the goroutine of the handler, when everything else has returned. If several of
// these options are given, all functions are called. OnEnd panics if f is nil.
func OnEnd(f func(*http.Request, Outcome)) Option {
	if f == nil {
		panic("httpadapter: OnEnd: f must not be nil")
	}
	return func(c *config) {
		before := c.onEnd
		c.onEnd = func(s *stream) {
			if before != nil {
				before(s)
			} else {
				s.outcome.Duration = s.now()
			}
			f(s.r, s.outcome)
		}
		c.counting = withCounts
	}
}

// Options returns an Option that has the effect of all opts, in their order. So a package can offer several
// Options as one.
func Options(opts ...Option) Option {
	return func(c *config) {
		for _, opt := range opts {
			opt(c)
		}
	}
}

func checkName(function, key string) {
	if !check.IsToken(key) {
		panic(fmt.Sprintf("httpadapter: %s: key must be the name of a header, got %q", function, key))
	}
}

// defaultHeader is the header of streams of all contents.
var defaultHeader = [][2]string{
	{"Content-Type", "application/octet-stream"}, // net/http would guess it from the first chunk
	{"X-Content-Type-Options", "nosniff"},        // a browser would hold back the first KiB to guess
	{"Cache-Control", "no-store, no-transform"},  // a proxy might collect or compress the stream
	{"X-Accel-Buffering", "no"},                  // nginx would collect the stream
}

// setHeader sets the headers of the options, and defaults for those that are not set.
func (c *config) setHeader(h http.Header) {
	for _, kv := range c.header {
		h[kv[0]] = []string{kv[1]}
	}
	for _, defaults := range [...][][2]string{c.content.header, defaultHeader} {
		for _, kv := range defaults {
			if _, set := h[kv[0]]; !set {
				h[kv[0]] = []string{kv[1]}
			}
		}
	}
	for _, key := range c.trailers {
		h.Add("Trailer", key)
	}
}
