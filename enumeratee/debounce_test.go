package enumeratee_test

import (
	"testing"
	"time"

	"github.com/halley-go/halley/enumeratee"
)

func TestDebounce(t *testing.T) {
	five := enumeratee.Debounce[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                    {five, []int{20}, 0, nil, 20},
		"one":                        {five, []int{3, 20}, 0, []seen[int]{{1, 8}}, 20},
		"the last of each burst":     {five, []int{1, 2, 3, 10, 14, 18, 30}, 0, []seen[int]{{3, 8}, {6, 23}}, 30},
		"one that waits at EOF":      {five, []int{1, 2, 3}, 0, []seen[int]{{2, 3}}, 3},
		"none that waits at EOF":     {five, []int{1, 7}, 0, []seen[int]{{1, 6}}, 7},
		"a consumer that takes long": {five, []int{0, 6, 7, 8, 50}, 20 * time.Second, []seen[int]{{1, 5}, {4, 30}}, 50},
	})
}
