package topics_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// BenchmarkReaders delivers messages to 1,000 readers of a topic, in turn with a hub alone. Nothing else runs, and
// each processor is busy, so the time stands for processor time.
func BenchmarkReaders(b *testing.B) {
	const readers, messages = 1000, 100
	type message struct {
		From, Text string
		N          int
	}
	var missing sync.WaitGroup
	start := func(ctx context.Context, over *sync.WaitGroup, source enumerator.Enumerator[enumerator.Item[message]]) {
		consumer := iteratee.ForEach(func(_ context.Context, i enumerator.Item[message]) error {
			missing.Done()
			return nil
		})
		missing.Add(readers) // the bookmarks
		for range readers {
			over.Go(func() { _, _ = enumerator.Run(ctx, source, consumer) })
		}
		missing.Wait()
	}
	ctx, cancel := context.WithCancel(b.Context())
	var over sync.WaitGroup
	defer over.Wait()
	defer cancel()

	hub := enumerator.Broadcast[message]()
	start(ctx, &over, hub.Live())
	all := topics.New[message](topics.Memory(1000))
	start(ctx, &over, all.Topic("news").From(position{}))

	timed := func(publish func(message) error) time.Duration {
		missing.Add(readers * messages)
		begin := time.Now()
		for n := range messages {
			require.NoError(b, publish(message{"Ada", "a text of some length", n}))
		}
		missing.Wait()
		return time.Since(begin)
	}
	var theirs, ours time.Duration
	for b.Loop() {
		theirs += timed(func(m message) error { return hub.Push(ctx, m) })
		ours += timed(func(m message) error { _, err := all.Publish(ctx, "news", "", m); return err })
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-of-hub")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*readers*messages), "ns/delivery")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N*readers*messages), "hub-ns/delivery")
	b.ReportMetric(0, "ns/op") // hides the time of both together, which means nothing
}

// BenchmarkAttach attaches topics that have one entry, and reports the memory of each.
func BenchmarkAttach(b *testing.B) {
	const n = 100_000
	var took time.Duration
	var size float64
	for b.Loop() {
		begin := time.Now()
		size = attached(b, n)
		took += time.Since(begin)
	}
	b.ReportMetric(size, "B/topic")
	b.ReportMetric(float64(took.Nanoseconds())/float64(b.N*n), "ns/topic")
	b.ReportMetric(0, "ns/op")
}

// attached returns the memory of an attached topic, with its part of the Store.
func attached(t testing.TB, n int) float64 {
	s := topics.Memory(10)
	all := topics.New[string](s)
	detach := make([]func(), n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	for i := range n {
		var err error
		detach[i], err = all.Attach(t.Context(), strconv.Itoa(i))
		require.NoError(t, err)
	}
	require.Equal(t, goroutines, runtime.NumGoroutine(), "an idle topic has no goroutine")
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Equal(t, n, all.Stats().Topics)
	for _, d := range detach {
		d()
	}
	require.Zero(t, all.Stats().Topics)
	kept, _, _, _ := topics.Sizes(s)
	require.Zero(t, kept)
	return float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
}

func TestAnIdleTopicIsSmall(t *testing.T) {
	n := 10_000
	if probe.Long() {
		n = 100_000
	}
	require.Less(t, attached(t, n), 2048.0)
}
