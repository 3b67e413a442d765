package enumeratee_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
)

func TestAudit(t *testing.T) {
	five := enumeratee.Audit[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"the newest of each window":       {five, []int{1, 2, 3, 7, 8, 20}, 0, []seen[int]{{3, 6}, {5, 12}}, 20},
		"a window begins with an element": {five, []int{1, 10, 20}, 0, []seen[int]{{1, 6}, {2, 15}}, 20},
		"at EOF at once":                  {five, []int{1, 2, 3}, 0, []seen[int]{{2, 3}}, 3},
		"none":                            {five, []int{9}, 0, nil, 9},
		"a slow consumer":                 {five, []int{0, 1, 6, 7, 40}, 10 * time.Second, []seen[int]{{2, 5}, {4, 20}}, 40},
	})
	assert.PanicsWithValue(t, "enumeratee: Audit: d must be positive, got 0s", func() { enumeratee.Audit[int](0) })
}

// Elements that always wait do not put off the end of a window.
func TestAuditIsNotPutOff(t *testing.T) {
	bubbles(t, map[string]func(*testing.T){"dense": func(t *testing.T) {
		second := enumerator.Map(enumerator.Interval(time.Second), func(time.Time) int { return 1 })
		got, err := enumerator.Run(t.Context(), enumerator.Through(second, enumeratee.Compose(enumeratee.Audit[int](time.Second), enumeratee.Take[int](100))), timed[int](0))
		require.NoError(t, err)
		assert.LessOrEqual(t, got[99].At, 202, "%v", got)
	}})
}
