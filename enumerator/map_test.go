package enumerator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
)

func TestMap(t *testing.T) {
	double := func(e int) int { return 2 * e }
	e := enumerator.Map(enumerator.Of(1, 2, 3), double)
	for range 2 {
		assert.Equal(t, []int{2, 4, 6}, collect(t, e))
	}
	assert.Nil(t, collect(t, enumerator.Map(enumerator.Empty[int](), double)))
	assert.Equal(t, []int{2, 9}, collect(t, enumerator.Map(enumerator.Of(1), double).AndThen(enumerator.Of(9))), "Map sends no EOF")
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
