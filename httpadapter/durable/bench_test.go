package durable_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/durable"
)

// BenchmarkCatchUp reads a stream of 100 MB, and a file of that size from http.ServeContent. It reports the ratio of their
// times.
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
	var stream, plain time.Duration
	for b.Loop() {
		start := time.Now()
		var sum int64
		for offset, upToDate := "-1", false; !upToDate; {
			var n int64
			n, offset, upToDate = read(streams.URL + "/a?offset=" + offset)
			sum += n
		}
		require.EqualValues(b, entry*entries, sum)
		stream += time.Since(start)
		start = time.Now()
		sum, _, _ = read(files.URL)
		require.EqualValues(b, entry*entries, sum)
		plain += time.Since(start)
	}
	b.ReportMetric(stream.Seconds()/plain.Seconds(), "×file")
}
