package retry

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/internal/check"
)

// An Option changes how [Restart] and [Resume] try again. If an option is given several times, the last
// one counts.
type Option func(*config)

type config struct {
	newBackOff func() backoff.BackOff
	maxTries   int // 0: no limit
	notify     func(error, time.Duration)
}

func newConfig(opts []Option) config {
	c := config{
		newBackOff: func() backoff.BackOff { return backoff.NewExponentialBackOff() },
		notify:     func(error, time.Duration) {},
	}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// Pace sets the waits between attempts. newBackOff is called once for each run, so that runs do not share a
// BackOff. Concurrent runs call newBackOff concurrently. The BackOff is reset when the run starts, and when
// the source has recovered. If it returns backoff.Stop, the run ends with the error of the source.
//
// Pace panics if newBackOff is nil. The run panics if newBackOff returns nil.
func Pace(newBackOff func() backoff.BackOff) Option {
	if newBackOff == nil {
		panic("enumerator/retry: Pace: newBackOff must not be nil")
	}
	return func(c *config) { c.newBackOff = newBackOff }
}

// MaxTries limits the number of attempts in a row that fail. After the n-th failure, the run fails with the
// last error. The first attempt counts, so with MaxTries(1) a source is not tried again. [Resume] describes
// when the count starts anew. By default there is no limit. MaxTries panics if n is not positive.
func MaxTries(n int) Option {
	check.Positive("enumerator/retry: MaxTries: n", n)
	return func(c *config) { c.maxTries = n }
}

// Notify calls f before each wait, with the error of the source and the time to wait, for instance to log
// them. f is not called for the error with which the run fails. f is called in the goroutine of the run, so
// concurrent runs call it concurrently. Notify panics if f is nil.
func Notify(f func(err error, wait time.Duration)) Option {
	if f == nil {
		panic("enumerator/retry: Notify: f must not be nil")
	}
	return func(c *config) { c.notify = f }
}

func (c *config) newPace() backoff.BackOff {
	pace := c.newBackOff()
	if pace == nil {
		panic("enumerator/retry: Pace: newBackOff must not return nil")
	}
	pace.Reset()
	return pace
}

// wait returns the time to wait after err, the failure of attempt number tries, or backoff.Stop to give
// up.
func (c *config) wait(pace backoff.BackOff, tries int, err error) time.Duration {
	if tries == c.maxTries || isPermanent(err) {
		return backoff.Stop
	}
	if after, ok := errors.AsType[*backoff.RetryAfterError](err); ok {
		return max(after.Duration, 0)
	}
	return pace.NextBackOff()
}

// isPermanent reports whether err is, or wraps, an error that says that another attempt is of no use.
func isPermanent(err error) bool {
	if errors.As(err, new(*backoff.PermanentError)) {
		return true
	}
	e, ok := errors.AsType[permanent](err)
	return ok && e.Permanent()
}

// permanent lets a package tell which of its errors are permanent without an import of package backoff.
type permanent interface {
	error
	Permanent() bool
}
