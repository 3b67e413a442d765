package enumerator_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
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

var errBoom = errors.New("boom")

func collect[E any](t *testing.T, e enumerator.Enumerator[E]) []E {
	t.Helper()
	got, err := enumerator.Run(t.Context(), e, iteratee.Collect[E]())
	require.NoError(t, err)
	return got
}

func upTo3(n int) (int, int, bool) { return n, n + 1, n <= 3 }

// failing returns a source that gives 1 and then fails.
func failing() enumerator.Enumerator[int] {
	return enumerator.Of(1).AndThen(enumerator.Generate(func(context.Context) (int, bool, error) { return 0, false, errBoom }))
}

func TestSources(t *testing.T) {
	assert.Equal(t, []int{1, 2, 3}, collect(t, enumerator.Of(1, 2, 3)))
	assert.Nil(t, collect(t, enumerator.Of[int]()))
	assert.Nil(t, collect(t, enumerator.Empty[int]()))
	assert.Nil(t, collect(t, enumerator.Enumerator[int]{}), "the zero value is Empty")
	assert.Equal(t, []string{"a", "b"}, collect(t, enumerator.FromSlice([]string{"a", "b"})))
	assert.Nil(t, collect(t, enumerator.FromSlice[int](nil)))
	assert.Equal(t, []int{0, 1, 2, 3}, collect(t, enumerator.Unfold(0, upTo3)))
	assert.Equal(t, []int{0, 1, 2, 3, 12}, collect(t, enumerator.Unfold(0, upTo3).AndThen(enumerator.Of(12))))
	assert.Equal(t, []int{1, 2, 3}, collect(t, enumerator.FromSeq(slices.Values([]int{1, 2, 3}))))
	assert.Nil(t, collect(t, enumerator.FromSeq(maps.Keys(map[int]int{}))))
}

func TestCancelWhileASourceWaits(t *testing.T) {
	for name, source := range map[string]enumerator.Enumerator[int]{
		"Generate": enumerator.Generate(func(ctx context.Context) (int, bool, error) {
			<-ctx.Done()
			return 0, false, context.Cause(ctx)
		}),
		"Generate that hides the cause": enumerator.Generate(func(ctx context.Context) (int, bool, error) {
			<-ctx.Done()
			return 0, false, nil
		}),
		"Interval": enumerator.Through(enumerator.Interval(time.Hour), enumeratee.Map(func(time.Time) int { return 0 })),
		"nested": enumerator.Of(1).AndThen(enumerator.Through(enumerator.Interval(time.Hour),
			enumeratee.Compose(enumeratee.Take[time.Time](3), enumeratee.Map(func(time.Time) int { return 0 })))),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errBoom) })
				start := time.Now()
				_, err := enumerator.Run(ctx, source, iteratee.Collect[int]())
				assert.ErrorIs(t, err, errBoom)
				assert.Equal(t, time.Second, time.Since(start), "promptly")
			})
		})
	}
}

func TestCancelStopsSourcesThatNeverWait(t *testing.T) {
	endless := func(yield func(int) bool) {
		for yield(1) {
		}
	}
	for name, source := range map[string]enumerator.Enumerator[int]{
		"Unfold":    enumerator.Unfold(0, func(s int) (int, int, bool) { return s, s, true }),
		"Generate":  enumerator.Generate(func(context.Context) (int, bool, error) { return 0, true, nil }),
		"FromSeq":   enumerator.FromSeq(endless),
		"FromSlice": enumerator.FromSlice(make([]int, 1000)),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			n := 0
			count := iteratee.Fold(0, func(_, _ int) int {
				if n++; n == 10 {
					cancel(errBoom)
				}
				return 0
			})
			_, err := enumerator.Run(ctx, source, count)
			assert.ErrorIs(t, err, errBoom)
			assert.Less(t, n, 200)
		})
	}
}

func TestRunOfACancelledContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	source := &probe.Source{N: 3}
	_, err := enumerator.Run(ctx, source.Enumerator(), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom)
	assert.Zero(t, source.Starts.Load())
	_, err = enumerator.Run(ctx, enumerator.Empty[int](), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom)
}

