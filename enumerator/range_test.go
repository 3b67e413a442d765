package enumerator_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumerator"
)

func TestRange(t *testing.T) {
	type small int8
	assert.Equal(t, []int{3, 4, 5}, collect(t, enumerator.Range(3, 3)))
	assert.Nil(t, collect(t, enumerator.Range(3, 0)))
	assert.Equal(t, []int{-1, 0, 1}, collect(t, enumerator.Range(-1, 3)))
	assert.Len(t, collect(t, enumerator.Range[int8](math.MinInt8, 256)), 256)
	assert.Equal(t, []uint8{254, 255}, collect(t, enumerator.Range[uint8](254, 2)))
	assert.Equal(t, []uint64{math.MaxUint64}, collect(t, enumerator.Range[uint64](math.MaxUint64, 1)))
	assert.Equal(t, []int64{math.MaxInt64}, collect(t, enumerator.Range[int64](math.MaxInt64, 1)))
	assert.Nil(t, collect(t, enumerator.Range(math.MaxInt, 0)))
	got, err := seen(t.Context(), enumerator.Range(1, math.MaxInt), 2)
	assert.NoError(t, err)
	assert.Equal(t, []int{1, 2}, got)

	for want, f := range map[string]func(){
		"enumerator: Range: count must not be negative, got -1":                                        func() { enumerator.Range(0, -1) },
		"enumerator: Range: 2 integers from 9223372036854775807 do not fit into int64":                 func() { enumerator.Range[int64](math.MaxInt64, 2) },
		"enumerator: Range: 2 integers from 18446744073709551615 do not fit into uint64":               func() { enumerator.Range[uint64](math.MaxUint64, 2) },
		"enumerator: Range: 257 integers from -128 do not fit into int8":                               func() { enumerator.Range[int8](math.MinInt8, 257) },
		"enumerator: Range: 9223372036854775807 integers from 0 do not fit into int8":                  func() { enumerator.Range[int8](0, math.MaxInt) },
		"enumerator: Range: 2 integers from 255 do not fit into uint8":                                 func() { enumerator.Range[uint8](255, 2) },
		"enumerator: Range: 100 integers from 100 do not fit into enumerator_test.small":               func() { enumerator.Range[small](100, 100) },
		"enumerator: Range: 9223372036854775807 integers from 9223372036854775807 do not fit into int": func() { enumerator.Range(math.MaxInt, math.MaxInt) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
}

func ExampleRange() {
	show(enumerator.Range(3, 4))
	// Output: 3 4 5 6
}
