package enumerator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

var (
	sumUp     = iteratee.Fold(0, func(a, e int) int { return a + e })
	failsWith = func(err error) iteratee.Iteratee[int, struct{}] {
		return iteratee.ForEach(func(context.Context, int) error { return err })
	}
)

func twice(e int) enumerator.Enumerator[int] { return enumerator.Of(e, e) }

func tenFrom(e int) enumerator.Enumerator[int] {
	return enumerator.Unfold(e, func(n int) (int, int, bool) { return n, n + 1, n < e+10 })
}

// thenRest runs e with what t makes of first, and then with a consumer of all that is left.
func thenRest[A any](t *testing.T, e enumerator.Enumerator[int], tr enumeratee.Enumeratee[int, int], first iteratee.Iteratee[int, A]) (a A, rest []int) {
	t.Helper()
	rest, err := enumerator.Run(t.Context(), e, iteratee.FlatMap(enumeratee.Transform(tr, first),
		func(got A) iteratee.Iteratee[int, []int] { a = got; return iteratee.Collect[int]() }))
	require.NoError(t, err)
	return a, rest
}

func TestMap(t *testing.T) {
	double := func(e int) int { return 2 * e }
	e := enumerator.Map(enumerator.Of(1, 2, 3), double)
	for range 2 {
		assert.Equal(t, []int{2, 4, 6}, collect(t, e))
	}
	assert.Nil(t, collect(t, enumerator.Map(enumerator.Empty[int](), double)))
	assert.Equal(t, []int{2, 9}, collect(t, enumerator.Map(enumerator.Of(1), double).AndThen(enumerator.Of(9))), "it sends no EOF")
	got, err := seen(t.Context(), enumerator.Map(failing(), double), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{2}, got)

	calls := 0
	source := &probe.Source{N: -1}
	got, err = seen(t.Context(), enumerator.Map(source.Enumerator(), func(e int) int { calls++; return -e }), 2)
	require.NoError(t, err)
	assert.Equal(t, []int{-1, -2}, got)
	assert.Equal(t, 2, calls)
	assert.EqualValues(t, 2, source.Pulls.Load())
	assert.EqualValues(t, 1, source.Closes.Load())
}

func TestFlatMap(t *testing.T) {
	e := enumerator.FlatMap(enumerator.Of(10, 20, 30), tenFrom)
	for range 2 {
		sum, err := enumerator.Run(t.Context(), e, sumUp)
		require.NoError(t, err)
		assert.Equal(t, 735, sum)
	}
	assert.Nil(t, collect(t, enumerator.FlatMap(enumerator.Empty[int](), tenFrom)))
	assert.Equal(t, []int{2, 2, 9}, collect(t, enumerator.FlatMap(enumerator.Of(1, 2, 3), func(e int) enumerator.Enumerator[int] {
		if e == 2 {
			return twice(e)
		}
		return enumerator.Empty[int]()
	}).AndThen(enumerator.Of(9))), "it sends no EOF")
}

func TestFlatMapStartsSourcesOnDemand(t *testing.T) {
	for n := 1; n <= 5; n++ {
		calls := 0
		outer, inner := &probe.Source{N: -1}, &probe.Source{N: 2}
		got, err := seen(t.Context(), enumerator.FlatMap(outer.Enumerator(), func(int) enumerator.Enumerator[int] {
			calls++
			return inner.Enumerator()
		}), n)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 1, 2, 1}[:n], got)
		assert.Equal(t, (n+1)/2, calls)
		assert.EqualValues(t, calls, outer.Pulls.Load())
		assert.EqualValues(t, n, inner.Pulls.Load())
		assert.EqualValues(t, 1, outer.Closes.Load())
		assert.EqualValues(t, calls, inner.Closes.Load())
	}
}