func TestRunSendsEOFOnce(t *testing.T) {
	for name, c := range map[string]struct {
		source enumerator.Enumerator[int]
		eofs   int
	}{
		"empty":        {enumerator.Empty[int](), 1},
		"some":         {enumerator.Of(1, 2), 1},
		"concatenated": {enumerator.Of(1).AndThen(enumerator.Empty[int]()).AndThen(enumerator.Of(2)), 1},
		"stopped":      {enumerator.Through(probe.Naturals(), enumeratee.Take[int](2)), 1},
		"failed":       {failing(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
			_, _ = enumerator.Run(t.Context(), c.source, consumer.Iteratee())
			assert.EqualValues(t, c.eofs, consumer.EOFs.Load())
		})
	}
	done := &probe.Counted[int, *int]{It: iteratee.Head[int]()}
	_, err := enumerator.Run(t.Context(), probe.Naturals(), done.Iteratee())
	require.NoError(t, err)
	assert.Zero(t, done.EOFs.Load(), "a consumer that is done gets no EOF")
}

func TestApplySendsNoEOF(t *testing.T) {
	consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
	half := enumerator.Apply(t.Context(), enumerator.Of(1, 2), consumer.Iteratee())
	assert.Zero(t, consumer.EOFs.Load())
	got, err := enumerator.Run(t.Context(), enumerator.Of(3), half)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, got)
	assert.EqualValues(t, 1, consumer.EOFs.Load())

	_, err = enumerator.Run(t.Context(), enumerator.Of(3), enumerator.Apply(t.Context(), failing(), iteratee.Collect[int]()))
	assert.ErrorIs(t, err, errBoom, "the failure of the source")

	head, err := enumerator.Run(t.Context(), enumerator.Of(3), enumerator.Apply(t.Context(), enumerator.Of(1), iteratee.Head[int]()))
	require.NoError(t, err)
	assert.Equal(t, 1, *head, "a consumer that is done stays done")
}

func TestAndThen(t *testing.T) {
	assert.Equal(t, []int{1, 2, 3, 99}, collect(t, enumerator.Through(probe.Naturals(), enumeratee.Take[int](3)).AndThen(enumerator.Of(99))))

	second := &probe.Source{N: 1}
	_, err := enumerator.Run(t.Context(), enumerator.Of(1).AndThen(second.Enumerator()), iteratee.Head[int]())
	require.NoError(t, err)
	assert.Zero(t, second.Starts.Load(), "not started once the consumer is done")

	_, err = enumerator.Run(t.Context(), failing().AndThen(second.Enumerator()), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom)
	assert.Zero(t, second.Starts.Load(), "nor after a failure")
}

func TestAMillionAndThens(t *testing.T) {
	n := probe.Deep(t)
	left, right := enumerator.Empty[int](), enumerator.Empty[int]()
	one := enumerator.Of(1)
	for range n {
		left, right = left.AndThen(one), one.AndThen(right)
	}
	for _, e := range []enumerator.Enumerator[int]{left, right, left.AndThen(right)} {
		sum, err := enumerator.Run(t.Context(), e, iteratee.Fold(0, func(a, e int) int { return a + e }))
		require.NoError(t, err)
		assert.Zero(t, sum%n)
		assert.NotZero(t, sum)
	}
}

func TestThroughNested(t *testing.T) {
	take := enumeratee.Take[int]
	assert.Equal(t, []int{1, 2, 7}, collect(t, enumerator.Through(enumerator.Through(probe.Naturals(), take(5)), take(2)).AndThen(enumerator.Of(7))))
	assert.Equal(t, []int{1, 2, 7}, collect(t, enumerator.Through(enumerator.Through(probe.Naturals(), take(2)), take(5)).AndThen(enumerator.Of(7))))
	assert.Equal(t, []int{1, 2, 7}, collect(t, enumerator.Through(enumerator.Through(probe.Naturals(), take(2)).AndThen(enumerator.Of(7)), take(5))))
	assert.Equal(t, []int{7}, collect(t, enumerator.Through(probe.Naturals(), take(0)).AndThen(enumerator.Of(7))))
}

func TestThroughTakeNothingPullsNothing(t *testing.T) {
	source := &probe.Source{N: -1}
	assert.Nil(t, collect(t, enumerator.Through(source.Enumerator(), enumeratee.Take[int](0))))
	assert.Zero(t, source.Starts.Load())
}

