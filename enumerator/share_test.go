package enumerator_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
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

func values(e items) enumerator.Enumerator[int] { return enumerator.Values(e, nil) }

// ticking gives 1, 2, 3 and so on, one each second, and counts its runs.
type ticking struct{ starts, stops atomic.Int64 }

func (s *ticking) Enumerator() enumerator.Enumerator[int] {
	return enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		s.starts.Add(1)
		n := 0
		ticks := enumerator.Map(enumerator.Interval(time.Second), func(time.Time) int { n++; return n })
		return closing(ticks, &s.stops), nil
	})
}

// In Play, the source starts before the first consumer is attached, so that consumer misses the elements
// of a source that does not wait.
func TestShareOfASourceThatDoesNotWait(t *testing.T) {
	shared := enumerator.Share(enumerator.Of(1, 2, 3))
	for range 3 { // the source starts again
		assert.Equal(t, []int{1, 2, 3, 9}, collect(t, values(shared.Live()).AndThen(enumerator.Of(9))))
	}
	long := enumerator.Share(count(0, 10_000), enumerator.Capacity(1))
	assert.Equal(t, numbers(10_000), collect(t, values(long.Live())))
	got, err := seen(t.Context(), values(enumerator.Share(probe.Naturals()).Live()), 3)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, got)
}

func TestShareRunsTheSourceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &ticking{}
		shared := enumerator.Share(source.Enumerator())
		var wg sync.WaitGroup
		run := func(after time.Duration, e items, want ...int) {
			wg.Go(func() {
				time.Sleep(after)
				got, err := seen(t.Context(), values(e), len(want))
				assert.NoError(t, err)
				assert.Equal(t, want, got)
			})
		}
		const half = time.Second / 2
		run(0, shared.Live(), 1, 2, 3)
		run(3*half, shared.Live(), 2, 3, 4, 5)
		run(5*half, shared.Last(9), 1, 2, 3)
		run(5*half, shared.FromOrLast(enumerator.Position{}, 9), 1, 2, 3)
		run(5*half, shared.Last(1), 2, 3)
		run(20*half, shared.Live(), 1, 2) // the other runs have left
		wg.Wait()
		assert.EqualValues(t, 2, source.starts.Load())
		assert.EqualValues(t, 2, source.stops.Load(), "the source stops before the last run is over")
	})
	assert.PanicsWithValue(t, "enumerator: FromOrLast: n must not be negative, got -1", func() {
		enumerator.Share(silent()).FromOrLast(enumerator.Position{Epoch: 1}, -1)
	})
	assert.PanicsWithValue(t, "enumerator: Last: n must not be negative, got -1", func() { enumerator.Share(silent()).Last(-1) })
}

func TestShareFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := enumerator.Share((&ticking{}).Enumerator())
		release := shared.Hold()
		got, err := seen(t.Context(), shared.Live(), 3)
		require.NoError(t, err)
		time.Sleep(3 * time.Second)
		more, err := seen(t.Context(), shared.From(got[2].Position), 5)
		require.NoError(t, err)
		assert.Equal(t, []string{"at 0", "1", "2", "at 2", "3", "4", "5", "6"}, shown(append(got, more...)), "Hold has kept the source")
		require.NoError(t, release())
		require.NoError(t, release())
		more, err = seen(t.Context(), shared.FromOrLast(got[2].Position, 0), 2)
		require.NoError(t, err)
		assert.Equal(t, []string{"reset 0", "1"}, shown(more), "each run of the source has an epoch of its own")
	})
}

func TestShareCountsItsRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := enumerator.Share(enumerator.Of(1))
		busy := iteratee.ForEach(func(context.Context, item) error { time.Sleep(time.Minute); return nil })
		var wg sync.WaitGroup
		for n := range 3 { // the source has run out, so each run starts it again
			assert.Equal(t, n, shared.Runs())
			wg.Go(func() {
				_, err := enumerator.Run(t.Context(), shared.Live(), busy)
				assert.NoError(t, err)
			})
			synctest.Wait()
		}
		wg.Wait()
		assert.Zero(t, shared.Runs())
	})
}

func TestShareHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &ticking{}
		shared := enumerator.Share(source.Enumerator())
		first, second := shared.Hold(), shared.Hold()
		assert.Zero(t, source.starts.Load(), "Hold does not start the source")
		_, err := seen(t.Context(), values(shared.Live()), 1)
		require.NoError(t, err)
		require.NoError(t, first())
		assert.Zero(t, source.stops.Load(), "the second Hold keeps the source")
		require.NoError(t, second())
		assert.EqualValues(t, 1, source.stops.Load())

		third := shared.Hold()
		_, err = seen(t.Context(), enumerator.Through(values(shared.Live()), enumeratee.MapM(func(_ context.Context, e int) (int, error) {
			assert.NoError(t, third())
			assert.EqualValues(t, 1, source.stops.Load(), "a run is attached")
			return e, nil
		})), 1)
		require.NoError(t, err)
		assert.EqualValues(t, 2, source.stops.Load())
		assert.NoError(t, shared.Hold()(), "the source does not run")
	})
}

