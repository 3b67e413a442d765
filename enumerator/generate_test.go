package enumerator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// seen runs e with a consumer that is done after n elements, or never if n is 0. It returns all elements
// that the consumer was handed, also if the run fails.
func seen[E any](ctx context.Context, e enumerator.Enumerator[E], n int) (es []E, err error) {
	_, err = enumerator.Run(ctx, e, iteratee.FoldUntil(0, func(_ context.Context, got int, e E) (int, bool, error) {
		es = append(es, e)
		return got + 1, got+1 == n, nil
	}))
	return es, err
}

// silent returns a source that gives no elements and waits for its context.
func silent() enumerator.Enumerator[int] {
	return enumerator.Generate(func(ctx context.Context) (int, bool, error) {
		<-ctx.Done()
		return 0, false, context.Cause(ctx)
	})
}

// endsAfterASecond runs e and cancels the run with errBoom after a second. It checks that the run ends
// then and that e has given want.
func endsAfterASecond[E any](t *testing.T, e enumerator.Enumerator[E], want ...E) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Second, func() { cancel(errBoom) })
	start := time.Now()
	got, err := seen(ctx, e, 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, want, got)
	assert.Equal(t, time.Second, time.Since(start), "promptly")
}

// endsAtOnce cancels a run of e with errBoom as soon as e has given an element. It checks that e gives
// no more.
func endsAtOnce[E any](t *testing.T, e enumerator.Enumerator[E]) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	n := 0
	_, err := enumerator.Run(ctx, e, iteratee.Fold(0, func(_ int, _ E) int {
		n++
		cancel(errBoom)
		return n
	}))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, 1, n)
}

func TestUnfoldM(t *testing.T) {
	// count counts from s to end, and fails at failAt.
	count := func(s, end, failAt int) enumerator.Enumerator[int] {
		return enumerator.UnfoldM(s, func(_ context.Context, n int) (int, int, bool, error) {
			if n == failAt {
				return n, n + 1, true, errBoom
			}
			return n, n + 1, n <= end, nil
		})
	}
	const never = -1
	assert.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, collect(t, count(1, 11, never).AndThen(enumerator.Of(12))), "UnfoldM sends no EOF")
	assert.Nil(t, collect(t, count(4, 3, never)))
	for _, c := range []struct {
		failAt int
		want   []int
	}{{0, nil}, {2, []int{0, 1}}} {
		e := count(0, 9, c.failAt).AndThen(enumerator.Of(12))
		for range 2 { // each run starts with the first state
			got, err := seen(t.Context(), e, 0)
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, c.want, got)
		}
	}
	e := count(0, 3, never)
	for range 2 {
		assert.Equal(t, []int{0, 1, 2, 3}, collect(t, e))
	}
}

func TestRepeat(t *testing.T) {
	n := 0
	e := enumerator.Repeat(func() int { n++; return n })
	assert.Equal(t, []int{1, 2, 3}, collect(t, enumerator.Through(e, enumeratee.Take[int](3))))
	assert.Equal(t, []int{4, 5}, collect(t, enumerator.Through(e, enumeratee.Take[int](2))), "runs share the state of f")
}

func TestRepeatM(t *testing.T) {
	n := 0
	e := enumerator.RepeatM(func(context.Context) (int, error) {
		if n++; n == 6 {
			return n, errBoom
		}
		return n, nil
	})
	assert.Equal(t, []int{1, 2, 3}, collect(t, enumerator.Through(e, enumeratee.Take[int](3))))
	got, err := seen(t.Context(), e.AndThen(enumerator.Of(12)), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{4, 5}, got)
	assert.Equal(t, 6, n, "f is not called after a failure")
}

func TestGeneratorsAreAskedOnDemand(t *testing.T) {
	calls := 0
	for name, e := range map[string]enumerator.Enumerator[int]{
		"UnfoldM": enumerator.UnfoldM(0, func(context.Context, int) (int, int, bool, error) { calls++; return 7, 0, true, nil }),
		"Repeat":  enumerator.Repeat(func() int { calls++; return 7 }),
		"RepeatM": enumerator.RepeatM(func(context.Context) (int, error) { calls++; return 7, nil }),
		"FromCallback": enumerator.FromCallback(func(context.Context, bool) (int, bool, error) { calls++; return 7, true, nil },
			nil, nil),
	} {
		t.Run(name, func(t *testing.T) {
			for n := range 4 {
				calls = 0
				assert.Len(t, collect(t, enumerator.Through(e, enumeratee.Take[int](n))), n)
				assert.Equal(t, n, calls, "an adapter that stops")
			}
			for n := 1; n < 4; n++ {
				calls = 0
				got, err := seen(t.Context(), e, n)
				require.NoError(t, err)
				assert.Len(t, got, n)
				assert.Equal(t, n, calls, "a consumer that is done")
			}
			calls = 0
			_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(context.Context, int) error { return errBoom }))
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, 1, calls, "a consumer that fails")
		})
	}
}

