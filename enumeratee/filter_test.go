package enumeratee_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

func TestFilterNot(t *testing.T) {
	long := enumeratee.FilterNot(func(s string) bool { return len(s) < 4 })
	for range 2 {
		assert.Equal(t, []string{"Three", "Four", "Five"}, through(t, long, "One", "Two", "Three", "Four", "Five", "Six"))
	}
	assert.Nil(t, through(t, long))
	assert.Nil(t, through(t, long, "One"))
	_, rest := split(t, enumeratee.FilterNot(even), peek[int](), 2, 3, 4)
	assert.Equal(t, []int{3, 4}, rest, "the leftovers of the consumer")
	_, rest = split(t, enumeratee.FilterNot(even), iteratee.Head[int](), 2, 3, 4)
	assert.Equal(t, []int{4}, rest)
}

func TestFilterMap(t *testing.T) {
	upper := enumeratee.FilterMap(func(s string) (string, bool) { return strings.ToUpper(s), len(s) < 4 })
	for range 2 {
		assert.Equal(t, []string{"ONE", "TWO", "SIX"}, through(t, upper, "One", "Two", "Three", "Four", "Five", "Six"))
	}
	assert.Nil(t, through(t, upper))
	assert.Nil(t, through(t, upper, "Three"))
	texts := enumeratee.FilterMap(func(e int) (string, bool) { return strconv.Itoa(e), even(e) })
	assert.Equal(t, []string{"2", "4"}, through(t, texts, 1, 2, 3, 4))
	_, rest := split(t, texts, peek[string](), 1, 2, 3)
	assert.Equal(t, []int{2, 3}, rest, "the element from which it was made")
	_, rest = split(t, texts, iteratee.Head[string](), 1, 2, 3)
	assert.Equal(t, []int{3}, rest)
}