func TestFlatMapFails(t *testing.T) {
	for name, c := range map[string]struct {
		e     enumerator.Enumerator[int]
		want  []int
		calls int
	}{
		"the outer source": {failing(), []int{1, 1}, 1},
		"an inner source":  {enumerator.Of(5, -1, 6), []int{5, 5, 1}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			got, err := seen(t.Context(), enumerator.FlatMap(c.e, func(e int) enumerator.Enumerator[int] {
				if calls++; e < 0 {
					return failing()
				}
				return twice(e)
			}).AndThen(enumerator.Of(9)), 0)
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.calls, calls)
		})
	}
	calls := 0
	_, err := enumerator.Run(t.Context(), enumerator.FlatMap(probe.Naturals(), func(e int) enumerator.Enumerator[int] { calls++; return twice(e) }), failsWith(errBoom))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, 1, calls)
}

func TestEOFOfAnInnerSourceEndsAll(t *testing.T) {
	calls := 0
	assert.Equal(t, []int{1}, collect(t, enumerator.FlatMap(enumerator.Of(1, 2), func(e int) enumerator.Enumerator[int] {
		calls++
		return enumerator.FromInput(iteratee.El(e).Then(iteratee.EOF[int]()))
	}).AndThen(enumerator.Of(9))))
	assert.Equal(t, 1, calls)
}

func TestMapFlatten(t *testing.T) {
	tr := enumerator.MapFlatten(twice)
	for range 2 {
		assert.Equal(t, []int{1, 1, 2, 2}, collect(t, enumerator.Through(enumerator.Of(1, 2), tr)))
	}
	assert.Nil(t, collect(t, enumerator.Through(enumerator.Empty[int](), tr)))

	leaves, rest := thenRest(t, enumerator.Of(1, 2), tr, iteratee.IsEmpty[int]())
	assert.False(t, leaves)
	assert.Equal(t, []int{2}, rest, "what the consumer leaves over is of no use to what follows")
	got, rest := thenRest(t, enumerator.Of(1, 2, 3), tr, iteratee.TakeUpTo[int](3))
	assert.Equal(t, []int{1, 1, 2}, got)
	assert.Equal(t, []int{3}, rest)
}

func TestMapInputFlatten(t *testing.T) {
	at := func(atEOF enumerator.Enumerator[int], calls *[]iteratee.Input[int]) enumeratee.Enumeratee[int, int] {
		return enumerator.MapInputFlatten(func(in iteratee.Input[int]) enumerator.Enumerator[int] {
			*calls = append(*calls, in)
			if e, ok := in.El(); ok {
				return enumerator.Of(2 * e)
			}
			return atEOF
		})
	}
	el, eof := iteratee.El[int], iteratee.EOF[int]()
	withEOF := enumerator.FromInput(el(99).Then(eof))
	for name, c := range map[string]struct {
		source, atEOF enumerator.Enumerator[int]
		n             int // the consumer is done after so many, never if 0
		want          []int
		calls         []iteratee.Input[int]
		err           error
	}{
		"a source that ends it":     {enumerator.Of(1, 2), withEOF, 0, []int{2, 4, 99}, []iteratee.Input[int]{el(1), el(2), eof}, nil},
		"a source that does not":    {enumerator.Of(1, 2), enumerator.Of(99), 0, []int{2, 4, 99, 7}, []iteratee.Input[int]{el(1), el(2), eof}, nil},
		"none":                      {enumerator.Of(1, 2), enumerator.Empty[int](), 0, []int{2, 4, 7}, []iteratee.Input[int]{el(1), el(2), eof}, nil},
		"an empty stream":           {enumerator.Empty[int](), enumerator.Of(99), 0, []int{99, 7}, []iteratee.Input[int]{eof}, nil},
		"a consumer done before":    {enumerator.Of(1, 2), enumerator.Of(99), 2, []int{2, 4}, []iteratee.Input[int]{el(1), el(2)}, nil},
		"a stream that fails":       {failing(), enumerator.Of(99), 0, []int{2}, []iteratee.Input[int]{el(1)}, errBoom},
		"a source at EOF that does": {enumerator.Of(5), failing(), 0, []int{10, 1}, []iteratee.Input[int]{el(5), eof}, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []iteratee.Input[int]
			got, err := seen(t.Context(), enumerator.Through(c.source, at(c.atEOF, &calls)).AndThen(enumerator.Of(7)), c.n)
			assert.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.calls, calls)
		})
	}
}

