package enumeratee_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestDelay(t *testing.T) {
	ten := enumeratee.Delay[int](10 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                    {ten, []int{3}, 0, nil, 13},
		"nothing at once":            {ten, []int{0}, 0, nil, 10},
		"each, and the end":          {ten, []int{1, 2, 2, 7, 40, 41}, 0, []seen[int]{{1, 11}, {2, 12}, {3, 12}, {4, 17}, {5, 50}}, 51},
		"a consumer that takes long": {ten, []int{1, 2, 3, 4}, 4 * time.Second, []seen[int]{{1, 11}, {2, 15}, {3, 19}}, 23},
	})
	bubbles(t, map[string]func(*testing.T){
		"the source waits when 1024 elements wait": func(t *testing.T) {
			var made, madeThen atomic.Int64
			source := enumerator.Map(enumerator.FromSlice(ints(1, 5000)), func(e int) int { made.Add(1); return e })
			time.AfterFunc(9*time.Second, func() { madeThen.Store(made.Load()) })
			got, err := enumerator.Run(t.Context(), enumerator.Through(source, ten), iteratee.Collect[int]())
			require.NoError(t, err)
			assert.Equal(t, ints(1, 5000), got)
			assert.EqualValues(t, 1024+2, madeThen.Load(), "one is due next, and the source has one")
		},
		"elements that wait are left over": func(t *testing.T) {
			got, rest, err := splitOf(t, at(1, 2, 3, 12, 13, 14), enumeratee.Compose(ten, enumeratee.Take[int](2)))
			require.NoError(t, err)
			assert.Equal(t, []int{1, 2}, got)
			assert.Equal(t, []int{3, 4, 5}, rest)
			got, rest, err = splitOf(t, at(1, 2, 3, 4), enumeratee.Compose(ten, enumeratee.Take[int](2)))
			require.NoError(t, err)
			assert.Equal(t, []int{1, 2}, got, "after the source has ended")
			assert.Equal(t, []int{3}, rest)
		},
	})
}
