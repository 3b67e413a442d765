package topic

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/check"
)

// Rate limits the pace of publishing. Requests for which key returns the same text, such as an address or the name of a
// user, may publish n messages at once, and then one more in each period of the length every. Handlers that are given
// the same Option count requests together. A key takes memory only until it may publish n messages again. The number of
// publishes that wait for the Store is limited by [httpadapter.Limited].
//
// Rate panics if n or every is not positive, or if key is nil.
func Rate(n int, every time.Duration, key func(*http.Request) string) Option {
	check.Positive("comet/topic: Rate: n", n)
	check.Positive("comet/topic: Rate: every", every)
	if key == nil {
		panic("comet/topic: Rate: key must not be nil")
	}
	l := &limiter{burst: time.Duration(n) * every, every: every, busy: map[string]time.Time{}}
	return func(c *config) {
		c.limits = append(c.limits, func(r *http.Request) error {
			late := l.add(key(r), time.Now())
			if late == 0 {
				return nil
			}
			return &httpadapter.StatusError{
				Status: http.StatusTooManyRequests,
				Header: http.Header{"Retry-After": {strconv.Itoa(int((late + time.Second - 1) / time.Second))}},
			}
		})
	}
}

// limiter gives each message a period of the length every, one after the other. The periods of a key may reach into the
// future as far as burst.
type limiter struct {
	burst, every time.Duration

	mu    sync.Mutex
	busy  map[string]time.Time // the end of the last period of each key
	sweep int                  // the number of keys at which keys whose periods are over are removed
}

// add adds a message of key at now. If it comes too early, add returns by how much, and does not count it.
func (l *limiter) add(key string, now time.Time) (late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := l.busy[key]
	if until.Before(now) {
		until = now
	}
	until = until.Add(l.every)
	if late := until.Sub(now) - l.burst; late > 0 {
		return late
	}
	if len(l.busy) >= l.sweep {
		maps.DeleteFunc(l.busy, func(_ string, until time.Time) bool { return !until.After(now) })
		l.sweep = 2*len(l.busy) + 64
	}
	l.busy[key] = until
	return 0
}
