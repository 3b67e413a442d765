package enumeratee_test

import (
	"testing"
	"time"

	"github.com/halley-go/halley/enumeratee"
)

func TestThrottle(t *testing.T) {
	five := enumeratee.Throttle[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                           {five, []int{7}, 0, nil, 7},
		"the first of a window":             {five, []int{1, 2, 5, 6}, 0, []seen[int]{{1, 1}}, 6},
		"a window begins with its element":  {five, []int{1, 2, 6, 7, 10, 12, 20}, 0, []seen[int]{{1, 1}, {3, 6}, {6, 12}}, 20},
		"a window that ended long ago":      {five, []int{0, 100, 101, 104, 105, 106}, 0, []seen[int]{{1, 0}, {2, 100}, {5, 105}}, 106},
		"all elements, if they come slowly": {five, []int{5, 10, 15, 15}, 0, []seen[int]{{1, 5}, {2, 10}, {3, 15}}, 15},
		"the time of the consumer counts":   {five, []int{0, 1, 2, 3}, 5 * time.Second, []seen[int]{{1, 0}, {2, 5}, {3, 10}}, 15},
		"all elements in one window":        {five, []int{0, 1, 2, 3}, 3 * time.Second, []seen[int]{{1, 0}}, 3},
	})
}
