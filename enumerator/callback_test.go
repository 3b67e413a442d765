package enumerator_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestFromInput(t *testing.T) {
	el, eof := iteratee.El[int], iteratee.EOF[int]()
	for name, c := range map[string]struct {
		in   iteratee.Input[int]
		n    int
		want []int
		next int // how often what follows is started
	}{
		"empty":                     {iteratee.Empty[int](), 0, []int{1}, 1},
		"an element":                {el(7), 0, []int{7, 1}, 1},
		"several":                   {el(7).Then(el(8)), 0, []int{7, 8, 1}, 1},
		"EOF":                       {eof, 0, nil, 0},
		"several and EOF":           {el(7).Then(el(8)).Then(eof), 0, []int{7, 8}, 0},
		"a consumer done before":    {el(7).Then(el(8)), 1, []int{7}, 0},
		"a consumer done with it":   {el(7).Then(el(8)), 2, []int{7, 8}, 0},
		"a consumer done after EOF": {el(7).Then(eof), 2, []int{7}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			next := &probe.Source{N: 1}
			e := enumerator.FromInput(c.in).AndThen(next.Enumerator())
			for run := 1; run <= 2; run++ {
				got, err := seen(t.Context(), e, c.n)
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				assert.EqualValues(t, run*c.next, next.Starts.Load())
			}
		})
	}

	consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
	_ = enumerator.Apply(t.Context(), enumerator.FromInput(el(7)), consumer.Iteratee())
	assert.Zero(t, consumer.EOFs.Load())
	_ = enumerator.Apply(t.Context(), enumerator.FromInput(el(7).Then(eof)), consumer.Iteratee())
	assert.EqualValues(t, 1, consumer.EOFs.Load())
	_, err := enumerator.Run(t.Context(), enumerator.FromInput(el(7).Then(eof)), failsWith(errBoom))
	assert.ErrorIs(t, err, errBoom)
}

// callbacks records the calls of a FromCallback that gives 1 to end, then fails with err or,
// if that is nil, runs out.
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
		end    int
		err    error // of next
		it     iteratee.Iteratee[int, []int]
		want   []int
		wantIs error
		firsts []bool
		ends   []string
	}{
		"it runs out":                {2, nil, collects, []int{1, 2}, nil, []bool{true, false, false}, []string{"complete"}},
		"it runs out at once":        {0, nil, collects, nil, nil, []bool{true}, []string{"complete"}},
		"the consumer is done":       {9, nil, two, []int{1, 2}, nil, []bool{true, false}, []string{"complete"}},
		"an adapter stops":           {9, nil, enumeratee.Transform(enumeratee.Take[int](2), collects), []int{1, 2}, nil, []bool{true, false}, []string{"complete"}},
		"the consumer fails":         {9, nil, third, nil, errBoom, []bool{true, false, false}, []string{"error", "complete"}},
		"next fails":                 {1, errBoom, collects, nil, errBoom, []bool{true, false}, []string{"error"}},
		"next fails at once":         {0, errBoom, collects, nil, errBoom, []bool{true}, []string{"error"}},
		"the consumer is done first": {2, errBoom, two, []int{1, 2}, nil, []bool{true, false}, []string{"complete"}},
	} {
		t.Run(name, func(t *testing.T) {
			var calls callbacks
			got, err := enumerator.Run(t.Context(), calls.source(c.end, c.err), c.it)
			assert.ErrorIs(t, err, c.wantIs)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.firsts, calls.firsts)
			assert.Equal(t, c.ends, calls.ends)
			for _, err := range calls.errs {
				assert.ErrorIs(t, err, errBoom)
			}
		})
	}
	t.Run("it sends no EOF", func(t *testing.T) {
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
	t.Run("it is not started", func(t *testing.T) {
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
	t.Run("neither need be there", func(t *testing.T) {
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
	t.Run("while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ends []error
			endsAfterASecond(t, enumerator.FromCallback(func(ctx context.Context, _ bool) (int, bool, error) {
				<-ctx.Done()
				return 0, false, context.Cause(ctx)
			}, func() { ends = append(ends, nil) }, func(err error) { ends = append(ends, err) }))
			assert.Equal(t, []error{errBoom}, ends, "next has failed, so it is not complete")
		})
	})
}

func TestDefer(t *testing.T) {
	builds := 0
	e := enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		builds++
		return enumerator.Of(builds, 7), nil
	})
	assert.Zero(t, builds, "not built before it is run")
	assert.Equal(t, []int{1, 7}, collect(t, e))
	assert.Equal(t, []int{2, 7}, collect(t, e), "built for each run")
	_, err := seen(t.Context(), enumerator.Of(1).AndThen(e), 1)
	require.NoError(t, err)
	assert.Equal(t, 2, builds, "not built for a consumer that is done")

	assert.Equal(t, []int{9}, collect(t, enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		return enumerator.Empty[int](), nil
	}).AndThen(enumerator.Of(9))))
	got, err := seen(t.Context(), enumerator.Of(1).AndThen(enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		return enumerator.Of(2), errBoom
	})).AndThen(enumerator.Of(3)), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1}, got)
	got, err = seen(t.Context(), enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) { return failing(), nil }), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1}, got)

	synctest.Test(t, func(t *testing.T) {
		endsAfterASecond(t, enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
			<-ctx.Done()
			return enumerator.Of(1), nil // that it was cancelled is not for it to say
		}))
	})
}

