package websocket

import (
	"time"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/check"
)

// An Option changes how [Handler] and [Adapter] treat a connection.
type Option func(*config)

type config struct {
	accept       coder.AcceptOptions
	subprotocols []string
	limit        int64
	timeout      time.Duration
	ping         time.Duration
	logger       httpadapter.ErrorLogger
	stream       []httpadapter.Option // of Fanout
}

func newConfig(opts []Option) config {
	c := config{limit: 64 << 10, timeout: 10 * time.Second, ping: 30 * time.Second, logger: httpadapter.LoggerOf()}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// Origins allows cross-origin browser connections. By default only pages from the requested
// host may connect. Each pattern is matched by path.Match against a host, or against
// scheme://host if it has a scheme. Clients that send no Origin header (i.e. not browsers) are
// always allowed.
func Origins(patterns ...string) Option {
	return func(c *config) { c.accept.OriginPatterns = patterns }
}

// MaxMessage sets the maximum size of a message from the client in bytes. The default is 64 KiB. For
// an Iteratee that is busy, messages of up to twice that size in total are held. MaxMessage panics
// if limit is not positive.
func MaxMessage(limit int64) Option {
	check.Positive("httpadapter/websocket: MaxMessage: limit", limit)
	return func(c *config) { c.limit = limit }
}

// Timeout sets the time that the client may take to make room for a message, or to answer a ping.
// The default is 10 s. A client that takes longer is gone.
//
// The time is for progress, not for a whole message. A message of more than 64 KiB is sent in frames
// of that size, and each frame has the time d. So a client that keeps reading gets a message of any
// size, and a client that reads only a byte now and then is gone. A client that reads 64 KiB a
// second is never too slow if d is 10 s or more. Its answer to a ping may take longer, because it
// has to read earlier messages first: one second for each 64 KiB that were sent since the last
// answer, up to 16 MiB.
//
// A client need not answer a ping while it sends a message, as long as 4 KiB of the message arrive
// within d.
//
// Over TLS, a connection has a send buffer of 256 KiB, since progress within a larger buffer cannot
// be seen. Timeout panics if d is not positive.
func Timeout(d time.Duration) Option {
	check.Positive("httpadapter/websocket: Timeout: d", d)
	return func(c *config) { c.timeout = d }
}

// Compression lets clients compress messages, and compresses messages to clients that allow it, with the extension
// permessage-deflate. By default nothing is compressed. Messages of less than 512 bytes are not compressed.
//
// Each message is compressed on its own, without the context of earlier messages. So an open connection holds
// no compressor. A message holds 1.2 MB while it is compressed. A message of more than 64 KiB holds this
// memory until the client has taken all of the message. A message from the client holds about 50 KB while it
// arrives. [MaxMessage] limits the size of a message after it has been decompressed, so a small message that
// would become a large one is refused. docs/performance.md has figures.
//
// [Timeout] counts the compressed bytes. A compressed message of more than 64 KiB has that time for each 4 KiB.
//
// The size of a compressed message tells something about its content. If a message holds a secret together
// with text that an attacker chooses, the attacker may learn the secret from the sizes of such messages. Do
// not compress such messages.
func Compression() Option {
	return func(c *config) { c.accept.CompressionMode = coder.CompressionNoContextTakeover }
}

// Ping sets the interval at which the client is asked whether it is still there. The default is 30
// s. No ping is sent while a message is being written, because the message has a [Timeout] of its
// own. Ping panics if interval is not positive.
func Ping(interval time.Duration) Option {
	check.Positive("httpadapter/websocket: Ping: interval", interval)
	return func(c *config) { c.ping = interval }
}

// Logger sets the logger of errors. By default errors go to the ErrorLog of the http.Server, or to package
// log if the server has none. Logger panics if logger is nil.
func Logger(logger httpadapter.ErrorLogger) Option {
	check.NotNil("httpadapter/websocket: Logger: logger", logger)
	return func(c *config) { c.logger = logger }
}

// LoggerOf returns the logger that [Logger] sets in opts, or the logger of [httpadapter.LoggerOf]. It is for packages
// that make handlers with [Handler] and log errors of their own.
func LoggerOf(opts ...Option) httpadapter.ErrorLogger { return newConfig(opts).logger }

// Stream sets options of package httpadapter for [Fanout]: Limit, LimitPerKey, MaxDuration, OnStart and OnEnd. Other
// options have no effect. If Stream is given several times, all opts have an effect. Stream has no effect on [Handler]
// and [Adapter]. Use httpadapter.Limited to limit their connections.
func Stream(opts ...httpadapter.Option) Option {
	return func(c *config) { c.stream = append(c.stream, opts...) }
}