func TestGeneratorsEndWithTheContext(t *testing.T) {
	t.Run("while they wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			endsAfterASecond(t, enumerator.UnfoldM(0, func(ctx context.Context, n int) (int, int, bool, error) {
				if n == 2 {
					<-ctx.Done()
					return 0, 0, false, context.Cause(ctx)
				}
				return n, n + 1, true, nil
			}), 0, 1)
			endsAfterASecond(t, enumerator.RepeatM(func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}))
		})
	})
	t.Run("between elements", func(t *testing.T) {
		endsAtOnce(t, enumerator.UnfoldM(0, func(_ context.Context, n int) (int, int, bool, error) { return n, n, true, nil }))
		endsAtOnce(t, enumerator.RepeatM(func(context.Context) (int, error) { return 7, nil }))
	})
	t.Run("Repeat, after a while", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		calls := 0
		_, err := enumerator.Run(ctx, enumerator.Repeat(func() int {
			calls++
			cancel(errBoom)
			return calls
		}), iteratee.Ignore[int]())
		assert.ErrorIs(t, err, errBoom)
		assert.Less(t, calls, 200)
	})
}

func TestGeneratorsPanicInTheCaller(t *testing.T) {
	for name, e := range map[string]enumerator.Enumerator[int]{
		"UnfoldM": enumerator.UnfoldM(0, func(context.Context, int) (int, int, bool, error) { panic("boom") }),
		"Repeat":  enumerator.Repeat(func() int { panic("boom") }),
		"RepeatM": enumerator.RepeatM(func(context.Context) (int, error) { panic("boom") }),
	} {
		assert.PanicsWithValue(t, "boom", func() { _, _ = seen(t.Context(), e, 0) }, name)
	}
}

func TestGenerate(t *testing.T) {
	counter := func(end int, err error) enumerator.Enumerator[int] {
		n := 0
		return enumerator.Generate(func(context.Context) (int, bool, error) {
			n++
			return n, n <= end, err
		})
	}
	assert.Equal(t, []int{1, 2, 3, 12}, collect(t, counter(3, nil).AndThen(enumerator.Of(12))))
	_, err := enumerator.Run(t.Context(), counter(3, errBoom), iteratee.Collect[int]())
	assert.ErrorIs(t, err, errBoom)

	t.Run("next is called on demand", func(t *testing.T) {
		calls := 0
		e := enumerator.Generate(func(context.Context) (int, bool, error) { calls++; return calls, true, nil })
		for n := range 4 {
			calls = 0
			collect(t, enumerator.Through(e, enumeratee.Take[int](n)))
			assert.Equal(t, n, calls)
		}
	})
}

func TestUnfoldIsAskedOnDemand(t *testing.T) {
	calls := 0
	e := enumerator.Unfold(0, func(s int) (int, int, bool) { calls++; return s, s + 1, true })
	for n := range 4 {
		calls = 0
		collect(t, enumerator.Through(e, enumeratee.Take[int](n)))
		assert.Equal(t, n, calls)
	}
}

// callbacks records the calls that FromCallback makes. Its next gives 1 to end, then fails with err, or
// runs out if err is nil.
type callbacks struct {
	firsts []bool
	ends   []string
	errs   []error
}

func (c *callbacks) source(end int, err error) enumerator.Enumerator[int] {
	n := 0
	return enumerator.FromCallback(
		func(_ context.Context, first bool) (int, bool, error) {
			if c.firsts = append(c.firsts, first); n == end {
				return 0, false, err
			}
			n++
			return n, true, nil
		},
		func() { c.ends = append(c.ends, "complete") },
		func(err error) { c.ends, c.errs = append(c.ends, "error"), append(c.errs, err) })
}

