package topics_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
)

// held returns the bytes of the heap that are in use.
func held() int {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// A row that was replaced or removed needs no memory.
func TestMemoryOfOldRows(t *testing.T) {
	const size = 1 << 20
	s := topics.Memory(1)
	append := func(kind topics.Kind, name, row string, size int) {
		_, err := s.Append(t.Context(), name, topics.Record{Kind: kind, Row: row, Data: make([]byte, size)})
		require.NoError(t, err)
	}
	before := held()
	for range 16 {
		append(topics.Message, "replaced", "row", size)
	}
	append(topics.Message, "replaced", "row", 0)
	for i := range 16 {
		append(topics.Message, "removed", fmt.Sprint(i), size)
	}
	for i := range 16 {
		append(topics.Removed, "removed", fmt.Sprint(i), 0)
	}
	require.Less(t, held()-before, 2*size)
	runtime.KeepAlive(s)
}

// The places of rows that were removed are free when the removals are forgotten.
func TestMemoryForgetsRemovals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := topics.Memory(1)
		for _, kind := range []topics.Kind{topics.Message, topics.Removed} {
			for i := range 1000 {
				_, err := s.Append(t.Context(), "t", topics.Record{Kind: kind, Row: fmt.Sprint(i)})
				require.NoError(t, err)
			}
		}
		time.Sleep(topics.Window)
		kept(t, s, "t", topics.Place{})
		require.LessOrEqual(t, topics.Rows(s, "t"), 2)
	})
}

// A removal counts with the length of its row.
func TestBytesOfARemoval(t *testing.T) {
	bytes := func(row string) int {
		s := topics.Memory(1)
		_, err := s.Append(t.Context(), "t", topics.Record{Kind: topics.Removed, Row: row})
		require.NoError(t, err)
		store(t, s, "t", "", 0) // takes the place of the message
		_, _, _, n := topics.Sizes(s)
		return n
	}
	require.Equal(t, topics.MaxName-1, bytes(strings.Repeat("x", topics.MaxName))-bytes("x"))
}
