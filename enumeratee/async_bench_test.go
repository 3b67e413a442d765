package enumeratee_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// BenchmarkBuffer hands 100,000 ints from one goroutine to another, by turns through a Buffer and a channel
// of the same capacity. It reports the ratio of the times.
func BenchmarkBuffer(b *testing.B) {
	es := ints(1, 100_000)
	add := func(a, e int) int { return a + e }
	overChannel := func(n int) (a int) {
		in := make(chan int, n)
		go func() {
			defer close(in)
			for _, e := range es {
				in <- e
			}
		}()
		for e := range in {
			a = add(a, e)
		}
		return a
	}
	for _, n := range []int{0, 1, 16, 256, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			source := enumerator.Through(enumerator.FromSlice(es), enumeratee.Buffer[int](n))
			consumer := iteratee.Fold(0, add)
			var channel, ours time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				want := overChannel(n)
				channel += time.Since(start)

				start = time.Now()
				got, err := enumerator.Run(context.Background(), source, consumer)
				ours += time.Since(start)
				if err != nil || got != want {
					b.Fatal(got, want, err)
				}
			}
			b.ReportMetric(float64(ours)/float64(channel), "x-of-channel")
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*len(es)), "ns/element")
			b.ReportMetric(0, "ns/op") // the sum of both, which means nothing
		})
	}
}
