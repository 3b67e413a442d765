package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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

// attempts returns a source that runs the next of es each time.
func attempts(es ...source) source {
	return enumerator.Defer(func(context.Context) (source, error) {
		e := es[0]
		es = es[1:]
		return e, nil
	})
}

// seen runs e and returns its elements, the time that it took, and its error.
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

// says is an error that says whether it is permanent.
type says struct {
	error
	permanent bool
}

func (s says) Permanent() bool { return s.permanent }
func (s says) Unwrap() error   { return s.error }

// stopsAfter waits for a second, n times.
type stopsAfter struct{ n, left int }

func (s *stopsAfter) NextBackOff() time.Duration {
	if s.left--; s.left < 0 {
		return backoff.Stop
	}
	return time.Second
}
func (s *stopsAfter) Reset() { s.left = s.n }

var (
	zero     = retry.Pace(func() backoff.BackOff { return &backoff.ZeroBackOff{} })
	counting = retry.Pace(func() backoff.BackOff { return &seconds{} })
	hourly   = retry.Pace(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Hour) })
)

func stopping(n int) retry.Option {
	return retry.Pace(func() backoff.BackOff { return &stopsAfter{n: n} })
}

func TestRestart(t *testing.T) {
	of, fails := enumerator.Of[int], failing(errBoom)
	last := errors.New("the last")
	for name, c := range map[string]struct {
		attempts []source
		opts     []retry.Option
		want     []int
		err      error
		took     time.Duration
	}{
		"no failure":            {[]source{of(1, 2)}, nil, []int{1, 2}, nil, 0},
		"empty":                 {[]source{of()}, nil, nil, nil, 0},
		"one":                   {[]source{fails, of(1)}, nil, []int{1}, nil, time.Second},
		"three":                 {[]source{fails, fails, fails, of(1)}, nil, []int{1}, nil, (1 + 2 + 3) * time.Second},
		"starts anew":           {[]source{of(1, 2).AndThen(fails), of(1, 2, 3)}, nil, []int{1, 2, 1, 2, 3}, nil, time.Second},
		"an element in between": {[]source{fails, fails, of(1).AndThen(fails), fails, of(1)}, nil, []int{1, 1}, nil, (1 + 2 + 3 + 4) * time.Second},
		"then empty":            {[]source{fails, of()}, nil, nil, nil, time.Second},
		"three tries":           {[]source{fails, fails, failing(last)}, []retry.Option{retry.MaxTries(3)}, nil, last, (1 + 2) * time.Second},
		"elements in each try":  {[]source{of(1).AndThen(fails), of(1, 2).AndThen(fails), of(1).AndThen(failing(last))}, []retry.Option{retry.MaxTries(3)}, []int{1, 1, 2, 1}, last, (1 + 2) * time.Second},
		"one try":               {[]source{of(1).AndThen(failing(last))}, []retry.Option{retry.MaxTries(1)}, []int{1}, last, 0},
		"permanent":             {[]source{fails, of(1).AndThen(failing(fmt.Errorf("wrapped: %w", backoff.Permanent(last))))}, nil, []int{1}, last, time.Second},
		"permanent at first":    {[]source{failing(backoff.Permanent(last))}, nil, nil, last, 0},
		"permanent, tries left": {[]source{failing(backoff.Permanent(last))}, []retry.Option{retry.MaxTries(9)}, nil, last, 0},
		"permanent by itself":   {[]source{fails, failing(fmt.Errorf("wrapped: %w", says{last, true}))}, nil, nil, last, time.Second},
		"not permanent":         {[]source{failing(says{errBoom, false}), of(1)}, nil, []int{1}, nil, time.Second},
		"RetryAfter":            {[]source{failing(backoff.RetryAfter(60)), fails, of(1)}, nil, []int{1}, nil, 61 * time.Second},
		"the pace stays":        {[]source{fails, fails, failing(fmt.Errorf("wrapped: %w", backoff.RetryAfter(60))), fails, of(1)}, nil, []int{1}, nil, (1 + 2 + 60 + 3) * time.Second},
		"at once":               {[]source{failing(backoff.RetryAfter(0)), failing(backoff.RetryAfter(-1)), failing(&backoff.RetryAfterError{Duration: backoff.Stop}), of(1)}, nil, []int{1}, nil, 0},
		"RetryAfter, last try":  {[]source{fails, failing(errors.Join(last, backoff.RetryAfter(60)))}, []retry.Option{retry.MaxTries(2)}, nil, last, time.Second},
		"the backoff stops":     {[]source{failing(last)}, []retry.Option{stopping(0)}, nil, last, 0},
		"it stops later":        {[]source{fails, of(1).AndThen(fails), failing(last)}, []retry.Option{stopping(2)}, []int{1}, last, 2 * time.Second},
		"the last option":       {[]source{fails, failing(last)}, []retry.Option{retry.MaxTries(9), retry.MaxTries(2)}, nil, last, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := append([]retry.Option{counting}, c.opts...)
				left := len(c.attempts)
				for i, e := range c.attempts {
					c.attempts[i] = enumerator.OnDoneEnumerating(e, func() error { left--; return nil })
				}
				got, took, err := seen(t.Context(), retry.Restart(attempts(c.attempts...), opts...))
				assert.ErrorIs(t, err, c.err)
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.took, took)
				assert.Zero(t, left, "all sources have been started")
			})
		})
	}
}

