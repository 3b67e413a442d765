package enumerator_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
)

func TestDefer(t *testing.T) {
	builds := 0
	e := enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		builds++
		return enumerator.Of(builds, 7), nil
	})
	assert.Zero(t, builds, "not built before the run")
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
			return enumerator.Of(1), nil // build need not report the cancellation
		}))
	})
}
