package enumerator_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// BenchmarkMerge merges 100 sources of 1000 ints, in turn with plain channels: a goroutine for each
// source, all sending to one unbuffered channel. Those goroutines do not wait until an element has been
// consumed, and cannot be stopped. It reports the ratio of the two times.
func BenchmarkMerge(b *testing.B) {
	const sources, each = 100, 1000
	next := countTo(each)
	channels := func() (a int) {
		ch := make(chan int)
		var wg sync.WaitGroup
		for range sources {
			wg.Go(func() {
				for e, s, ok := next(0); ok; e, s, ok = next(s) {
					ch <- e
				}
			})
		}
		go func() {
			wg.Wait()
			close(ch)
		}()
		for e := range ch {
			a = add(a, e)
		}
		return a
	}
	var es []source
	for range sources {
		es = append(es, enumerator.Unfold(0, next))
	}
	for _, c := range []struct {
		name string
		e    source
	}{
		{"Interleave", enumerator.Interleave(es...)},
		{"FlatMapConcurrent", enumerator.FlatMapConcurrent(enumerator.FromSlice(es), math.MaxInt, func(e source) source { return e })},
	} {
		b.Run(c.name, func(b *testing.B) {
			var peer, ours time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				want := channels()
				peer += time.Since(start)

				start = time.Now()
				got, err := enumerator.Run(b.Context(), c.e, iteratee.Fold(0, add))
				ours += time.Since(start)
				if err != nil || got != want {
					b.Fatal(got, want, err)
				}
			}
			b.ReportMetric(float64(ours)/float64(peer), "x-channels")
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*sources*each), "ns/element")
			b.ReportMetric(0, "ns/op") // hides the time of both together, which means nothing
		})
	}
}
