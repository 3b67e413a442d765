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
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// count returns a source of n ints from first.
func count(first, n int) enumerator.Enumerator[int] {
	return enumerator.Unfold(first, func(e int) (int, int, bool) { return e, e + 1, e < first+n })
}

// after returns a source that waits for the given time and then runs e.
func after(d time.Duration, e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
	return enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
		select {
		case <-time.After(d):
			return e, nil
		case <-ctx.Done():
			return e, context.Cause(ctx)
		}
	})
}

// closing returns e, and counts its finished runs in n.
func closing(e enumerator.Enumerator[int], n *atomic.Int64) enumerator.Enumerator[int] {
	return enumerator.OnDoneEnumerating(e, func() error { n.Add(1); return nil })
}

func TestInterleave(t *testing.T) {
	for name, c := range map[string]struct {
		e       enumerator.Enumerator[int]
		sources [][]int
	}{
		"none":      {enumerator.Interleave[int](), nil},
		"one":       {enumerator.Interleave(count(0, 100)), [][]int{numbers(100)}},
		"two":       {enumerator.Interleave(enumerator.Of(1, 2), enumerator.Of(3, 4)), [][]int{{1, 2}, {3, 4}}},
		"empty":     {enumerator.Interleave(enumerator.Empty[int](), enumerator.Empty[int]()), nil},
		"one empty": {enumerator.Interleave(enumerator.Empty[int](), enumerator.Of(3, 4)), [][]int{{3, 4}}},
		"five": {enumerator.Interleave(count(0, 50), count(1000, 100), enumerator.Empty[int](), count(2000, 1), count(3000, 7)),
			[][]int{numbers(50), collect(t, count(1000, 100)), {2000}, collect(t, count(3000, 7))}},
		"nested": {enumerator.Interleave(enumerator.Interleave(enumerator.Of(1, 2), enumerator.Of(3, 4)), enumerator.Of(5, 6)),
			[][]int{{1, 2}, {3, 4}, {5, 6}}},
	} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 8 { // concurrently, then again
				wg.Go(func() { hasAllInOrder(t, c.e, c.sources) })
			}
			wg.Wait()
			hasAllInOrder(t, c.e, c.sources)
		})
	}
}

// hasAllInOrder checks that e gives all elements of the sources, each source in its order. The sources
// have no element in common.
func hasAllInOrder(t *testing.T, e enumerator.Enumerator[int], sources [][]int) {
	got, err := enumerator.Run(t.Context(), e.AndThen(enumerator.Of(-1)), iteratee.Collect[int]())
	assert.NoError(t, err)
	total := 0
	for _, source := range sources {
		total += len(source)
		left := source
		for _, e := range got {
			if len(left) > 0 && e == left[0] {
				left = left[1:]
			}
		}
		assert.Empty(t, left, "the order of the source")
	}
	if assert.Len(t, got, total+1) {
		assert.Equal(t, -1, got[total], "the next source starts when all have run out")
	}
}

func TestInterleaveMixesSourcesAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := after(time.Second, enumerator.Of(1)).AndThen(after(2*time.Second, enumerator.Of(3)))
		other := after(2*time.Second, enumerator.Of(2)).AndThen(after(2*time.Second, enumerator.Of(4, 5)))
		assert.Equal(t, []int{1, 2, 3, 4, 5}, collect(t, enumerator.Interleave(slow, other)))
	})
	first := make(chan struct{})
	gated := enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		<-first
		return enumerator.Of(4, 5), nil
	})
	got := collect(t, enumerator.Interleave(
		enumerator.OnDoneEnumerating(enumerator.Of(1, 2, 3), func() error { close(first); return nil }), gated))
	assert.Equal(t, []int{1, 2, 3, 4, 5}, got, "the second starts when the first is over")
}

func TestInterleaveIsNotAhead(t *testing.T) {
	for n := 1; n < 5; n++ {
		one := &probe.Source{N: -1}
		got, err := seen(t.Context(), enumerator.Interleave(one.Enumerator()), n)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 3, 4}[:n], got)
		assert.EqualValues(t, n, one.Pulls.Load())
		assert.EqualValues(t, 1, one.Closes.Load())

		a, b := &probe.Source{N: -1}, &probe.Source{N: -1}
		got, err = seen(t.Context(), enumerator.Interleave(a.Enumerator(), b.Enumerator()), n)
		require.NoError(t, err)
		assert.Len(t, got, n)
		assert.LessOrEqual(t, a.Pulls.Load()+b.Pulls.Load(), int64(n+1), "at most one element waits")
		assert.Equal(t, a.Starts.Load(), a.Closes.Load())
		assert.Equal(t, b.Starts.Load(), b.Closes.Load())
	}
	untouched := &probe.Source{N: -1}
	assert.Nil(t, collect(t, enumerator.Through(enumerator.Interleave(untouched.Enumerator()), enumeratee.Take[int](0))))
	assert.Zero(t, untouched.Starts.Load())
}