func TestFromChan(t *testing.T) {
	filled := func(n int) chan int {
		ch := make(chan int, n)
		for i := range n {
			ch <- i + 1
		}
		return ch
	}
	closed := func(n int) chan int {
		ch := filled(n)
		close(ch)
		return ch
	}
	assert.Nil(t, collect(t, enumerator.FromChan(closed(0))))
	assert.Equal(t, []int{1, 2, 9}, collect(t, enumerator.FromChan(closed(2)).AndThen(enumerator.Of(9))))

	e := enumerator.FromChan(closed(5))
	got, err := seen(t.Context(), e, 1)
	require.NoError(t, err)
	assert.Equal(t, []int{1}, got)
	assert.Equal(t, []int{2, 3}, collect(t, enumerator.Through(e, enumeratee.Take[int](2))), "nothing is received that no consumer gets")
	assert.Nil(t, collect(t, enumerator.Through(e, enumeratee.Take[int](0))))
	assert.Equal(t, []int{4, 5}, collect(t, e))
	assert.Nil(t, collect(t, e), "what a run has received is gone")

	open := filled(4)
	endsAtOnce(t, enumerator.FromChan(open))
	assert.Len(t, open, 3)
	_, err = enumerator.Run(t.Context(), enumerator.FromChan(open), failsWith(errBoom))
	assert.ErrorIs(t, err, errBoom)
	assert.Len(t, open, 2)
}

func TestFromChanWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endsAfterASecond(t, enumerator.FromChan[int](nil))
		ch := make(chan int, 1)
		ch <- 1
		endsAfterASecond(t, enumerator.FromChan(ch), 1)
	})
	synctest.Test(t, func(t *testing.T) { // runs that share a channel share what it gives
		ch := make(chan int)
		e := enumerator.FromChan(ch)
		var all []int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				got, err := seen(t.Context(), e, 0)
				assert.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, got...)
			})
		}
		for i := range 50 {
			ch <- i
		}
		close(ch)
		wg.Wait()
		assert.ElementsMatch(t, numbers(50), all)
	})
}

func TestFromCallbackTellsThatTheContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		endsAfterASecond(t, enumerator.FromCallback(func(ctx context.Context, _ bool) (int, bool, error) { <-ctx.Done(); return 0, false, nil }, nil, func(err error) { errs = append(errs, err) }))
		assert.Len(t, errs, 1)
	})
}
