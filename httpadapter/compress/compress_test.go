package compress_test

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// Package httpadapter has the tests of encoded streams: flushes, faults and Encoders that are shared.
func TestOption(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		for name, chunks := range map[string][]string{
			"an empty stream":  nil,
			"a chunk":          {"a"},
			"some large ones":  {strings.Repeat("a", 100<<10), "b", strings.Repeat("c", 100<<10)},
			"an empty chunk":   {""},
			"and after others": {"a", "", "b"},
		} {
			t.Run(coding+", "+name, func(t *testing.T) {
				var source [][]byte
				for _, chunk := range chunks {
					source = append(source, []byte(chunk))
				}
				w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Accept-Encoding", coding)
				require.NoError(t, httpadapter.Serve(w, r, enumerator.FromSlice(source), compress.Option()))
				assert.Equal(t, coding, w.Header().Get("Content-Encoding"))
				assert.Equal(t, strings.Join(chunks, ""), decoded(t, coding, w.Body.Bytes()))
			})
		}
	}
}

func decoded(t *testing.T, coding string, body []byte) string {
	t.Helper()
	var d io.Reader
	if coding == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		require.NoError(t, err)
		d = z
	} else {
		z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
		require.NoError(t, err)
		defer z.Close()
		d = z
	}
	text, err := io.ReadAll(d)
	require.NoError(t, err)
	return string(text)
}