// One source is silent in these runs. The bubble fails if anything waits for ever, or if a goroutine
// remains.
func TestInterleaveStopsASilentSource(t *testing.T) {
	one, ctxEnd := enumerator.Of(1), errors.New("the context has ended")
	for name, c := range map[string]struct {
		other    enumerator.Enumerator[int]
		consumer iteratee.Iteratee[int, struct{}]
		want     error
	}{
		"the consumer is done": {one, iteratee.Map(iteratee.Head[int](), func(*int) (none struct{}) { return none }), nil},
		"an adapter stops":     {one, enumeratee.Transform(enumeratee.Take[int](1), iteratee.Ignore[int]()), nil},
		"the consumer fails":   {one, failsWith(errBoom), errBoom},
		"another fails":        {failing(), iteratee.Ignore[int](), errBoom},
		"another fails later":  {one.AndThen(after(time.Second, failing())), iteratee.Ignore[int](), errBoom},
		"the context ends":     {one.AndThen(silent()), iteratee.Ignore[int](), ctxEnd},
	} {
		for _, silentFirst := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					stop := time.AfterFunc(time.Minute, func() { cancel(ctxEnd) })
					defer stop.Stop()
					var over atomic.Int64
					started := make(chan struct{})
					waits := closing(enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
						close(started)
						return silent(), nil
					}), &over)
					other := enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
						<-started
						return c.other, nil
					})
					e := enumerator.Interleave(waits, other)
					if !silentFirst {
						e = enumerator.Interleave(other, waits)
					}
					start := time.Now()
					_, err := enumerator.Run(ctx, e, c.consumer)
					assert.ErrorIs(t, err, c.want)
					if !errors.Is(c.want, ctxEnd) {
						assert.Less(t, time.Since(start), time.Minute, "at once")
					}
					assert.EqualValues(t, 1, over.Load(), "the other has returned before the run does")
				})
			})
		}
	}
}

func TestInterleaveFailureWhileAnotherWaitsForTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &probe.Source{N: -1}
		failsNow := after(time.Second, failing())
		consumer := iteratee.ForEach(func(context.Context, int) error { time.Sleep(3 * time.Second); return nil })
		_, err := enumerator.Run(t.Context(), enumerator.Interleave(source.Enumerator(), failsNow), consumer)
		assert.ErrorIs(t, err, errBoom)
		assert.EqualValues(t, 1, source.Closes.Load())
	})
}

func TestInterleaveEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endsAfterASecond(t, enumerator.Interleave(silent(), enumerator.Of(1), silent()), 1)
	})
	endsAtOnce(t, enumerator.Interleave(probe.Naturals()))

	ctx, cancel := context.WithCancelCause(t.Context())
	a, b := &probe.Source{N: -1}, &probe.Source{N: -1}
	_, err := enumerator.Run(ctx, enumerator.Interleave(a.Enumerator(), b.Enumerator()), iteratee.Fold(0, func(n, _ int) int {
		if n == 10 {
			cancel(errBoom)
		}
		return n + 1
	}))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, a.Starts.Load(), a.Closes.Load())
	assert.Equal(t, b.Starts.Load(), b.Closes.Load())
}

func TestInterleavePanics(t *testing.T) {
	type value struct{ int }
	boom := &value{7}
	panics := enumerator.Repeat(func() int { panic(boom) })
	for name, c := range map[string]struct {
		e        func(waits enumerator.Enumerator[int]) enumerator.Enumerator[int]
		consumer iteratee.Iteratee[int, int]
	}{
		"the first source": {func(waits enumerator.Enumerator[int]) enumerator.Enumerator[int] {
			return enumerator.Interleave(panics, waits)
		}, sumUp},
		"the second source": {func(waits enumerator.Enumerator[int]) enumerator.Enumerator[int] {
			return enumerator.Interleave(waits, panics)
		}, sumUp},
		"after an element": {func(waits enumerator.Enumerator[int]) enumerator.Enumerator[int] {
			return enumerator.Interleave(waits, enumerator.Of(1).AndThen(panics))
		}, sumUp},
		"the consumer": {func(waits enumerator.Enumerator[int]) enumerator.Enumerator[int] {
			return enumerator.Interleave(enumerator.Of(1, 2), waits, probe.Naturals())
		}, iteratee.Fold(0, func(int, int) int { panic(boom) })},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			var started, over atomic.Int64
			e := c.e(closing(enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
				started.Add(1)
				return silent(), nil
			}), &over))
			var got any
			func() {
				defer func() { got = recover() }()
				_, _ = enumerator.Run(t.Context(), e, c.consumer)
			}()
			assert.Same(t, boom, got, "the same value")
			assert.LessOrEqual(t, started.Load(), over.Load(), "every source that was started has returned")
		})
	}
	t.Run("a source that calls Goexit", func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		leaves := enumerator.Repeat(func() int { runtime.Goexit(); return 0 })
		assert.PanicsWithError(t, "enumerator: Interleave: a source has called runtime.Goexit", func() {
			_, _ = seen(t.Context(), enumerator.Interleave(silent(), leaves), 0)
		})
	})
}

