package enumerator_test

import (
	"context"
	"testing"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// BenchmarkUnicast hands ints from one goroutine to another, in turn with a buffered channel of
// the same bound. It reports how many times as long it takes.
func BenchmarkUnicast(b *testing.B) {
	const n, bound = 100_000, 256
	sum := iteratee.Fold(0, add)
	es := numbers(n)
	channel := func(ctx context.Context) int {
		ch := make(chan int, bound)
		go func() {
			for _, e := range es {
				ch <- e
			}
			close(ch)
		}()
		total := 0
		for e := range ch {
			total = add(total, e)
		}
		return total
	}
	e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
		defer ch.End()
		for _, e := range es {
			if ch.Push(ch.Context(), e) != nil {
				return
			}
		}
	}, enumerator.Capacity(bound))
	var theirs, ours time.Duration
	for b.Loop() {
		start := time.Now()
		want := channel(b.Context())
		theirs += time.Since(start)

		start = time.Now()
		got, err := enumerator.Run(b.Context(), e, sum)
		ours += time.Since(start)
		if err != nil || got != want {
			b.Fatal(got, want, err)
		}
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-of-channel")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*n), "ns/element")
	b.ReportMetric(0, "ns/op") // of both together: means nothing
}