func TestHeading(t *testing.T) {
	tr := enumerator.Heading(enumerator.Of(8, 9))
	for range 2 {
		assert.Equal(t, []int{8, 9, 1, 2}, collect(t, enumerator.Through(enumerator.Of(1, 2), tr)))
	}
	assert.Equal(t, []int{8, 9}, collect(t, enumerator.Through(enumerator.Empty[int](), tr)))
	assert.Equal(t, []int{1, 2}, collect(t, enumerator.Through(enumerator.Of(1, 2), enumerator.Heading(enumerator.Empty[int]()))))
	assert.Equal(t, []int{8, 9, 1, 7}, collect(t, enumerator.Through(enumerator.Of(1), tr).AndThen(enumerator.Of(7))))
}

func TestHeadingThatEndsTheConsumer(t *testing.T) {
	for n := 1; n <= 4; n++ {
		head, source := &probe.Source{N: 2}, &probe.Source{N: -1}
		got, err := seen(t.Context(), enumerator.Through(source.Enumerator(), enumerator.Heading(head.Enumerator())), n)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 1, 2}[:n], got)
		assert.EqualValues(t, min(n, 2), head.Pulls.Load())
		assert.EqualValues(t, max(n-2, 0), source.Pulls.Load(), "nothing of the stream is asked for")
	}
	stream := enumerator.Of(1, 2)
	got, rest := thenRest(t, stream, enumerator.Heading(enumerator.Of(8, 9)), iteratee.TakeUpTo[int](1))
	assert.Equal(t, []int{8}, got)
	assert.Equal(t, []int{1, 2}, rest)
	_, rest = thenRest(t, stream, enumerator.Heading(enumerator.Of(8)), iteratee.IsEmpty[int]())
	assert.Equal(t, []int{1, 2}, rest, "8 is left over, but was never in the stream")
	_, rest = thenRest(t, stream, enumerator.Heading(enumerator.Empty[int]()), iteratee.IsEmpty[int]())
	assert.Equal(t, []int{1, 2}, rest, "1 is left over, and was")
}

func TestHeadingThatFails(t *testing.T) {
	source := &probe.Source{N: -1}
	got, err := seen(t.Context(), enumerator.Through(source.Enumerator(), enumerator.Heading(failing())), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1}, got)
	assert.Zero(t, source.Starts.Load())

	for name, it := range map[string]iteratee.Iteratee[int, struct{}]{
		"the source":   enumeratee.Transform(enumerator.Heading(failing()), iteratee.Ignore[int]()),
		"the consumer": enumeratee.Transform(enumerator.Heading(enumerator.Of(8)), failsWith(errBoom)),
	} {
		var cause error
		recovered := iteratee.RecoverWith(it, func(err error) iteratee.Iteratee[int, struct{}] {
			cause = err
			return iteratee.Done(struct{}{}, iteratee.Empty[int]())
		})
		rest, err := enumerator.Run(t.Context(), enumerator.Of(1, 2), iteratee.FlatMap(recovered,
			func(struct{}) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() }))
		require.NoError(t, err, name)
		assert.ErrorIs(t, cause, errBoom, name)
		assert.Equal(t, []int{1, 2}, rest, name)
	}
}