func TestInterleaveSendsEOFWhenAllHave(t *testing.T) {
	ends := func(e int) enumerator.Enumerator[int] {
		return enumerator.FromInput(iteratee.El(e).Then(iteratee.EOF[int]()))
	}
	for name, c := range map[string]struct {
		e    enumerator.Enumerator[int]
		want []int
		eofs int
	}{
		"one of one":        {enumerator.Interleave(ends(1)), []int{1}, 1},
		"both of two":       {enumerator.Interleave(ends(1), ends(2)), []int{1, 2}, 1},
		"the first of two":  {enumerator.Interleave(ends(1), enumerator.Of(2)), []int{1, 2, 9}, 0},
		"the second of two": {enumerator.Interleave(enumerator.Of(1), ends(2)), []int{1, 2, 9}, 0},
		"none of two":       {enumerator.Interleave(enumerator.Of(1), enumerator.Of(2)), []int{1, 2, 9}, 0},
		"no sources":        {enumerator.Interleave[int](), []int{9}, 0},
		"three of three":    {enumerator.Interleave(ends(1), ends(2), ends(3)), []int{1, 2, 3}, 1},
		"two of three":      {enumerator.Interleave(ends(1), ends(2), enumerator.Empty[int]()), []int{1, 2, 9}, 0},
		"nested":            {enumerator.Interleave(enumerator.Interleave(ends(1), ends(2)), ends(3)), []int{1, 2, 3}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
			e := c.e.AndThen(enumerator.Of(9))
			got, err := enumerator.Run(t.Context(), e, consumer.Iteratee())
			require.NoError(t, err)
			assert.ElementsMatch(t, c.want, got)
			assert.EqualValues(t, 1, consumer.EOFs.Load(), "EOF is sent at most once")

			consumer = &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
			_ = enumerator.Apply(t.Context(), e, consumer.Iteratee())
			assert.EqualValues(t, c.eofs, consumer.EOFs.Load())
		})
	}
}

func TestInterleavePanicOfAStoppedSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := enumerator.Generate(func(ctx context.Context) (int, bool, error) { <-ctx.Done(); panic("boom") })
		assert.PanicsWithValue(t, "boom", func() { _, _ = seen(t.Context(), enumerator.Interleave(p, after(time.Second, enumerator.Of(1))), 1) })
	})
}

func TestInterleaveKeepsTheErrorOfAStoppedSource(t *testing.T) {
	e := enumerator.OnDoneEnumerating(enumerator.Of(1), func() error { return errBoom })
	_, err := seen(t.Context(), e, 1)
	assert.ErrorIs(t, err, errBoom, "plain")
	_, err = seen(t.Context(), enumerator.Interleave(e), 1)
	assert.ErrorIs(t, err, errBoom, "interleaved")
	e = enumerator.OnDoneEnumerating(probe.Naturals(), func() error { return errBoom })
	_, err = seen(t.Context(), enumerator.Interleave(e), 1)
	assert.ErrorIs(t, err, errBoom, "joined to the error of a stop")
}

func TestInterleaveTellsASourceHowTheConsumerEnded(t *testing.T) {
	var got []error
	e := enumerator.FromCallback(func(context.Context, bool) (int, bool, error) { return 1, true, nil }, nil, func(err error) { got = append(got, err) })
	_, err := seen(t.Context(), e, 1)
	assert.NoError(t, err)
	assert.Empty(t, got, "plain")
	_, err = seen(t.Context(), enumerator.Interleave(e), 1)
	assert.NoError(t, err)
	assert.Empty(t, got, "interleaved")
	_, err = enumerator.Run(t.Context(), enumerator.Interleave(e), iteratee.ForEach(func(context.Context, int) error { return errBoom }))
	assert.ErrorIs(t, err, errBoom)
	require.Len(t, got, 1)
	assert.ErrorIs(t, got[0], errBoom)
}

func TestInterleaveOfASourceThatReturnsErrStopped(t *testing.T) {
	waits := enumerator.Generate(func(ctx context.Context) (int, bool, error) {
		<-ctx.Done()
		return 0, false, ctx.Err()
	})
	got, err := seen(t.Context(), enumerator.Interleave(waits, enumerator.Of(1)), 1)
	require.NoError(t, err)
	assert.Equal(t, []int{1}, got)
}
