//go:build !race

// With the race detector, the pools of encoding/json lose values at random.

package ndjson_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// Encode allocates at most once per message: the line itself.
func TestEncodeAllocations(t *testing.T) {
	allocs := func(n int) float64 {
		e := enumerator.Through(enumerator.FromSlice(make([]point, n)), ndjson.Encode[point]())
		return testing.AllocsPerRun(10, func() {
			_, err := enumerator.Run(t.Context(), e, iteratee.Ignore[[]byte]())
			require.NoError(t, err)
		})
	}
	assert.LessOrEqual(t, allocs(1100)-allocs(100), 1000.0+10) // a pool of encoding/json may be emptied meanwhile
}