func TestTrailing(t *testing.T) {
	tr := enumerator.Trailing(enumerator.Of(8, 9))
	for range 2 {
		assert.Equal(t, []int{1, 2, 8, 9}, collect(t, enumerator.Through(enumerator.Of(1, 2), tr)))
	}
	assert.Equal(t, []int{8, 9}, collect(t, enumerator.Through(enumerator.Empty[int](), tr)))
	assert.Equal(t, []int{1, 2}, collect(t, enumerator.Through(enumerator.Of(1, 2), enumerator.Trailing(enumerator.Empty[int]()))))
	assert.Equal(t, []int{1, 8, 9, 7}, collect(t, enumerator.Through(enumerator.Of(1), tr).AndThen(enumerator.Of(7))))

	source := &probe.Source{N: -1}
	assert.Equal(t, []int{1, 2, 8, 9}, collect(t, enumerator.Through(source.Enumerator(), enumeratee.Compose(enumeratee.Take[int](2), tr))), "an adapter before it stops")
	assert.EqualValues(t, 2, source.Pulls.Load())
}

func TestTrailingRunsOnlyIfTheConsumerIsOpen(t *testing.T) {
	for name, c := range map[string]struct {
		source enumerator.Enumerator[int]
		n      int
		pulls  int
		err    error
	}{
		"done before the end":         {enumerator.Of(1, 2, 3), 2, 0, nil},
		"done with the last":          {enumerator.Of(1, 2, 3), 3, 0, nil},
		"done with the first of it":   {enumerator.Of(1, 2, 3), 4, 1, nil},
		"done with the second of it":  {enumerator.Of(1, 2, 3), 5, 2, nil},
		"not done":                    {enumerator.Of(1, 2, 3), 0, 2, nil},
		"after a failure of a source": {failing(), 0, 0, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			last := &probe.Source{N: 2}
			_, err := seen(t.Context(), enumerator.Through(c.source, enumerator.Trailing(last.Enumerator())), c.n)
			assert.ErrorIs(t, err, c.err)
			assert.EqualValues(t, c.pulls, last.Pulls.Load())
			assert.EqualValues(t, min(c.pulls, 1), last.Starts.Load())
			assert.Equal(t, last.Starts.Load(), last.Closes.Load())
		})
	}
	last := &probe.Source{N: 2}
	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1), enumerator.Trailing(last.Enumerator())), failsWith(errBoom))
	assert.ErrorIs(t, err, errBoom)
	assert.Zero(t, last.Starts.Load(), "after a failure of the consumer")

	got, err := seen(t.Context(), enumerator.Through(enumerator.Of(5), enumerator.Trailing(failing())).AndThen(enumerator.Of(7)), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{5, 1}, got)
}

func TestTrailingLeavesOverWhatIsOfTheStream(t *testing.T) {
	tr := enumerator.Trailing(enumerator.Of(8, 9))
	empty, rest := thenRest(t, enumerator.Of(1, 2), tr, iteratee.IsEmpty[int]())
	assert.False(t, empty)
	assert.Equal(t, []int{1, 2}, rest)
	empty, rest = thenRest(t, enumerator.Empty[int](), tr, iteratee.IsEmpty[int]())
	assert.False(t, empty, "8 comes first")
	assert.Nil(t, rest, "but was never in the stream")
}

func TestOnDoneEnumerating(t *testing.T) {
	errClose := errors.New("close")
	for name, c := range map[string]struct {
		source enumerator.Enumerator[int]
		n      int
		want   []int
		err    error
	}{
		"it has run out":       {enumerator.Of(1, 2), 0, []int{1, 2}, nil},
		"it was empty":         {enumerator.Empty[int](), 0, nil, nil},
		"it has failed":        {failing(), 0, []int{1}, errBoom},
		"the consumer is done": {probe.Naturals(), 2, []int{1, 2}, nil},
		"an adapter stopped":   {enumerator.Through(probe.Naturals(), enumeratee.Take[int](1)), 0, []int{1}, nil},
		"it has sent EOF":      {enumerator.FromInput(iteratee.El(1).Then(iteratee.EOF[int]())), 0, []int{1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, closeErr := range []error{nil, errClose} {
				calls := 0
				e := enumerator.OnDoneEnumerating(c.source, func() error { calls++; return closeErr })
				for run := 1; run <= 2; run++ {
					got, err := seen(t.Context(), e, c.n)
					assert.Equal(t, c.err != nil, errors.Is(err, errBoom))
					assert.Equal(t, closeErr != nil, errors.Is(err, errClose))
					assert.Equal(t, c.err != nil || closeErr != nil, err != nil)
					assert.Equal(t, c.want, got)
					assert.Equal(t, run, calls, "once for each run")
				}
			}
		})
	}
}

