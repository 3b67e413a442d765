//go:build !fuzz

package jetstream_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	api "github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// BenchmarkSize measures the memory of topics of one message each, and the bytes of a message in the stream. Each
// message has a key that is remembered, like the messages of Topics. The server of the stream is in the process, so
// its memory counts too.
func BenchmarkSize(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		data := make([]byte, size)
		b.Run(fmt.Sprintf("memory/%d bytes", size), func(b *testing.B) {
			measureHeap(b, topics.Memory(100), data)
		})
		b.Run(fmt.Sprintf("embedded/%d bytes", size), func(b *testing.B) {
			nc := start(b, b.TempDir(), embedded.SyncLater())
			measureHeap(b, open(b, nc, "test", jetstream.Keep(100)), data)
			js, err := api.New(nc)
			require.NoError(b, err)
			stream, err := js.Stream(b.Context(), "test")
			require.NoError(b, err)
			b.ReportMetric(float64(stream.CachedInfo().State.Bytes)/float64(b.N), "stream-B/message")
		})
	}
}

// BenchmarkServer measures the memory and the goroutines of a server with an empty stream.
func BenchmarkServer(b *testing.B) {
	before, goroutines := heap(), runtime.NumGoroutine()
	open(b, start(b, b.TempDir()), "test")
	b.ReportMetric((heap()-before)/(1<<20), "heap-MiB")
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
	b.ReportMetric(0, "ns/op")
}

// NATS costs a program these bytes.
func TestSizeOfAProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	t.Parallel()
	dir := t.TempDir()
	size := func(program string) int64 {
		file := filepath.Join(dir, program)
		out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, "./testdata/size/"+program).CombinedOutput()
		require.NoError(t, err, string(out))
		info, err := os.Stat(file)
		require.NoError(t, err)
		return info.Size()
	}
	memory, jetstream, embedded := size("memory"), size("jetstream"), size("embedded")
	t.Logf("memory %d bytes, jetstream %d more, embedded %d more", memory, jetstream-memory, embedded-memory)
	assert.Less(t, jetstream-memory, int64(1_500_000))
	assert.Less(t, embedded-memory, int64(14_000_000))
}

func measureHeap(b *testing.B, s topics.Store, data []byte) {
	before := heap()
	require.NoError(b, inParallel(16, b.N, func(i int) error {
		_, err := s.Append(context.Background(), fmt.Sprintf("room-%06d", i), topics.Record{Key: rand.Text(), Data: data})
		return err
	}))
	b.ReportMetric((heap()-before)/float64(b.N), "heap-B/topic")
	b.ReportMetric(0, "ns/op")
	runtime.KeepAlive(s)
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
