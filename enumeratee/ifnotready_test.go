package enumeratee_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
)

func TestLazyAndErrIfNotReady(t *testing.T) {
	for name, c := range map[string]struct {
		d, consumer time.Duration
		fails       bool
	}{
		"ready":                {0, 59 * time.Minute, false},
		"late":                 {0, 61 * time.Minute, true},
		"ready within d":       {10 * time.Minute, 64 * time.Minute, false},
		"not ready within d":   {10 * time.Minute, 75 * time.Minute, true},
		"never ready":          {time.Minute, 100 * time.Hour, true},
		"does not take a time": {time.Nanosecond, 0, false},
	} {
		bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3} {
				source := enumerator.Through(hourly(n), enumeratee.LazyAndErrIfNotReady[int](c.d))
				got, err := enumerator.Run(t.Context(), source, slowly[int](c.consumer))
				if c.fails && n > 1 { // EOF waits until the consumer is ready
					assert.ErrorIs(t, err, enumeratee.ErrNotReady)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, ints(1, n), got)
			}
		}})
	}
	bubbles(t, map[string]func(*testing.T){
		"the error": func(t *testing.T) {
			_, err := enumerator.Run(t.Context(), hourly(2), enumeratee.Transform(enumeratee.LazyAndErrIfNotReady[int](time.Second), slowly[int](100*time.Hour)))
			assert.EqualError(t, err, "enumeratee: LazyAndErrIfNotReady: the consumer is not ready within 1s")
		},
		"the source and the consumer are told at once": func(t *testing.T) {
			passed, took := since(), time.Duration(0)
			source := enumerator.OnDoneEnumerating(hourly(9), func() error { took = passed(); return nil })
			_, err := enumerator.Run(t.Context(), source, enumeratee.Transform(enumeratee.LazyAndErrIfNotReady[int](time.Minute), slowly[int](100*time.Hour)))
			assert.ErrorIs(t, err, enumeratee.ErrNotReady)
			assert.Equal(t, 2*time.Hour+time.Minute, took)
			assert.Equal(t, 2*time.Hour+time.Minute, passed())
		},
		"before a Buffer, as Play's buffer": func(t *testing.T) {
			adapter := enumeratee.Compose(enumeratee.LazyAndErrIfNotReady[int](0), enumeratee.Buffer[int](1))
			_, err := enumerator.Run(t.Context(), hourly(3), enumeratee.Transform(adapter, slowly[int](100*time.Hour)))
			require.NoError(t, err)
			_, err = enumerator.Run(t.Context(), hourly(4), enumeratee.Transform(adapter, slowly[int](100*time.Hour)))
			assert.ErrorIs(t, err, enumeratee.ErrNotReady)
		},
	})
}

func TestDropInputIfNotReady(t *testing.T) {
	for name, c := range map[string]struct {
		d, consumer time.Duration
		n           int
		want        []int
	}{
		"nothing":                         {0, 0, 0, nil},
		"ready":                           {0, 59 * time.Minute, 5, ints(1, 5)},
		"not ready":                       {0, 61 * time.Minute, 5, []int{1, 3, 5}},
		"not ready for long":              {0, 200 * time.Minute, 9, []int{1, 5, 9}},
		"ready within d":                  {10 * time.Minute, 64 * time.Minute, 3, ints(1, 3)},
		"not ready within d":              {10 * time.Minute, 75 * time.Minute, 5, []int{1, 3, 5}},
		"does not wait for the next ones": {30 * time.Minute, 200 * time.Minute, 6, []int{1, 5}},
		"waits again once it was ready":   {30 * time.Minute, 140 * time.Minute, 7, []int{1, 4, 7}},
	} {
		bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
			adapter := enumeratee.DropInputIfNotReady[int](c.d)
			for range 2 { // each attachment has a state of its own
				source := enumerator.Through(hourly(c.n), adapter)
				got, err := enumerator.Run(t.Context(), source.AndThen(enumerator.Of(-1)), slowly[int](c.consumer))
				require.NoError(t, err)
				assert.Equal(t, append(c.want, -1), got)
			}
		}})
	}
	bubbles(t, map[string]func(*testing.T){
		"elements that were dropped are not left over": func(t *testing.T) {
			adapter := enumeratee.Compose3(enumeratee.DropInputIfNotReady[int](0), enumeratee.MapM(sameAfter(150*time.Minute)), enumeratee.Take[int](1))
			got, rest, err := splitHourly(t, 5, adapter)
			require.NoError(t, err)
			assert.Equal(t, []int{1}, got)
			assert.Equal(t, []int{4, 5}, rest)
		},
	})
}
