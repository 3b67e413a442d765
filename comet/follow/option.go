package follow

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/internal/check"
)

// An Option changes how [Events] and [Items] read a stream. If an option is given several times, the last
// one counts.
type Option func(*config)

type config struct {
	client  *http.Client
	id      string // the last id, to begin with
	limit   int
	silence time.Duration
	told    bool // the server may set silence
	retries []retry.Option
}

func newConfig(opts []Option) config {
	c := config{client: http.DefaultClient, limit: 1 << 20, silence: time.Minute, told: true}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// HTTPClient sets the client that makes the requests. It is [http.DefaultClient] by default. A Timeout of the
// client cuts each stream, which then resumes. HTTPClient panics if client is nil.
func HTTPClient(client *http.Client) Option {
	if client == nil {
		panic("comet/follow: HTTPClient: client must not be nil")
	}
	return func(c *config) { c.client = client }
}

// After sets the id after which the first attempt of a run resumes, in the header Last-Event-ID. The empty id, which is
// the default, leaves the header as the request has it. After panics if id has a control character, which
// a header cannot carry.
func After(id string) Option {
	if !isSendable(id) {
		panic(fmt.Sprintf("comet/follow: After: id must not have a control character, got %q", id))
	}
	return func(c *config) { c.id = id }
}

// Limit sets the number of bytes that an event may have. It is 1 MiB by default. A larger event ends the
// run with an error that wraps [bufio.ErrTooLong], as soon as the limit is exceeded. A run holds a small
// multiple of bytes at most. Limit panics if bytes is not positive.
func Limit(bytes int) Option {
	check.Positive("comet/follow: Limit: bytes", bytes)
	return func(c *config) { c.limit = bytes }
}

// Silence sets how long a run waits for a response or for the next byte of it, which may be that of a
// heartbeat. After that the attempt has failed. If d is 0, a run waits for ever. The time that the consumer
// takes does not count.
//
// By default a run waits for a minute. When client.Handler has told [Items] the interval of its heartbeats, the
// run waits for 4/3 of the interval and a second. If the interval is 0, the server sends no heartbeats, and the
// run waits for ever. Silence panics if d is negative.
func Silence(d time.Duration) Option {
	check.NotNegative("comet/follow: Silence: d", d)
	if d == 0 {
		d = math.MaxInt64
	}
	return func(c *config) { c.silence, c.told = d, false }
}

// Retry sets the options of [retry.Resume]: the pace of the attempts, their number, and a function that is
// called before each wait. A Retry replaces the options of an earlier one.
func Retry(opts ...retry.Option) Option { return func(c *config) { c.retries = opts } }
