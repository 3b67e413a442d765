package rx_test

import (
	"context"
	"testing"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/rx"
	"github.com/halley-go/halley/iteratee"
)

// BenchmarkLift runs 10,000 ints through Map, and through Map, Filter and Scan, in turn with
// RxGo alone, and reports its time in multiples of RxGo's.
func BenchmarkLift(b *testing.B) {
	const n = 10_000
	triple := as(func(n int) int { return 3 * n })
	even := func(v any) bool { return v.(int)%2 == 0 }
	next := func(i int) (int, int, bool) { return i, i + 1, i < n }
	for _, c := range []struct {
		name  string
		chain func(rxgo.Observable) rxgo.Observable
	}{
		{"Map", func(o rxgo.Observable) rxgo.Observable { return o.Map(triple) }},
		{"MapFilterScan", func(o rxgo.Observable) rxgo.Observable { return o.Map(triple).Filter(even).Scan(plus) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			lifted := rx.Lift[int](enumerator.Unfold(0, next), c.chain)
			last := iteratee.Fold(0, func(_, e int) int { return e })
			var alone, ours time.Duration
			for b.Loop() {
				start := time.Now()
				want := 0
				for item := range c.chain(rxgo.Range(0, n)).Observe(rxgo.WithContext(context.Background())) {
					want = item.V.(int)
				}
				alone += time.Since(start)

				start = time.Now()
				got, err := enumerator.Run(b.Context(), lifted, last)
				ours += time.Since(start)
				if err != nil || got != want {
					b.Fatal(got, want, err)
				}
			}
			b.ReportMetric(float64(ours)/float64(alone), "x-rxgo")
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*n), "ns/element")
			b.ReportMetric(0, "ns/op") // the sum of both means nothing
		})
	}
}
