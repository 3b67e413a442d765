//go:build unix

package durable_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/durable"
)

// BenchmarkCatchUp reads a stream of 100 MB, and a file of that size from http.ServeContent, in turn. It reports the ratios
// of their rates: by the time, and by the processor time of client and server.
func BenchmarkCatchUp(b *testing.B) {
	const entry, entries = 10_000, 10_000
	store := topics.Memory(entries)
	h := durable.Handler(store, byPath)
	data := bytes.Repeat([]byte("0123456789"), entry/10)
	file := filepath.Join(b.TempDir(), "file")
	require.NoError(b, os.WriteFile(file, bytes.Repeat(data, entries), 0o600))
	for i := range entries {
		method := "POST"
		if i == 0 {
			method = "PUT"
		}
		r := request(b.Context(), method, "/a", string(data), headers{"Content-Type", "application/octet-stream"})
		require.Less(b, serve(h, r).status, 300)
	}
	streams := httptest.NewServer(h)
	defer streams.Close()
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(file)
		require.NoError(b, err)
		defer f.Close()
		http.ServeContent(w, r, "", time.Time{}, f)
	}))
	defer files.Close()
	read := func(url string) (n int64, next string, upToDate bool) {
		answer, err := http.Get(url)
		require.NoError(b, err)
		defer answer.Body.Close()
		n, err = io.Copy(io.Discard, answer.Body)
		require.NoError(b, err)
		return n, answer.Header.Get("Stream-Next-Offset"), answer.Header.Get("Stream-Up-To-Date") != ""
	}
	var stream, plain cost
	for b.Loop() {
		stream.measure(func() {
			var sum int64
			for offset, upToDate := "-1", false; !upToDate; {
				var n int64
				n, offset, upToDate = read(streams.URL + "/a?offset=" + offset)
				sum += n
			}
			require.EqualValues(b, entry*entries, sum)
		})
		plain.measure(func() {
			sum, _, _ := read(files.URL)
			require.EqualValues(b, entry*entries, sum)
		})
	}
	b.ReportMetric(plain.time.Seconds()/stream.time.Seconds(), "×file-rate")
	b.ReportMetric(plain.cpu.Seconds()/stream.cpu.Seconds(), "×file-rate-by-CPU")
}

// cost is the time that something has taken, and the processor time of client and server.
type cost struct{ time, cpu time.Duration }

func (c *cost) measure(f func()) {
	processor := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start, before := time.Now(), processor()
	f()
	c.time += time.Since(start)
	c.cpu += processor() - before
}
