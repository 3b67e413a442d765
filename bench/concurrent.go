package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/destel/rill"
	"golang.org/x/sync/errgroup"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
)

// mapConcurrent calls f for up to four elements at once. The loop has an errgroup and a
// slice of all results, which it folds at the end.
func mapConcurrent(ordered bool, elements int, f func(int) int) func(float64, string) (int, []contender, error) {
	const limit = 4
	call := func(_ context.Context, e int) (int, error) { return f(e), nil }
	fold, through, rillMap := add, enumeratee.MapConcurrentUnordered(limit, call), rill.Map[int, int]
	if ordered {
		fold, through, rillMap = mix, enumeratee.MapConcurrent(limit, call), rill.OrderedMap[int, int]
	}
	return func(size float64, _ string) (int, []contender, error) {
		es := ints(scaled(elements, size))
		return len(es), []contender{
			ours(enumerator.Through(enumerator.FromSlice(es), through), fold),
			{loop, func() (a int) {
				results := make([]int, len(es))
				var group errgroup.Group
				group.SetLimit(limit)
				for i, e := range es {
					group.Go(func() error {
						results[i] = f(e)
						return nil
					})
				}
				must(group.Wait())
				for _, e := range results {
					a = fold(a, e)
				}
				return a
			}},
			{rillLib, func() int {
				return foldRill(rillMap(rill.FromSlice(es, nil), limit, func(e int) (int, error) { return f(e), nil }), 0, fold)
			}},
		}, nil
	}
}

// hash takes some microseconds.
var hash = func(e int) int {
	var block [8192]byte
	binary.LittleEndian.PutUint64(block[:], uint64(e))
	sum := sha256.Sum256(block[:])
	return int(binary.LittleEndian.Uint32(sum[:]))
}
