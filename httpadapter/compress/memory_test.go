package compress_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
)

// BenchmarkCompressMemory opens streams through Serve that send 50 events of 200 or of 60 bytes, flush
// each, and are idle then. It reports how much more heap and stack a stream takes than one that is not
// compressed, how much longer an event takes, and the size of the text divided by that of the response.
func BenchmarkCompressMemory(b *testing.B) {
	for size, event := range map[string]func(*rand.Rand) []byte{"200 B": longEvent, "60 B": shortEvent} {
		for _, coding := range []string{"gzip", "zstd"} {
			b.Run(coding+"/"+size, func(b *testing.B) {
				var plain, compressed cost
				rounds := 0.0
				for b.Loop() {
					rounds++
					plain.add(idleStreams(b, "identity", event))
					compressed.add(idleStreams(b, coding, event))
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric((compressed.heap-plain.heap)/rounds, "heap-B/stream")
				b.ReportMetric((compressed.stack-plain.stack)/rounds, "stack-B/stream")
				b.ReportMetric(plain.bytes/compressed.bytes, "ratio")
				b.ReportMetric((compressed.time-plain.time)/rounds, "ns/event")
			})
		}
	}
}

// A stream takes as much memory as Option says; the bound leaves room for other memory of the process.
func TestCompressMemory(t *testing.T) {
	for coding, bound := range map[string]float64{"gzip": 8 << 10, "zstd": 500 << 10} {
		t.Run(coding, func(t *testing.T) {
			plain := idleStreams(t, "identity", longEvent)
			compressed := idleStreams(t, coding, longEvent)
			assert.Less(t, compressed.heap-plain.heap, bound, "bytes per stream")
			assert.Greater(t, plain.bytes/compressed.bytes, 2.5, "ratio")
		})
	}
}

// cost is that of a stream, with the time of an event.
type cost struct{ heap, stack, bytes, time float64 }

func (c *cost) add(d cost) {
	c.heap += d.heap
	c.stack += d.stack
	c.bytes += d.bytes
	c.time += d.time
}

func idleStreams(tb testing.TB, accept string, event func(*rand.Rand) []byte) cost {
	tb.Helper()
	const streams, events = 200, 50
	rnd := rand.New(rand.NewPCG(1, 2))
	chunks := make([][]byte, events)
	for i := range chunks {
		chunks[i] = event(rnd)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	var idle, all sync.WaitGroup
	var written atomic.Int64
	before := memory()
	start := time.Now()
	for range streams {
		idle.Add(1)
		all.Go(func() {
			r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
			r.Header.Set("Accept-Encoding", accept)
			i := 0
			e := enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
				if i == events {
					idle.Done()
					<-ctx.Done()
					return nil, false, ctx.Err()
				}
				i++
				return chunks[i-1], true, nil
			})
			w := &counting{header: http.Header{}, written: &written}
			_ = httpadapter.Serve(w, r, e, compress.Option(), httpadapter.Heartbeat(0, nil))
		})
	}
	idle.Wait()
	took := time.Since(start)
	after := memory()
	cancel()
	all.Wait()
	return cost{
		heap:  (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / streams,
		stack: (float64(after.StackInuse) - float64(before.StackInuse)) / streams,
		bytes: float64(written.Load()) / streams,
		time:  float64(took) / streams / events,
	}
}

// memory returns the memory in use after a collection that empties pools too.
func memory() runtime.MemStats {
	runtime.GC()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m
}

// counting is a ResponseWriter that only counts.
type counting struct {
	header  http.Header
	written *atomic.Int64
}

func (c *counting) Header() http.Header              { return c.header }
func (c *counting) WriteHeader(int)                  {}
func (c *counting) FlushError() error                { return nil }
func (c *counting) SetWriteDeadline(time.Time) error { return nil }
func (c *counting) SetReadDeadline(time.Time) error  { return nil }
func (c *counting) EnableFullDuplex() error          { return nil }
func (c *counting) Write(p []byte) (int, error) {
	c.written.Add(int64(len(p)))
	return len(p), nil
}

func longEvent(rnd *rand.Rand) []byte {
	return fmt.Appendf(nil, "id: %d\nevent: order\ndata: {\"id\":%d,\"customer\":\"%08x\",\"status\":%q,\"total\":%.2f,\"currency\":\"EUR\","+
		"\"created\":\"2026-03-0%dT%02d:%02d:%02dZ\",\"shipping\":{\"city\":%q,\"express\":%t}}\n\n",
		rnd.IntN(1e6), 1e6+rnd.IntN(1e6), rnd.Uint32(), oneOf(rnd, "new", "paid", "packed", "shipped"), 500*rnd.Float64(),
		1+rnd.IntN(9), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), oneOf(rnd, "Bern", "Basel", "Chur", "Zug"), rnd.IntN(2) == 0)
}

func shortEvent(rnd *rand.Rand) []byte {
	return fmt.Appendf(nil, "data: {\"symbol\":%q,\"price\":%.2f,\"size\":%d}\n\n", oneOf(rnd, "ACME", "GLOBEX", "INITECH"), 100*rnd.Float64(), rnd.IntN(1000))
}

func oneOf(rnd *rand.Rand, words ...string) string { return words[rnd.IntN(len(words))] }
