package upload

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// An upload that is watched again is not removed when its first stream ends.
func TestWatchedAgain(t *testing.T) {
	s := &uploads{byID: map[string]*upload{}}
	again := iteratee.ForEach(func(context.Context, []byte) error {
		s.add("one").change(func(p *progress) { p.Received = 1 })
		return assert.AnError
	})
	_, err := enumerator.Run(t.Context(), s.watch("one"), again)
	require.ErrorIs(t, err, assert.AnError)
	assert.EqualValues(t, 1, s.find("one").now().Received)
}