func TestFromCallback(t *testing.T) {
	collects, two := iteratee.Collect[int](), iteratee.TakeUpTo[int](2)
	third := iteratee.FoldM([]int(nil), func(_ context.Context, es []int, e int) ([]int, error) {
		if e == 3 {
			return nil, errBoom
		}
		return append(es, e), nil
	})
	for name, c := range map[string]struct {
		end      int
		err      error // the error of next
		consumer iteratee.Iteratee[int, []int]
		want     []int
		wantIs   error
		firsts   []bool
		ends     []string
	}{
		"next runs out":              {2, nil, collects, []int{1, 2}, nil, []bool{true, false, false}, []string{"complete"}},
		"next runs out at once":      {0, nil, collects, nil, nil, []bool{true}, []string{"complete"}},
		"the consumer is done":       {9, nil, two, []int{1, 2}, nil, []bool{true, false}, []string{"complete"}},
		"an adapter stops":           {9, nil, enumeratee.Transform(enumeratee.Take[int](2), collects), []int{1, 2}, nil, []bool{true, false}, []string{"complete"}},
		"the consumer fails":         {9, nil, third, nil, errBoom, []bool{true, false, false}, []string{"error", "complete"}},
		"next fails":                 {1, errBoom, collects, nil, errBoom, []bool{true, false}, []string{"error"}},
		"next fails at once":         {0, errBoom, collects, nil, errBoom, []bool{true}, []string{"error"}},
		"the consumer is done first": {2, errBoom, two, []int{1, 2}, nil, []bool{true, false}, []string{"complete"}},
	} {
		t.Run(name, func(t *testing.T) {
			var calls callbacks
			got, err := enumerator.Run(t.Context(), calls.source(c.end, c.err), c.consumer)
			assert.ErrorIs(t, err, c.wantIs)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.firsts, calls.firsts)
			assert.Equal(t, c.ends, calls.ends)
			for _, err := range calls.errs {
				assert.ErrorIs(t, err, errBoom)
			}
		})
	}
	t.Run("FromCallback sends no EOF", func(t *testing.T) {
		var calls callbacks
		assert.Equal(t, []int{1, 2, 9}, collect(t, calls.source(2, nil).AndThen(enumerator.Of(9))))
	})
	t.Run("each run has a first call", func(t *testing.T) {
		var calls callbacks
		e := calls.source(3, nil)
		for range 2 {
			_, err := seen(t.Context(), e, 1)
			require.NoError(t, err)
		}
		assert.Equal(t, []bool{true, true}, calls.firsts)
		assert.Equal(t, []string{"complete", "complete"}, calls.ends)
	})
	t.Run("the source is not started", func(t *testing.T) {
		var calls callbacks
		_, err := seen(t.Context(), enumerator.Of(1).AndThen(calls.source(2, nil)), 1)
		require.NoError(t, err)
		assert.Equal(t, callbacks{}, calls)
	})
	t.Run("panics", func(t *testing.T) {
		var calls callbacks
		e := calls.source(2, nil)
		assert.PanicsWithValue(t, "boom", func() {
			_, _ = enumerator.Run(t.Context(), e, iteratee.Fold(0, func(int, int) int { panic("boom") }))
		})
		assert.Nil(t, calls.ends)
	})
	t.Run("both may be nil", func(t *testing.T) {
		for _, want := range []error{nil, errBoom} {
			_, err := seen(t.Context(), enumerator.FromCallback(func(context.Context, bool) (int, bool, error) { return 0, false, want }, nil, nil), 0)
			assert.ErrorIs(t, err, want)
		}
	})
}

func TestFromCallbackEndsWithTheContext(t *testing.T) {
	t.Run("between elements", func(t *testing.T) {
		var calls callbacks
		endsAtOnce(t, calls.source(9, nil))
		assert.Equal(t, []string{"error", "complete"}, calls.ends)
		assert.Equal(t, []error{errBoom}, calls.errs)
	})
	t.Run("while next waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ends []error
			endsAfterASecond(t, enumerator.FromCallback(func(ctx context.Context, _ bool) (int, bool, error) {
				<-ctx.Done()
				return 0, false, context.Cause(ctx)
			}, func() { ends = append(ends, nil) }, func(err error) { ends = append(ends, err) }))
			assert.Equal(t, []error{errBoom}, ends, "onComplete is not called when next has failed")
		})
	})
}

func TestFromCallbackReportsTheEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		endsAfterASecond(t, enumerator.FromCallback(func(ctx context.Context, _ bool) (int, bool, error) { <-ctx.Done(); return 0, false, nil }, nil, func(err error) { errs = append(errs, err) }))
		assert.Len(t, errs, 1)
	})
}
