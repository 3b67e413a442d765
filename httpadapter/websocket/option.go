package websocket

import (
	"time"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/internal/check"
)

// An Option changes what [Handler] and [Adapter] do with a connection.
type Option func(*config)

type config struct {
	accept  coder.AcceptOptions
	limit   int64
	timeout time.Duration
	ping    time.Duration
}

func newConfig(opts []Option) config {
	c := config{limit: 64 << 10, timeout: 10 * time.Second, ping: 30 * time.Second}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// Origins lets pages of other origins connect, which browsers tell the origin of: by
// default only those of the host that is asked. Each pattern is for a host, or for
// scheme://host, as path.Match reads it. A client that names no origin is none that a page
// controls, and may connect.
func Origins(patterns ...string) Option {
	return func(c *config) { c.accept.OriginPatterns = patterns }
}

// MaxMessage sets how many bytes a message from the client may have, 64 KiB by default. Up to
// two times as many are held for an Iteratee that is busy. MaxMessage panics if limit is
// not positive.
func MaxMessage(limit int64) Option {
	check.Positive("httpadapter/websocket: MaxMessage: limit", limit)
	return func(c *config) { c.limit = limit }
}

// Timeout sets how long the client may take to make room for a message, and to answer a
// ping; it is 10 s by default. A client that takes longer is gone.
//
// Progress counts, and not size. A message of more than 64 KiB is sent in frames of that
// size, and each has its own time. So a client that keeps reading gets a message of any
// size, and one that reads a byte now and then is gone. A client that reads 64 KiB a second
// is never too slow if d is 10 s or more. Its answer to a ping may take a second more for
// each 64 KiB, of the last 16 MiB, that were sent since the last answer: they are before the ping.
//
// A client need not answer while it sends a message, if 4 KiB of that arrive within d.
//
// Over TLS, a connection has a send buffer of 256 KiB, since progress is not seen within a
// larger one. Timeout panics if d is not positive.
func Timeout(d time.Duration) Option {
	check.Positive("httpadapter/websocket: Timeout: d", d)
	return func(c *config) { c.timeout = d }
}

// Ping sets how often the client is asked whether it is still there, every 30 s by
// default. It is not asked while a message is being written, which has its own time. Ping
// panics if every is not positive.
func Ping(every time.Duration) Option {
	check.Positive("httpadapter/websocket: Ping: every", every)
	return func(c *config) { c.ping = every }
}
