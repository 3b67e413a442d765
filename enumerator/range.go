package enumerator

import (
	"fmt"

	"github.com/halley-go/halley/internal/check"
)

// Range returns the Enumerator of count consecutive integers that begin with start. It panics if count
// is negative, or if N cannot hold the last integer.
//
// ReactiveX: range.
func Range[N integer](start N, count int) Enumerator[N] {
	check.NotNegative("enumerator: Range: count", count)
	if n := count - 1; count > 0 && (uint64(start+N(n))-uint64(start) != uint64(n) || start+N(n) < start) {
		panic(fmt.Sprintf("enumerator: Range: %d integers from %d do not fit into %T", count, start, start))
	}
	return Unfold(0, func(i int) (N, int, bool) { return start + N(i), i + 1, i < count })
}

type integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}
