package chart

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := next(point{}, time.Now())
		for range 3 {
			assert.Equal(t, time.Now().UnixMilli(), p.At)
			assert.GreaterOrEqual(t, p.Load, 0.0)
			assert.LessOrEqual(t, p.Load, 1.0)
			assert.LessOrEqual(t, p.busy, p.total)
			assert.Positive(t, p.total)
			time.Sleep(250 * time.Millisecond)
			p = next(p, time.Now())
		}
	})
	last := point{Load: 0.5, total: 1e18}
	assert.Equal(t, 0.5, next(last, time.Now()).Load, "no time has passed since")
}

func TestProgramTime(t *testing.T) {
	busy, total := programTime()
	assert.GreaterOrEqual(t, busy, 0.0)
	assert.GreaterOrEqual(t, total, busy)
}

// The load is measured before the first visitor comes, until the context ends.
func TestHandlerMeasures(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	Handler(ctx)
	runs := func(n int) func() bool { return func() bool { return points.Runs() == n } }
	require.Eventually(t, runs(1), 10*time.Second, time.Millisecond)
	cancel()
	require.Eventually(t, runs(0), 10*time.Second, time.Millisecond)
}

// A visitor gets the points in order. A visitor that reconnects gets the points after the last one that it got.
func TestStream(t *testing.T) {
	take := func(after enumerator.Position, n int) []enumerator.Item[point] {
		source, last, err := stream(nil)
		require.NoError(t, err)
		e := source.From(after)
		if after == (enumerator.Position{}) {
			e = source.Last(last)
		}
		items, err := enumerator.Run(t.Context(), enumerator.Through(e, enumeratee.Compose(
			enumeratee.Filter(func(i enumerator.Item[point]) bool { return !i.Bookmark }), enumeratee.Take[enumerator.Item[point]](n))), iteratee.Collect[enumerator.Item[point]]())
		require.NoError(t, err)
		return items
	}
	release := points.Hold()
	first := take(enumerator.Position{}, 2)
	assert.Less(t, first[0].Value.At, first[1].Value.At)
	assert.Equal(t, first[1:], take(first[0].Position, 1))
	assert.Equal(t, first, take(enumerator.Position{}, 2))
	require.NoError(t, release())
	assert.True(t, take(first[1].Position, 1)[0].Reset, "the source has started again")
}