func TestOnDoneEnumeratingOfARunThatIsCutShort(t *testing.T) {
	calls := 0
	counted := func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
		calls = 0
		return enumerator.OnDoneEnumerating(e, func() error { calls++; return nil })
	}
	t.Run("the context ends while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			endsAfterASecond(t, counted(silent()))
			assert.Equal(t, 1, calls)
		})
	})
	t.Run("the context ends between elements", func(t *testing.T) {
		endsAtOnce(t, counted(probe.Naturals()))
		assert.Equal(t, 1, calls)
	})
	t.Run("the source panics", func(t *testing.T) {
		e := counted(enumerator.Repeat(func() int { panic("boom") }))
		assert.PanicsWithValue(t, "boom", func() { _, _ = seen(t.Context(), e, 0) })
		assert.Equal(t, 1, calls)
	})
	t.Run("the consumer panics", func(t *testing.T) {
		e := counted(probe.Naturals())
		assert.PanicsWithValue(t, "boom", func() {
			_, _ = enumerator.Run(t.Context(), e, iteratee.Fold(0, func(int, int) int { panic("boom") }))
		})
		assert.Equal(t, 1, calls)
	})
	t.Run("the consumer fails", func(t *testing.T) {
		_, err := enumerator.Run(t.Context(), counted(probe.Naturals()), failsWith(errBoom))
		assert.ErrorIs(t, err, errBoom)
		assert.Equal(t, 1, calls)
	})
	t.Run("it is not started", func(t *testing.T) {
		_, err := seen(t.Context(), enumerator.Of(1).AndThen(counted(probe.Naturals())), 1)
		require.NoError(t, err)
		assert.Zero(t, calls)
	})
	t.Run("an error of f stops what follows", func(t *testing.T) {
		next := &probe.Source{N: 1}
		_, err := seen(t.Context(), enumerator.OnDoneEnumerating(enumerator.Of(1), func() error { return errBoom }).AndThen(next.Enumerator()), 0)
		assert.ErrorIs(t, err, errBoom)
		assert.Zero(t, next.Starts.Load())
	})
}

func TestAdaptersEndWithTheContext(t *testing.T) {
	one := enumerator.Of(1)
	t.Run("while they wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			endsAfterASecond(t, enumerator.Map(one.AndThen(silent()), func(e int) int { return e }), 1)
			endsAfterASecond(t, enumerator.FlatMap(one, func(e int) enumerator.Enumerator[int] { return enumerator.Of(e).AndThen(silent()) }), 1)
			endsAfterASecond(t, enumerator.Through(one, enumerator.MapInputFlatten(func(in iteratee.Input[int]) enumerator.Enumerator[int] {
				if in.IsEOF() {
					return silent()
				}
				return one
			})), 1)
			endsAfterASecond(t, enumerator.Through(one, enumerator.Heading(silent())))
			endsAfterASecond(t, enumerator.Through(one, enumerator.Trailing(silent())), 1)
		})
	})
	t.Run("between elements", func(t *testing.T) {
		endsAtOnce(t, enumerator.Map(probe.Naturals(), func(e int) int { return e }))
		endsAtOnce(t, enumerator.FlatMap(probe.Naturals(), func(int) enumerator.Enumerator[int] { return (&probe.Source{N: 1}).Enumerator() }))
		endsAtOnce(t, enumerator.Through(probe.Naturals(), enumerator.Heading(one)))
		endsAtOnce(t, enumerator.Through(one, enumerator.Trailing(probe.Naturals())))
	})
}