// wait returns a source that takes d and gives no element.
func wait(d time.Duration) source {
	return enumerator.FlatMap(enumerator.Timer(d), func(time.Time) source { return enumerator.Empty[int]() })
}

// The pace and the count of tries start anew after an attempt that has recovered: it has given an
// element or run out, and has lasted for StableAfter. Under Resume, an element alone starts the count
// anew, but not the pace.
func TestRecovery(t *testing.T) {
	const s = time.Second
	of, fails, ends := enumerator.Of[int], failing(errBoom), failing(retry.ErrRanOut)
	for name, c := range map[string]struct {
		attempt  source
		consumer time.Duration   // the time that it takes for each element
		tries    int             // 0 for no limit
		want     []time.Duration // the start of each of the first attempts
		err      error           // the error after these, nil if there are more attempts
		resume   []time.Duration // the same with Resume, if it goes on where Restart gives up
	}{
		"fails at once":                    {fails, 0, 0, []time.Duration{0, 1 * s, 3 * s, 6 * s, 10 * s}, nil, nil},
		"fails at once, three tries":       {fails, 0, 3, []time.Duration{0, 1 * s, 3 * s}, errBoom, nil},
		"an element, then fails":           {of(1).AndThen(fails), 0, 0, []time.Duration{0, 1 * s, 3 * s, 6 * s, 10 * s}, nil, nil},
		"an element, three tries":          {of(1).AndThen(fails), 0, 3, []time.Duration{0, 1 * s, 3 * s}, errBoom, []time.Duration{0, 1 * s, 3 * s, 6 * s, 10 * s}},
		"runs out at once":                 {retry.Endless(of()), 0, 0, []time.Duration{0, 1 * s, 3 * s, 6 * s}, nil, nil},
		"runs out at once, three tries":    {retry.Endless(of()), 0, 3, []time.Duration{0, 1 * s, 3 * s}, retry.ErrRanOut, nil},
		"an element, then runs out":        {retry.Endless(of(1)), 0, 3, []time.Duration{0, 1 * s, 3 * s}, retry.ErrRanOut, []time.Duration{0, 1 * s, 3 * s, 6 * s, 10 * s}},
		"lasts too short":                  {of(1).AndThen(wait(9 * s)).AndThen(fails), 0, 3, []time.Duration{0, 10 * s, 21 * s}, errBoom, []time.Duration{0, 10 * s, 21 * s, 33 * s, 46 * s}},
		"lasts":                            {of(1).AndThen(wait(10 * s)).AndThen(fails), 0, 2, []time.Duration{0, 11 * s, 22 * s, 33 * s}, nil, nil},
		"lasts, waiting first":             {wait(10 * s).AndThen(of(1)).AndThen(fails), 0, 2, []time.Duration{0, 11 * s, 22 * s, 33 * s}, nil, nil},
		"lasts, one try":                   {of(1).AndThen(wait(10 * s)).AndThen(fails), 0, 1, []time.Duration{0}, errBoom, nil},
		"an element, one try":              {of(1).AndThen(fails), 0, 1, []time.Duration{0}, errBoom, nil},
		"an element, two tries":            {of(1).AndThen(fails), 0, 2, []time.Duration{0, 1 * s}, errBoom, []time.Duration{0, 1 * s, 3 * s, 6 * s, 10 * s}},
		"an element, RetryAfter":           {of(1).AndThen(failing(backoff.RetryAfter(60))), 0, 2, []time.Duration{0, 60 * s}, backoff.RetryAfter(60), []time.Duration{0, 60 * s, 120 * s, 180 * s}},
		"an element, then permanent":       {of(1).AndThen(failing(backoff.Permanent(errBoom))), 0, 3, []time.Duration{0}, errBoom, nil},
		"lasts, empty":                     {wait(30 * s).AndThen(fails), 0, 3, []time.Duration{0, 31 * s, 63 * s}, errBoom, nil},
		"lasts, empty, runs out":           {retry.Endless(wait(10 * s)), 0, 2, []time.Duration{0, 11 * s, 22 * s, 33 * s}, nil, nil},
		"lasts, runs out, wrapped":         {wait(10 * s).AndThen(ends), 0, 2, []time.Duration{0, 11 * s, 22 * s, 33 * s}, nil, nil},
		"a slow consumer":                  {of(1).AndThen(fails), 60 * s, 3, []time.Duration{0, 61 * s, 123 * s}, errBoom, []time.Duration{0, 61 * s, 123 * s, 186 * s}},
		"a slow consumer, runs out":        {retry.Endless(of(1)), 60 * s, 3, []time.Duration{0, 61 * s, 123 * s}, retry.ErrRanOut, []time.Duration{0, 61 * s, 123 * s, 186 * s}},
		"a slow consumer, lasts":           {of(1).AndThen(wait(10 * s)).AndThen(fails), 60 * s, 2, []time.Duration{0, 71 * s, 142 * s}, nil, nil},
		"a slow consumer, lasts too short": {of(1).AndThen(wait(9 * s)).AndThen(fails), 60 * s, 2, []time.Duration{0, 70 * s}, errBoom, []time.Duration{0, 70 * s, 141 * s, 213 * s}},
		"a slow consumer of a live source": {enumerator.Through(enumerator.Repeat(func() int { return 1 }), enumeratee.Take[int](20)).AndThen(fails), 1 * s, 2, []time.Duration{0, 21 * s, 42 * s}, nil, nil},
		"RetryAfter at once":               {failing(backoff.RetryAfter(60)), 0, 3, []time.Duration{0, 60 * s, 120 * s}, &backoff.RetryAfterError{Duration: time.Minute}, nil},
	} {
		for way, retried := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				want, wantErr := c.want, c.err
				if way == "Resume" && c.resume != nil {
					want, wantErr = c.resume, nil
				}
				opts := []retry.Option{counting}
				if c.tries > 0 {
					opts = append(opts, retry.MaxTries(c.tries))
				}
				starts, err := startsOf(t, len(want), func(int) source { return c.attempt }, retried, c.consumer, opts...)
				assert.Equal(t, want, starts)
				if wantErr == nil {
					wantErr = errEnough
				}
				assert.EqualError(t, err, wantErr.Error())
			})
		}
	}
}

