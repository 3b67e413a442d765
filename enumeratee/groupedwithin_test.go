package enumeratee_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

func TestGroupedWithin(t *testing.T) {
	two := enumeratee.GroupedWithin[int](2, 5*time.Second)
	many := enumeratee.GroupedWithin[int](1000, 5*time.Second)
	checkTimes(t, map[string]timing[[]int]{
		"no empty group":                      {two, []int{21}, 0, nil, 21},
		"by number":                           {two, []int{1, 2, 3, 4, 9}, 0, []seen[[]int]{{[]int{1, 2}, 2}, {[]int{3, 4}, 4}}, 9},
		"by time, from the group's first":     {two, []int{3, 11, 30}, 0, []seen[[]int]{{[]int{1}, 8}, {[]int{2}, 16}}, 30},
		"by number or by time":                {two, []int{1, 2, 3, 10, 11, 30}, 0, []seen[[]int]{{[]int{1, 2}, 2}, {[]int{3}, 8}, {[]int{4, 5}, 11}}, 30},
		"a full group starts the time anew":   {two, []int{1, 4, 5, 20}, 0, []seen[[]int]{{[]int{1, 2}, 4}, {[]int{3}, 10}}, 20},
		"a group that has begun at EOF":       {two, []int{1, 2, 3, 4}, 0, []seen[[]int]{{[]int{1, 2}, 2}, {[]int{3}, 4}}, 4},
		"not by number":                       {many, []int{1, 2, 3, 4, 7, 8, 20}, 0, []seen[[]int]{{[]int{1, 2, 3, 4}, 6}, {[]int{5, 6}, 12}}, 20},
		"a consumer that takes longer than d": {many, []int{1, 2, 7, 8, 9, 40}, 20 * time.Second, []seen[[]int]{{[]int{1, 2}, 6}, {[]int{3, 4, 5}, 31}}, 51},
	})
	bubbles(t, map[string]func(*testing.T){
		"elements that were not consumed are left over": func(t *testing.T) {
			one := iteratee.Map(iteratee.TakeUpTo[[]int](1), func(es [][]int) []int { return es[0] })
			got, rest := split(t, two, one, ints(1, 5)...)
			assert.Equal(t, []int{1, 2}, got)
			assert.Equal(t, ints(3, 5), rest)
			_, rest = split(t, two, peek[[]int](), ints(1, 5)...)
			assert.Equal(t, ints(1, 5), rest)
			_, rest = split(t, enumeratee.Compose(two, enumeratee.Buffer[[]int](3)), one, ints(1, 9)...)
			assert.Equal(t, ints(3, 9), rest)
		},
	})
}
