package enumerator_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// channelSum sends es through a buffered channel and returns their sum.
func channelSum(es []int, bound int) (total int) {
	ch := make(chan int, bound)
	go func() {
		for _, e := range es {
			ch <- e
		}
		close(ch)
	}()
	for e := range ch {
		total = add(total, e)
	}
	return total
}

// besideChannel runs e, which gives es, in turn with a buffered channel of the same capacity. It
// reports the ratio of the two times.
func besideChannel(b *testing.B, es []int, bound int, run func() (int, error)) {
	var theirs, ours time.Duration
	for b.Loop() {
		start := time.Now()
		want := channelSum(es, bound)
		theirs += time.Since(start)

		start = time.Now()
		got, err := run()
		ours += time.Since(start)
		if err != nil || got != want {
			b.Fatal(got, want, err)
		}
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-of-channel")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*len(es)), "ns/element")
	b.ReportMetric(0, "ns/op") // hides the time of both together, which means nothing
}

func BenchmarkUnicast(b *testing.B) {
	const bound = 256
	es := numbers(100_000)
	e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
		defer ch.End()
		for _, e := range es {
			if ch.Push(ch.Context(), e) != nil {
				return
			}
		}
	}, enumerator.Capacity(bound))
	sum := iteratee.Fold(0, add)
	besideChannel(b, es, bound, func() (int, error) { return enumerator.Run(b.Context(), e, sum) })
}

func BenchmarkBroadcastOneToOne(b *testing.B) {
	const bound = 256
	es := numbers(100_000)
	sum := iteratee.Fold(0, add)
	besideChannel(b, es, bound, func() (int, error) {
		hub := enumerator.Broadcast[int](enumerator.Capacity(bound), enumerator.WhenFull(enumerator.Block))
		go func() {
			for hub.Runs() == 0 {
				runtime.Gosched()
			}
			for _, e := range es {
				_ = hub.Push(b.Context(), e)
			}
			hub.End()
		}()
		return enumerator.Run(b.Context(), enumerator.Values(hub.Live(), nil), sum)
	})
}

// BenchmarkBroadcastPushAlone pushes while no run is attached, in turn with an uncontended lock.
func BenchmarkBroadcastPushAlone(b *testing.B) {
	const n = 1000
	for _, policy := range []enumerator.Policy{enumerator.DropOldest, enumerator.Block} {
		b.Run(policy.String(), func(b *testing.B) {
			hub := enumerator.Broadcast[int](enumerator.WhenFull(policy))
			ctx := b.Context()
			var mu sync.Mutex
			locked := 0
			var theirs, ours time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				for range n {
					mu.Lock()
					locked++
					mu.Unlock()
				}
				theirs += time.Since(start)

				start = time.Now()
				for e := range n {
					_ = hub.Push(ctx, e)
				}
				ours += time.Since(start)
			}
			b.ReportMetric(float64(ours)/float64(theirs), "x-of-mutex")
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*n), "ns/push")
			b.ReportMetric(0, "ns/op") // hides the time of both together, which means nothing
		})
	}
}

// BenchmarkBroadcastIdle pushes to runs that all wait. It reports the time until the push returns, the
// time until the last run has the element, and the memory of a run beside the memory of a goroutine
// that only waits for its context.
func BenchmarkBroadcastIdle(b *testing.B) {
	for _, n := range []int{1, 100, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var goroutines float64
			for range 2 { // the first round fills the pool of goroutines that the runtime keeps
				var over sync.WaitGroup
				plain, end := context.WithCancel(b.Context())
				goroutines = heapOf(n, func() {
					var started sync.WaitGroup
					started.Add(n)
					for range n {
						over.Go(func() { started.Done(); <-plain.Done() })
					}
					started.Wait()
				})
				end()
				over.Wait()
			}

			hub := enumerator.Broadcast[int]()
			var missing atomic.Int64
			var over sync.WaitGroup
			all := make(chan struct{})
			consumer := iteratee.ForEach(func(context.Context, enumerator.Item[int]) error {
				if missing.Add(-1) == 0 {
					all <- struct{}{}
				}
				return nil
			})
			live := hub.Live()
			wait := func() {
				for ok := false; !ok; ok = enumerator.Waiting(hub) == n {
					time.Sleep(100 * time.Microsecond)
				}
			}
			runs := heapOf(n, func() {
				for range n {
					over.Go(func() { _, _ = enumerator.Run(ctx, live, consumer) })
				}
				wait()
			})
			var push, last time.Duration
			for b.Loop() {
				wait()
				missing.Store(int64(n))
				start := time.Now()
				_ = hub.Push(ctx, 1)
				push += time.Since(start)
				<-all
				last += time.Since(start)
			}
			b.ReportMetric(float64(push.Nanoseconds())/float64(b.N), "ns/push")
			b.ReportMetric(float64(last.Nanoseconds())/float64(b.N), "ns/last")
			b.ReportMetric(float64(last.Nanoseconds())/float64(b.N*n), "ns/run")
			b.ReportMetric(runs-goroutines, "B/run")
			b.ReportMetric(0, "ns/op") // hides a time that includes the wait before each push
			cancel()
			over.Wait()
		})
	}
}

// heapOf returns the bytes of heap, without stacks, of each of the n goroutines that start starts.
func heapOf(n int, start func()) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(n)
}