// Some attempts make progress or recover. The others fail at once.
func TestProgress(t *testing.T) {
	const s = time.Second
	gives := enumerator.Of(1).AndThen(failing(errBoom))
	recovers := enumerator.Of(1).AndThen(wait(retry.StableAfter)).AndThen(failing(errBoom))
	for name, c := range map[string]struct {
		attempts map[int]source
		tries    int
		restart  []time.Duration // the start of each attempt
		resume   []time.Duration
	}{
		"none":                {nil, 3, []time.Duration{0, 1 * s, 3 * s}, []time.Duration{0, 1 * s, 3 * s}},
		"in the first":        {map[int]source{0: gives}, 3, []time.Duration{0, 1 * s, 3 * s}, []time.Duration{0, 1 * s, 3 * s}},
		"in the second":       {map[int]source{1: gives}, 3, []time.Duration{0, 1 * s, 3 * s}, []time.Duration{0, 1 * s, 3 * s, 6 * s}},
		"in the last":         {map[int]source{2: gives}, 3, []time.Duration{0, 1 * s, 3 * s}, []time.Duration{0, 1 * s, 3 * s, 6 * s, 10 * s}},
		"in the last, twice":  {map[int]source{2: gives, 4: gives}, 3, []time.Duration{0, 1 * s, 3 * s}, []time.Duration{0, 1 * s, 3 * s, 6 * s, 10 * s, 15 * s, 21 * s}},
		"recovery":            {map[int]source{1: recovers}, 2, []time.Duration{0, 1 * s, 12 * s}, []time.Duration{0, 1 * s, 12 * s}},
		"recovery, three":     {map[int]source{2: recovers}, 3, []time.Duration{0, 1 * s, 3 * s, 14 * s, 16 * s}, []time.Duration{0, 1 * s, 3 * s, 14 * s, 16 * s}},
		"progress, recovery":  {map[int]source{1: gives, 2: recovers}, 2, []time.Duration{0, 1 * s}, []time.Duration{0, 1 * s, 3 * s, 14 * s}},
		"recovery, progress":  {map[int]source{1: recovers, 2: gives}, 2, []time.Duration{0, 1 * s, 12 * s}, []time.Duration{0, 1 * s, 12 * s, 14 * s}},
		"progress, then none": {map[int]source{0: gives, 1: gives}, 2, []time.Duration{0, 1 * s}, []time.Duration{0, 1 * s, 3 * s}},
	} {
		for way, want := range map[string][]time.Duration{"Restart": c.restart, "Resume": c.resume} {
			t.Run(name+"/"+way, func(t *testing.T) {
				nth := func(i int) source {
					if e, ok := c.attempts[i]; ok {
						return e
					}
					return failing(errBoom)
				}
				starts, err := startsOf(t, 100, nth, ways[way], 0, counting, retry.MaxTries(c.tries))
				assert.Equal(t, want, starts)
				assert.Equal(t, errBoom, err)
			})
		}
	}
}

