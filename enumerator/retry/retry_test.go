package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type source = enumerator.Enumerator[int]

var errBoom = errors.New("boom")

func failing(err error) source {
	return enumerator.Generate(func(context.Context) (int, bool, error) { return 0, false, err })
}

// attempts is a source that is the next of es each time it is started.
func attempts(es ...source) source {
	return enumerator.Defer(func(context.Context) (source, error) {
		e := es[0]
		es = es[1:]
		return e, nil
	})
}

// seen is what e gives, how long that takes, and how it ends.
func seen(ctx context.Context, e source) (got []int, took time.Duration, err error) {
	start := time.Now()
	_, err = enumerator.Run(ctx, e, iteratee.ForEach(func(_ context.Context, e int) error {
		got = append(got, e)
		return nil
	}))
	return got, time.Since(start), err
}

// seconds waits 1, 2, 3 seconds, and so on.
type seconds struct{ n time.Duration }

func (s *seconds) NextBackOff() time.Duration { s.n++; return s.n * time.Second }
func (s *seconds) Reset()                     { s.n = 0 }

func TestRestart(t *testing.T) {
	of, fails := enumerator.Of[int], failing(errBoom)
	last := errors.New("the last")
	for name, c := range map[string]struct {
		attempts []source
		opts     []backoff.RetryOption
		want     []int
		err      error
		took     time.Duration
	}{
		"no failure":            {[]source{of(1, 2)}, nil, []int{1, 2}, nil, 0},
		"nothing at all":        {[]source{of()}, nil, nil, nil, 0},
		"one":                   {[]source{fails, of(1)}, nil, []int{1}, nil, time.Second},
		"three":                 {[]source{fails, fails, fails, of(1)}, nil, []int{1}, nil, (1 + 2 + 3) * time.Second},
		"afresh":                {[]source{of(1, 2).AndThen(fails), of(1, 2, 3)}, nil, []int{1, 2, 1, 2, 3}, nil, time.Second},
		"an element in between": {[]source{fails, fails, of(1).AndThen(fails), fails, of(1)}, nil, []int{1, 1}, nil, (1 + 2 + 1 + 2) * time.Second},
		"ends with nothing":     {[]source{fails, of()}, nil, nil, nil, time.Second},
		"so many tries":         {[]source{fails, fails, failing(last)}, []backoff.RetryOption{backoff.WithMaxTries(3)}, nil, last, (1 + 2) * time.Second},
		"tries count anew":      {[]source{fails, of(1).AndThen(fails), failing(last)}, []backoff.RetryOption{backoff.WithMaxTries(2)}, []int{1}, last, (1 + 1) * time.Second},
		"one try":               {[]source{of(1).AndThen(failing(last))}, []backoff.RetryOption{backoff.WithMaxTries(1)}, []int{1}, last, 0},
		"so long":               {[]source{fails, fails, failing(last)}, []backoff.RetryOption{backoff.WithMaxElapsedTime(5 * time.Second)}, nil, last, (1 + 2) * time.Second},
		"permanent":             {[]source{fails, of(1).AndThen(failing(fmt.Errorf("wrapped: %w", backoff.Permanent(last))))}, nil, []int{1}, last, time.Second},
		"permanent at first":    {[]source{failing(backoff.Permanent(last))}, nil, nil, last, 0},
		"a time of its own":     {[]source{failing(backoff.RetryAfter(60)), fails, of(1)}, nil, []int{1}, nil, 61 * time.Second},
		"the backoff stops":     {[]source{failing(last)}, []backoff.RetryOption{backoff.WithBackOff(&backoff.StopBackOff{})}, nil, last, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := append([]backoff.RetryOption{backoff.WithBackOff(&seconds{})}, c.opts...)
				left := len(c.attempts)
				for i, e := range c.attempts {
					c.attempts[i] = enumerator.OnDoneEnumerating(e, func() error { left--; return nil })
				}
				got, took, err := seen(t.Context(), retry.Restart(attempts(c.attempts...), opts...))
				assert.ErrorIs(t, err, c.err)
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.took, took)
				assert.Zero(t, left, "all have been started")
			})
		})
	}
}

func TestResume(t *testing.T) {
	var calls []string
	e := retry.Resume(func(_ context.Context, last int, ok bool) source {
		calls = append(calls, fmt.Sprint(last, ok))
		next := enumerator.Of(last + 1)
		if last < 3 {
			return next.AndThen(failing(errBoom))
		}
		return next
	}, backoff.WithBackOff(&backoff.ZeroBackOff{}))
	for range 2 {
		got, _, err := seen(t.Context(), e)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 3, 4}, got)
		assert.Equal(t, []string{"0 false", "1 true", "2 true", "3 true"}, calls)
		calls = nil
	}
}

func TestResumeKeepsTheLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		es := make([]int, rapid.IntRange(0, 5).Draw(t, "n"))
		for i := range es {
			es[i] = i + 1
		}
		each := rapid.IntRange(1, 3).Draw(t, "elements until it fails")
		e := retry.Resume(func(_ context.Context, last int, _ bool) source {
			rest := es[last:]
			if len(rest) <= each {
				return enumerator.FromSlice(rest)
			}
			return enumerator.FromSlice(rest[:each]).AndThen(failing(errBoom))
		}, backoff.WithBackOff(&backoff.ZeroBackOff{}))
		assert.NoError(t, enumeratortest.Test(e, es))
		assert.NoError(t, enumeratortest.Test(retry.Restart(enumerator.FromSlice(es)), es))
	})
	assert.ElementsMatch(t, []string{"Restart", "Resume"}, probe.FunctionsReturning(t, "Enumerator"))
}

func TestTheConsumerIsNotTriedAgain(t *testing.T) {
	started := &probe.Source{N: -1}
	e := retry.Restart(started.Enumerator())
	_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(context.Context, int) error { return errBoom }))
	assert.Equal(t, errBoom, err)
	_, err = enumerator.Run(t.Context(), e, enumeratee.Transform(enumeratee.MapM(func(context.Context, int) (int, error) { return 0, errBoom }), iteratee.Ignore[int]()))
	assert.Equal(t, errBoom, err)
	assert.PanicsWithValue(t, "boom", func() {
		_, _ = enumerator.Run(t.Context(), e, iteratee.Fold(0, func(int, int) int { panic("boom") }))
	})
	for n := range 4 {
		got, _, err := seen(t.Context(), enumerator.Through(e, enumeratee.Take[int](n)).AndThen(enumerator.Of(9)))
		require.NoError(t, err)
		assert.Equal(t, append(slices.Clone([]int{1, 2, 3}[:n]), 9), got)
	}
	assert.EqualValues(t, 6, started.Starts.Load())
	assert.EqualValues(t, 6, started.Closes.Load())

	assert.PanicsWithValue(t, "boom", func() {
		_, _, _ = seen(t.Context(), retry.Restart(enumerator.Repeat(func() int { panic("boom") })))
	})
}

func TestTheContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctxEnd := errors.New("the context has ended")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(ctxEnd) })
		hour := backoff.WithBackOff(backoff.NewConstantBackOff(time.Hour))
		_, took, err := seen(ctx, retry.Restart(failing(errBoom), hour))
		assert.Equal(t, ctxEnd, err)
		assert.Equal(t, time.Second, took)

		ctx, cancel = context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(ctxEnd) })
		starts := 0
		_, took, err = seen(ctx, retry.Restart(enumerator.Generate(func(ctx context.Context) (int, bool, error) {
			starts++
			<-ctx.Done()
			return 0, false, errBoom
		})))
		assert.Equal(t, ctxEnd, err, "a source that fails when it is stopped")
		assert.Equal(t, time.Second, took)
		assert.Equal(t, 1, starts)
	})
}

func TestTheDefaultDoesNotGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notified := 0
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, took, err := seen(ctx, retry.Restart(failing(errBoom), backoff.WithNotify(func(err error, _ time.Duration) {
			assert.Equal(t, errBoom, err)
			notified++
		})))
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.Equal(t, 24*time.Hour, took)
		assert.Greater(t, notified, 100)
	})
}

// A failure that is tried again is none of the consumer's, which may be busy in another goroutine.
func TestTheConsumerIsNotCancelledByAFailureThatIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		buffered := enumerator.Through(enumerator.Of(1).AndThen(failing(errBoom)), enumeratee.Buffer[int](9))
		busy := iteratee.FoldM(nil, func(ctx context.Context, es []int, e int) ([]int, error) {
			time.Sleep(time.Minute)
			return append(es, e), context.Cause(ctx)
		})
		for _, e := range []source{
			retry.Restart(attempts(buffered, buffered, enumerator.Of(2))),
			enumerator.Through(retry.Restart(attempts(buffered, buffered, enumerator.Of(2))), enumeratee.Buffer[int](0)),
		} {
			got, err := enumerator.Run(t.Context(), e, busy)
			assert.NoError(t, err)
			assert.Equal(t, []int{2}, got[len(got)-1:])
		}
	})
}

// What a source tells of bursts reaches the consumer.
func TestBurstsAreToldThroughRetry(t *testing.T) {
	corks := 0
	corking := enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		iteratee.Cork(ctx)(true)
		defer iteratee.Cork(ctx)(false)
		return sink.Next(1)
	})
	it := iteratee.New(func(ctx context.Context) iteratee.Running[int, []int] {
		iteratee.OnCork(ctx, func(bool) { corks++ })
		return iteratee.Collect[int]().Start(ctx)
	})
	for _, e := range []source{corking, enumerator.Map(corking, func(e int) int { return e })} {
		corks = 0
		got, err := enumerator.Run(t.Context(), retry.Restart(e), it)
		require.NoError(t, err)
		assert.Equal(t, []int{1}, got)
		assert.Equal(t, 2, corks)
	}
}