func TestThroughFlushesAtTheEndAndAtAStop(t *testing.T) {
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	assert.Equal(t, []int{6, 9}, collect(t, enumerator.Through(enumerator.Of(1, 2, 3), enumeratee.Grouped(sum)).AndThen(enumerator.Of(9))))
	assert.Equal(t, []int{3, 9}, collect(t, enumerator.Through(enumerator.Through(probe.Naturals(), enumeratee.Take[int](2)), enumeratee.Grouped(sum)).AndThen(enumerator.Of(9))))
	_, err := enumerator.Run(t.Context(), enumerator.Through(failing(), enumeratee.Grouped(sum)), iteratee.ForEach(func(context.Context, int) error {
		t.Error("held elements are dropped after a failure")
		return nil
	}))
	assert.ErrorIs(t, err, errBoom)
}

func TestErrorsKeepTheirCause(t *testing.T) {
	bad := enumeratee.MapM(func(context.Context, int) (int, error) { return 0, errBoom })
	fails := iteratee.ForEach(func(context.Context, int) error { return errBoom })
	one := enumerator.Of(1)
	for name, run := range map[string]func() error{
		"source": func() error { _, err := enumerator.Run(t.Context(), failing(), iteratee.Ignore[int]()); return err },
		"adapter": func() error {
			_, err := enumerator.Run(t.Context(), enumerator.Through(one, bad), iteratee.Ignore[int]())
			return err
		},
		"sink": func() error { _, err := enumerator.Run(t.Context(), one, fails); return err },
		"behind adapters": func() error {
			_, err := enumerator.Run(t.Context(), enumerator.Through(one, enumeratee.Take[int](1)).AndThen(one), enumeratee.Transform(enumeratee.PassAlong[int](), fails))
			return err
		},
		"All": func() error {
			var last error
			for _, err := range enumerator.All(t.Context(), failing()) {
				last = err
			}
			return last
		},
	} {
		assert.ErrorIs(t, run(), errBoom, name)
	}
}

func TestPanicsReachTheCaller(t *testing.T) {
	boom := func() int { panic("boom") }
	for name, run := range map[string]func(enumerator.Enumerator[int]){
		"Map": func(e enumerator.Enumerator[int]) {
			collect(t, enumerator.Through(e, enumeratee.Map(func(int) int { return boom() })))
		},
		"Filter": func(e enumerator.Enumerator[int]) {
			collect(t, enumerator.Through(e, enumeratee.Filter(func(int) bool { return boom() > 0 })))
		},
		"Fold": func(e enumerator.Enumerator[int]) {
			_, _ = enumerator.Run(t.Context(), e, iteratee.Fold(0, func(int, int) int { return boom() }))
		},
		"FlatMap": func(e enumerator.Enumerator[int]) {
			_, _ = enumerator.Run(t.Context(), e, iteratee.FlatMap(iteratee.Head[int](), func(*int) iteratee.Iteratee[int, int] { panic("boom") }))
		},
		"loop": func(e enumerator.Enumerator[int]) {
			for range enumerator.All(t.Context(), e) {
				boom()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			source := &probe.Source{N: -1}
			assert.PanicsWithValue(t, "boom", func() { run(source.Enumerator()) })
			assert.EqualValues(t, 1, source.Closes.Load(), "the source is closed")
		})
	}
}

func TestEnumeratorsAreRecipes(t *testing.T) {
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	adapted := enumerator.Through(enumerator.Unfold(1, func(n int) (int, int, bool) { return n, n + 1, n <= 9 }),
		enumeratee.Compose(
			enumeratee.Compose(enumeratee.Drop[int](1), enumeratee.Heading(5)),
			enumeratee.Compose(enumeratee.Take[int](7), enumeratee.Grouped(enumeratee.Transform(enumeratee.Take[int](2), sum))),
		)).AndThen(enumerator.Of(8))
	want := collect(t, adapted)
	assert.Equal(t, []int{7, 7, 11, 7, 8}, want)
	assert.Equal(t, want, collect(t, adapted))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := enumerator.Run(context.Background(), adapted, iteratee.Collect[int]())
			assert.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	wg.Wait()
}

func TestNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errBoom)
		defer cancel()
		_, err := enumerator.Run(ctx, enumerator.Of(1).AndThen(enumerator.Never[int]()), iteratee.Collect[int]())
		assert.ErrorIs(t, err, errBoom)
		got, err := enumerator.Run(t.Context(), enumerator.Interleave(enumerator.Of(1), enumerator.Never[int]()), iteratee.Head[int]())
		require.NoError(t, err)
		assert.Equal(t, 1, *got)
	})
}
