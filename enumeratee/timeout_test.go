package enumeratee_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestTimeout(t *testing.T) {
	five := enumeratee.Timeout[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                            {five, []int{4}, 0, nil, 4},
		"in time":                            {five, []int{4, 8, 12, 16}, 0, []seen[int]{{1, 4}, {2, 8}, {3, 12}}, 16},
		"the consumer's time does not count": {five, []int{1, 2, 3, 4}, time.Minute, []seen[int]{{1, 1}, {2, 61}, {3, 121}}, 181},
	})
	for name, in := range map[string][]int{
		"before the first": {6, 6},
		"between two":      {1, 7, 8},
		"before the end":   {1, 4, 10},
	} {
		bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
			for _, run := range []func() ([]int, error){
				func() ([]int, error) {
					return enumerator.Run(t.Context(), enumerator.Through(at(in...), five), iteratee.Collect[int]())
				},
				func() ([]int, error) {
					return enumerator.Run(t.Context(), at(in...), enumeratee.Transform(five, iteratee.Collect[int]()))
				},
				func() ([]int, error) {
					adapter := enumeratee.Compose3(relay(), five, relay())
					return enumerator.Run(t.Context(), at(in...), enumeratee.Transform(adapter, iteratee.Collect[int]()))
				},
				func() ([]int, error) { // the source cannot be interrupted
					consumer := iteratee.FlatMap(enumeratee.Transform(five, iteratee.Collect[int]()), func([]int) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() })
					return enumerator.Run(t.Context(), at(in...), consumer)
				},
			} {
				_, err := run()
				assert.ErrorIs(t, err, enumeratee.ErrTimeout)
			}
		}})
	}
	bubbles(t, map[string]func(*testing.T){
		"a source that waits is stopped": func(t *testing.T) {
			passed := since()
			_, err := enumerator.Run(t.Context(), enumerator.Through(stuck(3), five), iteratee.Collect[int]())
			assert.EqualError(t, err, "enumeratee: timeout: no element came within 5s")
			assert.Equal(t, 5*time.Second, passed())
		},
		"not after the source has ended": func(t *testing.T) {
			source := enumerator.Through(at(1, 2), five).AndThen(at(100, 100)).AndThen(enumerator.Of(7))
			got, err := enumerator.Run(t.Context(), source, iteratee.Collect[int]())
			require.NoError(t, err)
			assert.Equal(t, []int{1, 1, 7}, got)
		},
		"the consumer panics": func(t *testing.T) {
			panics := enumeratee.Map(func(int) int { panic("map") })
			assert.PanicsWithValue(t, "map", func() {
				enumerator.Run(t.Context(), stuck(1), enumeratee.Transform(enumeratee.Compose(five, panics), iteratee.Collect[int]()))
			})
		},
		"the context ends": func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(4*time.Second, func() { cancel(errBoom) })
			_, err := enumerator.Run(ctx, enumerator.Through(stuck(3), five), iteratee.Collect[int]())
			assert.ErrorIs(t, err, errBoom)
		},
		"Recover recovers from it": func(t *testing.T) {
			consumer := iteratee.Recover(enumeratee.Transform(five, iteratee.Collect[int]()), func(err error) ([]int, error) {
				assert.ErrorIs(t, err, enumeratee.ErrTimeout)
				return []int{-1}, nil
			})
			got, err := enumerator.Run(t.Context(), at(6, 6), consumer)
			require.NoError(t, err)
			assert.Equal(t, []int{-1}, got)
		},
	})
}
