package enumerator_test

import (
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
)

func TestFromSeqStopsTheSequence(t *testing.T) {
	var made int
	var closed bool
	seq := func(yield func(int) bool) {
		defer func() { closed = true }()
		for made = 1; yield(made); made++ {
		}
	}
	assert.Equal(t, []int{1, 2}, collect(t, enumerator.Through(enumerator.FromSeq(seq), enumeratee.Take[int](2))))
	assert.Equal(t, 2, made)
	assert.True(t, closed)
}

func TestFromSeq2(t *testing.T) {
	left := 0
	seq := func(yield func(int, error) bool) {
		defer func() { left++ }()
		for e := 1; yield(e, nil); e++ {
			if e == 3 {
				yield(9, errBoom)
				return
			}
		}
	}
	e := enumerator.FromSeq2(iter.Seq2[int, error](seq))
	for range 2 {
		got, err := seen(t.Context(), e, 0)
		assert.Equal(t, errBoom, err)
		assert.Equal(t, []int{1, 2, 3}, got)
	}
	got, err := seen(t.Context(), e, 2)
	assert.NoError(t, err)
	assert.Equal(t, []int{1, 2}, got)
	assert.Equal(t, 3, left, "each run leaves its loop")

	back := enumerator.FromSeq2(enumerator.All(t.Context(), failing()))
	got, err = seen(t.Context(), back, 0)
	assert.Equal(t, errBoom, err)
	assert.Equal(t, []int{1}, got)
}

func TestAll(t *testing.T) {
	source := &probe.Source{N: -1}
	for stop := 1; stop < 5; stop++ {
		var got []int
		for e, err := range enumerator.All(t.Context(), source.Enumerator()) {
			require.NoError(t, err)
			if got = append(got, e); e == stop {
				break
			}
		}
		assert.Len(t, got, stop)
	}
	assert.EqualValues(t, 1+2+3+4, source.Pulls.Load(), "the loop has seen every element that was made")
	assert.EqualValues(t, 4, source.Closes.Load())

	var got []int
	var errs []error
	for e, err := range enumerator.All(t.Context(), failing()) {
		got, errs = append(got, e), append(errs, err)
	}
	assert.Equal(t, []int{1, 0}, got)
	assert.Equal(t, []error{nil, errBoom}, errs)

	closing := enumerator.OnDoneEnumerating(enumerator.Of(1, 2), func() error { return errBoom })
	for e, err := range enumerator.All(t.Context(), closing) {
		assert.Equal(t, 1, e)
		assert.NoError(t, err)
		break // the loop does not see a later failure
	}

	for range enumerator.All(t.Context(), enumerator.Empty[int]()) {
		t.Error("nothing to see")
	}
}