// ways holds the functions under test, for sources that do not use the last element.
var ways = map[string]func(source, ...retry.Option) source{
	"Restart": retry.Restart[int],
	"Resume": func(e source, opts ...retry.Option) source {
		return retry.Resume(func(context.Context, int, bool) source { return e }, opts...)
	},
}

var errEnough = errors.New("enough attempts")

// startsOf returns the start of each of the first n attempts, and the error of the run, which is
// errEnough if there are more attempts. nth returns the source of an attempt. The consumer takes busy
// for each element.
func startsOf(t *testing.T, n int, nth func(int) source, retried func(source, ...retry.Option) source, busy time.Duration, opts ...retry.Option) (starts []time.Duration, err error) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		begin := time.Now()
		attempt := enumerator.Defer(func(context.Context) (source, error) {
			if len(starts) == n {
				cancel(errEnough)
				return enumerator.Empty[int](), errEnough
			}
			starts = append(starts, time.Since(begin))
			return nth(len(starts) - 1), nil
		})
		_, err = enumerator.Run(ctx, retried(attempt, opts...), iteratee.ForEach(func(context.Context, int) error {
			time.Sleep(busy)
			return nil
		}))
	})
	return starts, err
}

// A crowd of clients slows down if the server accepts each attempt, gives one element and fails.
func TestACrowdBacksOff(t *testing.T) {
	for way, retried := range ways {
		t.Run(way, func(t *testing.T) { testACrowdBacksOff(t, retried) })
	}
}

func testACrowdBacksOff(t *testing.T, retried func(source, ...retry.Option) source) {
	const clients, minutes = 100, 30
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute)
		defer cancel()
		begin := time.Now()
		var inMinute [minutes]atomic.Int64
		var seen atomic.Int64
		flaky := enumerator.Defer(func(context.Context) (source, error) {
			inMinute[min(int(time.Since(begin)/time.Minute), minutes-1)].Add(1)
			return enumerator.Of(1).AndThen(failing(errBoom)), nil
		})
		e := retried(flaky)
		var running sync.WaitGroup
		for range clients {
			running.Go(func() {
				_, err := enumerator.Run(ctx, e, iteratee.ForEach(func(context.Context, int) error {
					seen.Add(1)
					return nil
				}))
				assert.Equal(t, context.DeadlineExceeded, err)
			})
		}
		running.Wait()
		for i := 10; i < minutes-1; i++ { // each waits for 30 to 90 s by now
			assert.LessOrEqual(t, inMinute[i].Load(), int64(2*clients), "minute %d", i)
		}
		assert.Greater(t, seen.Load(), int64(clients*minutes/2))
	})
}

func TestEndless(t *testing.T) {
	of := enumerator.Of[int]
	got, _, err := seen(t.Context(), retry.Endless(of(1, 2)))
	assert.Equal(t, []int{1, 2}, got)
	assert.Equal(t, retry.ErrRanOut, err)
	got, _, err = seen(t.Context(), retry.Endless(of()))
	assert.Empty(t, got)
	assert.Equal(t, retry.ErrRanOut, err)
	got, _, err = seen(t.Context(), retry.Endless(of(1).AndThen(failing(errBoom))))
	assert.Equal(t, []int{1}, got)
	assert.Equal(t, errBoom, err, "a failure stays as it is")

	// The stream ends when the consumer is done, or when a source sends EOF.
	for n := range 3 {
		got, err := enumerator.Run(t.Context(), retry.Endless(of(1, 2)), iteratee.TakeUpTo[int](n))
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2}[:n], append([]int{}, got...))
	}
	got, _, err = seen(t.Context(), retry.Endless(of(1).AndThen(enumerator.FromInput(iteratee.EOF[int]()))))
	assert.Equal(t, []int{1}, got)
	assert.NoError(t, err)

	ctx, cancel := context.WithCancelCause(t.Context())
	_, err = enumerator.Run(ctx, retry.Endless(of(1)), iteratee.ForEach(func(context.Context, int) error {
		cancel(errBoom)
		return nil
	}))
	assert.Equal(t, errBoom, err, "a source that was cut short has not run out")
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
	}, zero)
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
		}, zero)
		assert.NoError(t, enumeratortest.Test(e, es))
		assert.NoError(t, enumeratortest.Test(retry.Restart(enumerator.FromSlice(es)), es))
		assert.NoError(t, enumeratortest.TestEndless(retry.Endless(enumerator.FromSlice(es).AndThen(probe.Naturals())), es))
		if len(es) > 0 {
			again := retry.Restart(retry.Endless(enumerator.FromSlice(es)), zero)
			assert.NoError(t, enumeratortest.TestEndless(again, slices.Concat(es, es)))
		}
	})
	probe.Listed(t, "Enumerator", []string{"Restart", "Resume", "Endless"}, "test it here")
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
		_, took, err := seen(ctx, retry.Restart(failing(errBoom), hourly))
		assert.Equal(t, ctxEnd, err)
		assert.Equal(t, time.Second, took)

		ctx, cancel = context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(ctxEnd) })
		starts := 0
		_, took, err = seen(ctx, retry.Restart(enumerator.Generate(func(ctx context.Context) (int, bool, error) {
			starts++
			<-ctx.Done()
			return 0, false, errBoom
		}), retry.Notify(func(error, time.Duration) { t.Error("it is not tried again") })))
		assert.Equal(t, ctxEnd, err, "a source that fails when it is stopped")
		assert.Equal(t, time.Second, took)
		assert.Equal(t, 1, starts)
	})
}

// The consumer has a goroutine of its own, so it can be done or fail during the wait for the next
// attempt.
func TestTheConsumerEndsTheWait(t *testing.T) {
	for name, want := range map[string]error{"done": nil, "failed": errBoom} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := enumerator.Through(retry.Restart(enumerator.Of(1).AndThen(failing(errors.New("cut off"))), hourly), enumeratee.Buffer[int](1))
				begin := time.Now()
				_, err := enumerator.Run(t.Context(), e, iteratee.FoldUntil(0, func(context.Context, int, int) (int, bool, error) {
					time.Sleep(time.Minute)
					return 0, true, want
				}))
				assert.Equal(t, want, err)
				assert.Equal(t, time.Minute, time.Since(begin))
			})
		})
	}
}

// A panic of a later attempt reaches the caller too.
func TestAPanicIsNotTriedAgain(t *testing.T) {
	starts := 0
	e := retry.Restart(enumerator.Defer(func(context.Context) (source, error) {
		if starts++; starts == 1 {
			return enumerator.Of(1).AndThen(failing(errBoom)), nil
		}
		panic("boom")
	}), zero)
	assert.PanicsWithValue(t, "boom", func() { _, _, _ = seen(t.Context(), e) })
	assert.Equal(t, 2, starts)
}

func TestTheDefaultDoesNotGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notified := 0
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, took, err := seen(ctx, retry.Restart(failing(errBoom), retry.Notify(func(err error, _ time.Duration) {
			assert.Equal(t, errBoom, err)
			notified++
		})))
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.Equal(t, 24*time.Hour, took)
		assert.Greater(t, notified, 100)
	})
}

// A failure that is tried again does not end the context of the consumer, which may be busy in another
// goroutine.
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

// The consumer learns of the source's bursts.
func TestBurstsReachTheConsumer(t *testing.T) {
	corks := 0
	corking := enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		iteratee.Cork(ctx)(true)
		defer iteratee.Cork(ctx)(false)
		return sink.Next(1)
	})
	consumer := iteratee.New(func(ctx context.Context) (iteratee.Running[int, []int], iteratee.Step) {
		iteratee.OnCork(ctx, func(bool) { corks++ })
		return iteratee.Collect[int]().Start(ctx)
	})
	for _, e := range []source{corking, enumerator.Map(corking, func(e int) int { return e })} {
		corks = 0
		got, err := enumerator.Run(t.Context(), retry.Restart(e), consumer)
		require.NoError(t, err)
		assert.Equal(t, []int{1}, got)
		assert.Equal(t, 2, corks)
	}
}

// Runs do not share a BackOff, even if they are concurrent. Each starts with a new pace.
func TestEachRunHasItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		pace := retry.Pace(func() backoff.BackOff { made.Add(1); return &seconds{n: 99} })
		e := retry.Restart(failing(errBoom), pace, retry.MaxTries(4))
		run := func() {
			_, took, err := seen(t.Context(), e)
			assert.Equal(t, errBoom, err)
			assert.Equal(t, (1+2+3)*time.Second, took)
		}
		run()
		run()
		var running sync.WaitGroup
		for range 10 {
			running.Go(run)
		}
		running.Wait()
		assert.EqualValues(t, 12, made.Load())
	})
}

func TestNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var calls []string
		notify := retry.Notify(func(err error, wait time.Duration) {
			calls = append(calls, fmt.Sprint(time.Since(begin), " ", err, " ", wait))
		})
		last := errors.New("the last")
		_, _, err := seen(t.Context(), retry.Restart(
			attempts(failing(errBoom), failing(backoff.RetryAfter(60)), failing(errBoom), failing(last)), counting, notify, retry.MaxTries(4)))
		assert.Equal(t, last, err)
		assert.Equal(t, []string{"0s boom 1s", "1s retry after 1m0s 1m0s", "1m1s boom 2s"}, calls)

		calls = nil
		_, _, err = seen(t.Context(), retry.Restart(failing(backoff.Permanent(last)), notify))
		assert.ErrorIs(t, err, last)
		assert.Empty(t, calls)

		// A context that ends in Notify ends the run, even if the wait is zero.
		for range 20 {
			ctx, cancel := context.WithCancelCause(t.Context())
			starts := 0
			e := enumerator.Defer(func(context.Context) (source, error) { starts++; return failing(errBoom), nil })
			_, _, err = seen(ctx, retry.Restart(e, zero, retry.Notify(func(error, time.Duration) { cancel(last) })))
			assert.Equal(t, last, err)
			assert.Equal(t, 1, starts)
		}
	})
}

func TestMisuse(t *testing.T) {
	for n, want := range map[int]string{0: "got 0", -1: "got -1"} {
		assert.PanicsWithValue(t, "enumerator/retry: MaxTries: n must be positive, "+want, func() { retry.MaxTries(n) })
	}
	assert.PanicsWithValue(t, "enumerator/retry: Pace: newBackOff must not be nil", func() { retry.Pace(nil) })
	assert.PanicsWithValue(t, "enumerator/retry: Notify: f must not be nil", func() { retry.Notify(nil) })
	assert.PanicsWithValue(t, "enumerator/retry: Resume: open must not be nil", func() { retry.Resume[int](nil) })
	e := retry.Restart(enumerator.Of(1), retry.Pace(func() backoff.BackOff { return nil }))
	assert.PanicsWithValue(t, "enumerator/retry: Pace: newBackOff must not return nil", func() { _, _, _ = seen(t.Context(), e) })
}
