package httpadapter_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/iteratee"
)

// whole is the stream as one value.
var whole = iteratee.Fold("", func(s string, chunk []byte) string { return s + string(chunk) })

func TestTrailer(t *testing.T) {
	first := iteratee.Map(iteratee.Head[[]byte](), func(chunk *[]byte) string {
		if chunk == nil {
			return "none"
		}
		return string(*chunk)
	})
	for _, proto := range protocols {
		for name, tt := range map[string]struct{ chunks []string }{"chunks": {[]string{"ab", "", "c"}}, "none": {}} {
			t.Run(proto+"/"+name, func(t *testing.T) {
				srv := start(t, proto, httpadapter.Handler(
					func(*http.Request) (enumerator.Enumerator[[]byte], error) { return of(tt.chunks...), nil },
					httpadapter.Trailer("x-whole", whole), httpadapter.Trailer("X-First", first), compress.Option(),
				))
				for range 2 { // the recipes are used again
					res := getEncoded(t, srv, "gzip")
					assert.Len(t, res.Trailer, 2, "announced")
					_, err := io.ReadAll(res.Body)
					require.NoError(t, err)
					assert.Equal(t, strings.Join(tt.chunks, ""), res.Trailer.Get("X-Whole"), "before compression")
					want := "none"
					if len(tt.chunks) > 0 {
						want = tt.chunks[0]
					}
					assert.Equal(t, want, res.Trailer.Get("X-First"))
					assert.Empty(t, res.Header.Get("X-Whole"))
				}
			})
		}
	}
}

func TestTrailerStaysOnItsLine(t *testing.T) {
	srv := start(t, "HTTP/1.1", httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return of("a\r\nX-Forged: b"), nil },
		httpadapter.Trailer("X-Whole", whole),
	))
	res := get(t, srv, t.Context())
	_, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Empty(t, res.Trailer.Get("X-Forged"))
}

func TestTrailerThatFails(t *testing.T) {
	w := newRecorder(t)
	err := w.serve(t.Context(), of("a"), httpadapter.Trailer("X-A", iteratee.Error[[]byte, string](errBoom, iteratee.Empty[[]byte]())))
	assert.Equal(t, errBoom, err)
	assert.Equal(t, answered500, w.calls())
}

func TestTrailerPanicsOnWhatIsNoName(t *testing.T) {
	assert.PanicsWithValue(t, `httpadapter: Trailer: key must be the name of a header, got "a b"`,
		func() { httpadapter.Trailer("a b", whole) })
}
