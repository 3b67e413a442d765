package enumeratee_test

import (
	"testing"
	"time"

	"github.com/halley-go/halley/enumeratee"
)

func TestSample(t *testing.T) {
	five := enumeratee.Sample[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                    {five, []int{21}, 0, nil, 21},
		"the newest of each period":  {five, []int{1, 2, 3, 6, 9, 11, 22}, 0, []seen[int]{{3, 5}, {5, 10}, {6, 15}}, 22},
		"none twice":                 {five, []int{1, 22}, 0, []seen[int]{{1, 5}}, 22},
		"the newest at EOF":          {five, []int{1, 6, 7, 8}, 0, []seen[int]{{1, 5}, {3, 8}}, 8},
		"a consumer that takes long": {five, []int{1, 2, 3, 31}, 12 * time.Second, []seen[int]{{3, 5}}, 31},
	})
}
