package compress_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
)

// After a flush the standard library decodes all bytes that were written before it. At the end it
// checks the digest and the length. The sizes are around the ends of blocks and of windows.
func TestGzipIsDecodedByTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		letters := rapid.IntRange(1, 256).Draw(t, "letters")
		sizes := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(4<<10-3, 4<<10+3), rapid.IntRange(16<<10-3, 16<<10+3), rapid.IntRange(0, 100<<10))
		var out bytes.Buffer
		z := compress.NewGzip(&out)
		var d *gzip.Reader
		for range rapid.IntRange(0, 10).Draw(t, "flushes") {
			var text []byte
			for range rapid.IntRange(0, 3).Draw(t, "writes") {
				p := make([]byte, sizes.Draw(t, "size"))
				for i := range p {
					p[i] = byte(rnd.IntN(letters))
				}
				n, err := z.Write(p)
				require.NoError(t, err)
				require.Equal(t, len(p), n)
				text = append(text, p...)
			}
			require.NoError(t, z.Flush())
			if len(text) == 0 {
				continue
			}
			if d == nil {
				var err error
				d, err = gzip.NewReader(&out)
				require.NoError(t, err)
			}
			got := make([]byte, len(text))
			_, err := io.ReadFull(d, got)
			require.NoError(t, err)
			require.True(t, bytes.Equal(text, got))
		}
		require.NoError(t, z.Close())
		if d == nil {
			var err error
			d, err = gzip.NewReader(&out)
			require.NoError(t, err)
		}
		rest, err := io.ReadAll(d)
		require.NoError(t, err)
		require.Empty(t, rest)
	})
}

// A large chunk is compressed in several blocks, and becomes little longer by that.
func TestGzipOfALargeChunk(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for len(text) < 1<<20 {
		text = append(text, longEvent(rnd)...)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	require.NoError(t, httpadapter.Serve(w, r, enumerator.Of(text), compress.Option()))
	assert.Less(t, w.Body.Len(), len(text)/3)
	d, err := gzip.NewReader(w.Body)
	require.NoError(t, err)
	got, err := io.ReadAll(d)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(text, got))
}

func TestGzipWriteFails(t *testing.T) {
	for _, write := range []func(compress.GzipWriter) error{
		func(z compress.GzipWriter) error { _, err := z.Write(make([]byte, 16<<10)); return err },
		func(z compress.GzipWriter) error { _, _ = z.Write([]byte("a")); return z.Flush() },
		compress.GzipWriter.Close,
	} {
		assert.ErrorIs(t, write(compress.NewGzip(brokenWriter{})), errBoom)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBoom }
