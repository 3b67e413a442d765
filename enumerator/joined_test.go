package enumerator_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type none = struct{}

// One run feeds the consumer half, and another consumes the source half. The bubble fails if either of
// them waits for ever.
func TestJoined(t *testing.T) {
	ctxEnd := errors.New("the context has ended")
	boom := func() int { panic("boom") }
	collect := iteratee.Collect[int]()
	takes := func(n int) iteratee.Iteratee[int, []int] {
		return enumeratee.Transform(enumeratee.Take[int](n), collect)
	}
	for name, c := range map[string]struct {
		feed       source
		consumer   iteratee.Iteratee[int, []int]
		got        []int
		fed, taken error // the errors of the two runs
		panics     string
		cancels    string
	}{
		"all":                       {feed: enumerator.Of(1, 2, 3), consumer: collect, got: []int{1, 2, 3}},
		"nothing":                   {feed: enumerator.Empty[int](), consumer: collect},
		"slowly":                    {feed: after(time.Second, enumerator.Of(1)).AndThen(after(time.Second, enumerator.Of(2))), consumer: collect, got: []int{1, 2}},
		"the consumer is done":      {feed: probe.Naturals(), consumer: takes(2), got: []int{1, 2}},
		"done with the last":        {feed: enumerator.Of(1, 2), consumer: takes(2), got: []int{1, 2}},
		"the consumer fails":        {feed: probe.Naturals(), consumer: iteratee.Map(failsWith(errBoom), func(none) []int { return nil }), fed: errBoom, taken: errBoom},
		"the feed fails":            {feed: failing(), consumer: collect, fed: errBoom, taken: io.ErrUnexpectedEOF},
		"the feed panics":           {feed: enumerator.Repeat(boom), consumer: collect, panics: "feed", taken: io.ErrUnexpectedEOF},
		"the consumer panics":       {feed: probe.Naturals(), consumer: iteratee.Fold(nil, func([]int, int) []int { panic("boom") }), fed: io.ErrClosedPipe, panics: "consumer"},
		"the feed is cancelled":     {feed: enumerator.Of(1).AndThen(silent()), consumer: collect, cancels: "feed", fed: ctxEnd, taken: ctxEnd},
		"the consumer is cancelled": {feed: enumerator.Of(1).AndThen(after(time.Hour, enumerator.Of(2, 3))), consumer: collect, cancels: "consumer", fed: ctxEnd, taken: ctxEnd},
		"cancelled, then EOF":       {feed: enumerator.Of(1).AndThen(after(time.Hour, enumerator.Empty[int]())), consumer: collect, cancels: "consumer", fed: ctxEnd, taken: ctxEnd},
		"a chain of consumers": {feed: enumerator.Of(1, 2, 3, 4), consumer: iteratee.FlatMap(takes(1), func(a []int) iteratee.Iteratee[int, []int] {
			return iteratee.Map(takes(2), func(b []int) []int { return append(a, b...) })
		}), got: []int{1, 2, 3}},
	} {
		for first, delays := range map[string][2]time.Duration{
			"feed first":     {0, time.Minute},
			"consumer first": {time.Minute, 0},
			"at once":        {0, 0},
		} {
			t.Run(name+", "+first, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					consumer, e := enumerator.Joined[int]()
					run := func(side string, delay time.Duration, run func(context.Context) error) <-chan any {
						over := make(chan any, 1)
						go func() {
							ctx, cancel := context.WithCancelCause(t.Context())
							defer cancel(nil)
							time.Sleep(delay)
							if c.cancels == side {
								defer time.AfterFunc(2*time.Minute, func() { cancel(ctxEnd) }).Stop()
							}
							var err error
							if v := recovered(func() { err = run(ctx) }); v != nil {
								over <- v
							} else {
								over <- err
							}
						}()
						return over
					}
					fed := run("feed", delays[0], func(ctx context.Context) error {
						_, err := enumerator.Run(ctx, c.feed, consumer)
						return err
					})
					taken := run("consumer", delays[1], func(ctx context.Context) error {
						got, err := enumerator.Run(ctx, e, c.consumer)
						assert.Equal(t, c.got, got)
						return err
					})
					ends := func(side string, over <-chan any, want error) {
						got := <-over
						err, _ := got.(error)
						switch {
						case c.panics == side:
							assert.Equal(t, "boom", got, side)
						case want != nil:
							assert.ErrorIs(t, err, want, side)
						default:
							assert.Nil(t, got, side)
						}
					}
					ends("feed", fed, c.fed)
					ends("consumer", taken, c.taken)
				})
			})
		}
	}
}

func TestJoinedWhereTheOtherSideNeverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		consumer, _ := enumerator.Joined[int]()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errBoom) })
		_, err := enumerator.Run(ctx, enumerator.Of(1), consumer)
		assert.Equal(t, errBoom, err)

		_, e := enumerator.Joined[int]()
		endsAfterASecond(t, e)

		consumer, e = enumerator.Joined[int]()
		_, err = enumerator.Run(t.Context(), enumerator.Empty[int](), consumer)
		require.NoError(t, err, "EOF does not wait")
		assert.Equal(t, []int{7}, collect(t, e.AndThen(enumerator.Of(7))))
	})
}

func TestJoinedTwice(t *testing.T) {
	consumer, e := enumerator.Joined[int]()
	go func() { _, _ = enumerator.Run(t.Context(), enumerator.Of(1), consumer) }()
	assert.Equal(t, []int{1}, collect(t, e))
	_, err := seen(t.Context(), e, 0)
	assert.EqualError(t, err, "enumerator: Joined: each half can be run only once")
	_, err = enumerator.Run(t.Context(), enumerator.Of(1), consumer)
	assert.EqualError(t, err, "enumerator: Joined: each half can be run only once")
}

func TestJoinedToASourceThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		consumer, e := enumerator.Joined[int]()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errBoom) })
		_, err := seen(ctx, e, 0)
		require.Equal(t, errBoom, err)
		feed := &probe.Source{N: 3}
		_, err = enumerator.Run(t.Context(), feed.Enumerator(), consumer)
		assert.ErrorIs(t, err, errBoom)
		assert.Zero(t, feed.Starts.Load(), "the source is not started")
	})
}

func TestJoinedKeepsBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		consumer, e := enumerator.Joined[int]()
		feed := &probe.Source{N: -1}
		go func() { _, _ = enumerator.Run(t.Context(), feed.Enumerator(), consumer) }()
		synctest.Wait()
		assert.EqualValues(t, 1, feed.Pulls.Load())
		n := 0
		_, err := enumerator.Run(t.Context(), enumerator.Through(e, enumeratee.Take[int](3)), iteratee.ForEach(func(context.Context, int) error {
			synctest.Wait()
			n++
			assert.EqualValues(t, n, feed.Pulls.Load())
			return nil
		}))
		require.NoError(t, err)
		synctest.Wait()
		assert.EqualValues(t, 1, feed.Closes.Load())
	})
}

// A failed feed in another goroutine has also ended without EOF.
func TestJoinedBehindABuffer(t *testing.T) {
	for name, c := range map[string]struct {
		source enumerator.Enumerator[int]
		want   error
	}{
		"the source fails":  {enumerator.Of(1).AndThen(enumerator.Generate(func(context.Context) (int, bool, error) { return 0, false, errBoom })), io.ErrUnexpectedEOF},
		"the source panics": {enumerator.Of(1).AndThen(enumerator.Repeat(func() int { panic("source") })), io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			consumer, e := enumerator.Joined[int]()
			go func() {
				defer func() { _ = recover() }()
				_, _ = enumerator.Run(context.Background(), c.source, enumeratee.Transform(enumeratee.Buffer[int](1), consumer))
			}()
			_, err := enumerator.Run(t.Context(), e, iteratee.Ignore[int]())
			assert.ErrorIs(t, err, c.want)
		})
	}
}
