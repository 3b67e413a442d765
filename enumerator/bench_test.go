package enumerator_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// The three functions that every contender calls. They are variables so that none is inlined.
var (
	triple = func(e int) int { return 3 * e }
	isEven = func(e int) bool { return e%2 == 0 }
	add    = func(a, e int) int { return a + e }
)

// countTo returns a function for Unfold.
var countTo = func(end int) func(int) (int, int, bool) {
	return func(n int) (int, int, bool) { return n, n + 1, n < end }
}

func mapFilterFold(source enumerator.Enumerator[int]) func(context.Context) (int, error) {
	e := enumerator.Through(enumerator.Through(source, enumeratee.Map(triple)), enumeratee.Filter(isEven))
	consumer := iteratee.Fold(0, add)
	return func(ctx context.Context) (int, error) { return enumerator.Run(ctx, e, consumer) }
}

func numbers(n int) []int {
	es := make([]int, n)
	for i := range es {
		es[i] = i
	}
	return es
}

// BenchmarkMapFilterFold runs map, filter and fold over 100,000 ints, in turn with the limit: a loop
// that calls the same functions. It reports the ratio of the two times.
func BenchmarkMapFilterFold(b *testing.B) {
	es := numbers(100_000)
	next := countTo(len(es))
	for _, c := range []struct {
		name   string
		source enumerator.Enumerator[int]
		limit  func() int
	}{
		{"FromSlice", enumerator.FromSlice(es), func() (a int) {
			for _, e := range es {
				if e := triple(e); isEven(e) {
					a = add(a, e)
				}
			}
			return a
		}},
		{"Unfold", enumerator.Unfold(0, next), func() (a int) {
			for e, s, ok := next(0); ok; e, s, ok = next(s) {
				if e := triple(e); isEven(e) {
					a = add(a, e)
				}
			}
			return a
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			run := mapFilterFold(c.source)
			var loop, ours time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				want := c.limit()
				loop += time.Since(start)

				start = time.Now()
				got, err := run(b.Context())
				ours += time.Since(start)
				if err != nil || got != want {
					b.Fatal(got, want, err)
				}
			}
			b.ReportMetric(float64(ours)/float64(loop), "x-limit")
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*len(es)), "ns/element")
			b.ReportMetric(0, "ns/op") // hides the time of both together, which means nothing
		})
	}
}

func TestNoAllocationPerElement(t *testing.T) {
	allocs := func(n int) float64 {
		es := numbers(n)
		runs := []func(context.Context) (int, error){
			mapFilterFold(enumerator.FromSlice(es)),
			mapFilterFold(enumerator.Unfold(0, countTo(n))),
			mapFilterFold(enumerator.Through(enumerator.FromSlice(es), enumeratee.Compose(enumeratee.Drop[int](1), enumeratee.Take[int](n)))),
			mapFilterFold(enumerator.Through(enumerator.FromSlice(es), enumeratee.MapM(func(_ context.Context, e int) (int, error) { return e, nil }))),
		}
		return testing.AllocsPerRun(10, func() {
			for _, run := range runs {
				_, err := run(t.Context())
				require.NoError(t, err)
			}
		})
	}
	assert.Equal(t, allocs(100), allocs(10_000))
}
