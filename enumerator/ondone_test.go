package enumerator_test

import (
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

func TestOnDoneEnumerating(t *testing.T) {
	errClose := errors.New("close")
	for name, c := range map[string]struct {
		source enumerator.Enumerator[int]
		n      int
		want   []int
		err    error
	}{
		"the source runs out":  {enumerator.Of(1, 2), 0, []int{1, 2}, nil},
		"the source is empty":  {enumerator.Empty[int](), 0, nil, nil},
		"the source fails":     {failing(), 0, []int{1}, errBoom},
		"the consumer is done": {probe.Naturals(), 2, []int{1, 2}, nil},
		"an adapter stopped":   {enumerator.Through(probe.Naturals(), enumeratee.Take[int](1)), 0, []int{1}, nil},
		"the source sends EOF": {enumerator.FromInput(iteratee.El(1).Then(iteratee.EOF[int]())), 0, []int{1}, nil},
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
	t.Run("the context ends while the source waits", func(t *testing.T) {
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
	t.Run("the source is not started", func(t *testing.T) {
		_, err := seen(t.Context(), enumerator.Of(1).AndThen(counted(probe.Naturals())), 1)
		require.NoError(t, err)
		assert.Zero(t, calls)
	})
	t.Run("after an error of f the next source does not start", func(t *testing.T) {
		next := &probe.Source{N: 1}
		_, err := seen(t.Context(), enumerator.OnDoneEnumerating(enumerator.Of(1), func() error { return errBoom }).AndThen(next.Enumerator()), 0)
		assert.ErrorIs(t, err, errBoom)
		assert.Zero(t, next.Starts.Load())
	})
}
