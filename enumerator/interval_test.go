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

func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got := collect(t, enumerator.Through(enumerator.Interval(time.Second), enumeratee.Take[time.Time](3)))
		for i, at := range got {
			assert.Equal(t, time.Duration(i+1)*time.Second, at.Sub(start))
		}
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
	assert.PanicsWithValue(t, "enumerator: Interval: d must be positive, got 0s", func() { enumerator.Interval(0) })
}

func TestTimer(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, 0: 0, -time.Minute: 0} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			for range 2 {
				got := collect(t, enumerator.Timer(d))
				assert.Equal(t, []time.Time{start.Add(want)}, got)
				assert.Equal(t, want, time.Since(start))
				start = time.Now()
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { endsAfterASecond(t, enumerator.Timer(time.Hour)) })
}

func TestIntervalSkipsTicksOfABusyConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var seen []time.Duration
		slow := iteratee.ForEach(func(_ context.Context, at time.Time) error {
			seen = append(seen, at.Sub(start))
			if len(seen) == 1 {
				time.Sleep(3500 * time.Millisecond)
			}
			return nil
		})
		_, err := enumerator.Run(t.Context(), enumerator.Interval(time.Second), enumeratee.Transform(enumeratee.Take[time.Time](4), slow))
		require.NoError(t, err)
		assert.Len(t, seen, 4)
		assert.Equal(t, []time.Duration{5 * time.Second, 6 * time.Second}, seen[2:], "one tick waits, the others of those 3.5 s are skipped")
	})
}
