package enumeratee_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

func TestScanLeft(t *testing.T) {
	sums := enumeratee.ScanLeft(0, func(a, e int) int { return a + e })
	for range 2 { // each attachment starts with the seed
		assert.Equal(t, []int{1, 3, 6, 10}, through(t, sums, 1, 2, 3, 4))
	}
	assert.Nil(t, through(t, sums), "the seed is not handed on")
	assert.Equal(t, []int{11}, through(t, enumeratee.ScanLeft(10, func(a, e int) int { return a + e }), 1))
	assert.Equal(t, []string{">1", ">12"}, through(t, enumeratee.ScanLeft(">", func(a string, e int) string { return a + fmt.Sprint(e) }), 1, 2))
	_, rest := split(t, sums, peek[int](), 1, 2, 3)
	assert.Equal(t, []int{1, 2, 3}, rest)
	head, rest := split(t, enumeratee.Compose(sums, enumeratee.DropWhile(below(3))), iteratee.Head[int](), 1, 2, 3)
	assert.Equal(t, 3, *head)
	assert.Equal(t, []int{3}, rest)
}