// Each run gets the elements that came before, and then ends as the source has ended.
func TestShareEnds(t *testing.T) {
	type value struct{ int }
	boom := &value{7}
	for name, c := range map[string]struct {
		end      enumerator.Enumerator[int]
		want     []int
		err      error
		panicked any
	}{
		"runs out": {enumerator.Empty[int](), []int{1, 2, 9}, nil, nil},
		"EOF":      {enumerator.FromInput(iteratee.EOF[int]()), []int{1, 2}, nil, nil},
		"fails":    {enumerator.RepeatM(func(context.Context) (int, error) { return 0, errBoom }), []int{1, 2}, errBoom, nil},
		"panics":   {enumerator.Repeat(func() int { panic(boom) }), []int{1, 2}, nil, boom},
		"Goexit":   {enumerator.Repeat(func() int { runtime.Goexit(); return 0 }), []int{1, 2}, nil, "enumerator: Share: the source has called runtime.Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := enumerator.Share(after(time.Second, enumerator.Of(1, 2)).AndThen(c.end))
				run := func() {
					var got []int
					defer func() {
						v := recover()
						if err, ok := v.(error); ok {
							v = err.Error()
						}
						assert.Equal(t, c.panicked, v)
						assert.Equal(t, c.want, got)
					}()
					_, err := enumerator.Run(t.Context(), values(shared.Live()).AndThen(enumerator.Of(9)),
						iteratee.ForEach(func(_ context.Context, e int) error { got = append(got, e); return nil }))
					assert.ErrorIs(t, err, c.err)
				}
				for range 2 { // the source starts again
					var wg sync.WaitGroup
					for range 5 {
						wg.Go(run)
					}
					wg.Wait()
				}

				// If no run is attached, the next run ends in that way, or the last release returns the error.
				shared = enumerator.Share(after(time.Second, enumerator.Of(1)).AndThen(after(time.Second, c.end)))
				release := shared.Hold()
				leave := func() {
					_, err := seen(t.Context(), values(shared.Live()), 1)
					require.NoError(t, err)
					time.Sleep(time.Minute)
				}
				leave()
				assert.Equal(t, c.err != nil || c.panicked != nil, fails(func() error { _, err := seen(t.Context(), values(shared.Live()), 0); return err }))
				leave()
				assert.Equal(t, c.err != nil || c.panicked != nil, fails(release))
			})
		})
	}
}

func fails(f func() error) (failed bool) {
	defer func() { failed = recover() != nil || failed }()
	return f() != nil
}

// The source ends before the last run, however that ends.
func TestShareAbandoned(t *testing.T) {
	for name, c := range map[string]struct {
		each func(cancel func()) (bool, error)
		err  error
	}{
		"done":   {func(func()) (bool, error) { return true, nil }, nil},
		"error":  {func(func()) (bool, error) { return false, errBoom }, errBoom},
		"cancel": {func(cancel func()) (bool, error) { cancel(); return false, nil }, errCut},
		"panic":  {func(func()) (bool, error) { panic(errBoom) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				source := &ticking{}
				shared := enumerator.Share(source.Enumerator(), enumerator.Capacity(1))
				func() {
					defer func() { assert.Equal(t, name == "panic", recover() != nil) }()
					_, err := enumerator.Run(ctx, shared.Live(), iteratee.FoldUntil(0, func(context.Context, int, item) (int, bool, error) {
						time.Sleep(time.Minute) // the source waits for room now
						done, err := c.each(func() { cancel(errCut) })
						return 0, done, err
					}))
					assert.ErrorIs(t, err, c.err)
				}()
				assert.EqualValues(t, 1, source.stops.Load())
				cancel(nil)
			})
		})
	}
	t.Run("a source that fails when it is stopped", func(t *testing.T) {
		shared := enumerator.Share(enumerator.OnDoneEnumerating(probe.Naturals(), func() error { return errBoom }))
		_, err := seen(t.Context(), values(shared.Live()), 1)
		assert.ErrorIs(t, err, errBoom)
		_, err = enumerator.Run(t.Context(), shared.Live(), iteratee.ForEach(func(context.Context, item) error { return errCut }))
		assert.ErrorIs(t, err, errCut, "the first error counts")
		assert.NotErrorIs(t, err, errBoom)
	})
	t.Run("a source that panics when it is stopped", func(t *testing.T) {
		waiting := make(chan struct{})
		p := enumerator.Generate(func(ctx context.Context) (int, bool, error) {
			close(waiting)
			<-ctx.Done()
			panic("boom")
		})
		shared := enumerator.Share(enumerator.Of(1).AndThen(p))
		assert.PanicsWithValue(t, "boom", func() {
			_, _ = enumerator.Run(t.Context(), shared.Live(), iteratee.FoldUntil(0, func(context.Context, int, item) (int, bool, error) {
				<-waiting // a source that is stopped earlier does not reach p
				return 0, true, nil
			}))
		})
	})
	t.Run("the source does not see the context of a run", func(t *testing.T) {
		type key struct{}
		shared := enumerator.Share(enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
			if ctx.Value(key{}) != nil {
				return enumerator.Empty[int](), errors.New("the context has values")
			}
			return enumerator.Of(1), nil
		}))
		_, err := seen(context.WithValue(t.Context(), key{}, 1), values(shared.Live()), 1)
		assert.NoError(t, err)
	})
}

func TestShareComesAndGoes(t *testing.T) {
	source := &probe.Source{N: -1}
	var running atomic.Int64
	shared := enumerator.Share(enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		assert.EqualValues(t, 1, running.Add(1), "the source never runs twice at the same time")
		return enumerator.OnDoneEnumerating(source.Enumerator(), func() error { running.Add(-1); return nil }), nil
	}), enumerator.Capacity(2))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := 1; n < 50; n++ {
				got, err := seen(t.Context(), values(shared.Live()), n)
				assert.NoError(t, err)
				for i := range got {
					assert.Equal(t, got[0]+i, got[i])
				}
			}
		})
	}
	wg.Wait()
	assert.Zero(t, running.Load())
	assert.Equal(t, source.Starts.Load(), source.Closes.Load())
}
