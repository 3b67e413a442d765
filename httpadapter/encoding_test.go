package httpadapter_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
)

func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                 "",
		"gzip":                             "gzip",
		"GZip ; Q=0.5":                     "gzip",
		"zstd":                             "zstd",
		"gzip, deflate, br, zstd":          "gzip",
		"gzip, zstd;q=0.9":                 "gzip",
		"gzip;q=0.2, zstd;q=0.3":           "zstd",
		"br, deflate":                      "",
		"gzip;q=0":                         "",
		"gzip;q=0.000, zstd;q=0":           "",
		"gzip;q=0, *":                      "zstd",
		"zstd;q=0, *;q=0.1":                "gzip",
		"*":                                "gzip",
		"*;q=0":                            "",
		"identity":                         "",
		"identity;q=0":                     "",
		"identity, gzip;q=0.5":             "",
		"identity;q=0.5, gzip":             "gzip",
		"identity, gzip":                   "gzip",
		"gzip;q=2, zstd;q=-1":              "",
		"gzip;q=NaN, zstd;q=x":             "",
		"gzip;q=":                          "",
		"gzip;level=9;q=0.1, identity;q=0": "gzip",
		"xgzip, gzipx":                     "",
		",,gzip,":                          "gzip",
	} {
		assert.Equal(t, want, httpadapter.Negotiate(accept), "%q", accept)
	}
	assert.Equal(t, "gzip", httpadapter.Negotiate("br", "gzip"), "two headers")
	assert.Empty(t, httpadapter.Negotiate())
}

// A client can send a header of any length.
func TestNegotiateKeepsNothingOfOtherCodings(t *testing.T) {
	var accept strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&accept, "x%d,", i)
	}
	accept.WriteString("gzip")
	assert.Equal(t, "gzip", httpadapter.Negotiate(accept.String()))
	assert.LessOrEqual(t, testing.AllocsPerRun(10, func() { httpadapter.Negotiate(accept.String()) }), 5.0)
}

func FuzzNegotiate(f *testing.F) {
	f.Add("gzip;q=0.5, *;q=0, identity")
	f.Fuzz(func(t *testing.T, accept string) {
		switch got := httpadapter.Negotiate(accept); got {
		case "":
		case "gzip", "zstd":
			if !strings.Contains(strings.ToLower(accept), got) && !strings.Contains(accept, "*") {
				t.Errorf("%q does not ask for %s", accept, got)
			}
		default:
			t.Errorf("there is no %s", got)
		}
	})
}

func decoder(t *testing.T, coding string, r io.Reader) io.Reader {
	t.Helper()
	if coding == "gzip" {
		d, err := gzip.NewReader(r)
		require.NoError(t, err)
		return d
	}
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func getEncoded(t *testing.T, srv *httptest.Server, accept string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL, nil)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", accept) // which keeps net/http from decoding
	res, err := srv.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// A client can decode each chunk before the source makes the next one.
func TestEncodedChunksDoNotWait(t *testing.T) {
	for _, proto := range protocols {
		for _, coding := range []string{"gzip", "zstd"} {
			t.Run(proto+"/"+coding, func(t *testing.T) {
				src := newTap()
				srv, returned := serving(t, proto, src, compress.Option())
				res := getEncoded(t, srv, coding)
				assert.Equal(t, coding, res.Header.Get("Content-Encoding"))
				assert.Equal(t, "Accept-Encoding", res.Header.Get("Vary"))
				var body io.Reader
				for _, size := range []int{1, 64, 5132, 100 << 10, 3} {
					want := strings.Repeat("x", size-1) + "y"
					send(t, src.chunks, want)
					if body == nil {
						body = decoder(t, coding, res.Body)
					}
					got := make([]byte, size)
					_, err := io.ReadFull(body, got)
					require.NoError(t, err)
					require.Equal(t, want, string(got))
				}
				close(src.chunks)
				rest, err := io.ReadAll(body)
				assert.NoError(t, err)
				assert.Empty(t, rest)
				assert.NoError(t, receive(t, returned, "Serve"))
			})
		}
	}
}

func TestEncodedStreamThatIsCutIsNotComplete(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = httpadapter.Serve(w, r, failing(errBoom, "a"), compress.Option())
		}))
		_, r := dial(t, srv, "GET / HTTP/1.0\r\nAccept-Encoding: "+coding+"\r\n\r\n") // where the connection does not tell
		readHead(t, r)
		got, err := io.ReadAll(decoder(t, coding, r))
		assert.Equal(t, "a", string(got))
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

func TestContentEncodingOnlyForClientsThatAsk(t *testing.T) {
	for name, tt := range map[string]struct {
		accept   string
		header   http.Header
		opts     []httpadapter.Option
		encoding string
		vary     []string
	}{
		"nobody asks":       {"", http.Header{}, nil, "", []string{"Accept-Encoding"}},
		"refused":           {"gzip;q=0", http.Header{}, nil, "", []string{"Accept-Encoding"}},
		"encoded already":   {"gzip", http.Header{"Content-Encoding": {"br"}}, nil, "br", nil},
		"encoded by option": {"gzip", http.Header{}, []httpadapter.Option{httpadapter.Header("Content-Encoding", "br")}, "br", nil},
		"forbidden":         {"gzip", http.Header{"Content-Encoding": nil}, nil, "", nil},
		"with a length":     {"gzip", http.Header{"Content-Length": {"1"}}, nil, "gzip", []string{"Accept-Encoding"}},
		"varies":            {"gzip", http.Header{"Vary": {"Origin"}}, nil, "gzip", []string{"Origin", "Accept-Encoding"}},
		"varies already":    {"gzip", http.Header{"Vary": {"Origin, accept-encoding"}}, nil, "gzip", []string{"Origin, accept-encoding"}},
		"varies with all":   {"gzip", http.Header{"Vary": {"*"}}, nil, "gzip", []string{"*"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} {
				w := httptest.NewRecorder()
				for key, values := range tt.header {
					w.Header()[key] = values
				}
				r := httptest.NewRequest(method, "/", nil)
				if tt.accept != "" {
					r.Header.Set("Accept-Encoding", tt.accept)
				}
				require.NoError(t, httpadapter.Serve(w, r, of("a"), append(tt.opts, compress.Option())...))
				assert.Equal(t, tt.encoding, w.Header().Get("Content-Encoding"))
				assert.Equal(t, tt.vary, w.Header().Values("Vary"))
				assert.Empty(t, w.Header()["Content-Length"])
				switch {
				case method == "HEAD":
					assert.Zero(t, w.Body.Len())
				case tt.encoding != "gzip":
					assert.Equal(t, "a", w.Body.String())
				}
			}
		})
	}
	t.Run("without the option", func(t *testing.T) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		require.NoError(t, httpadapter.Serve(w, r, of("a")))
		assert.Empty(t, w.Header().Values("Vary"))
		assert.Equal(t, "a", w.Body.String())
	})
}

// The Content-Length of a stream is that of its source, even if the response is encoded and has none.
func TestEncodedStreamThatIsShorterThanItsLength(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		_ = httpadapter.Serve(w, r, of("a"), httpadapter.Header("Content-Length", "2"), compress.Option())
	})
	_, err := io.ReadAll(decoder(t, "gzip", w.Body))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// Encoders are used again. No stream may receive bytes of another stream, even of one that was broken off.
func TestEncodersDoNotMixStreams(t *testing.T) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				coding := []string{"gzip", "zstd"}[j%2]
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Accept-Encoding", coding)
				if j%3 == 0 {
					ctx, cancel := context.WithCancel(context.Background())
					cut := of("secret").AndThen(enumerator.Generate(func(context.Context) ([]byte, bool, error) {
						cancel()
						return []byte("secret"), true, nil
					}))
					assert.Panics(t, func() { _ = httpadapter.Serve(w, r.WithContext(ctx), cut, compress.Option()) }) // no deadlines
					continue
				}
				want := strings.Repeat(fmt.Sprintf("%d of %d,", i, j), 1000)
				assert.NoError(t, httpadapter.Serve(w, r, of(want[:10], want[10:]), compress.Option()))
				got, err := io.ReadAll(decoder(t, coding, bytes.NewReader(w.Body.Bytes())))
				assert.NoError(t, err)
				assert.Equal(t, want, string(got))
			}
		})
	}
	all.Wait()
}

// An Encoder of the standard library is flushed too.
func TestContentEncodingWithGzipOfTheStandardLibrary(t *testing.T) {
	src := newTap()
	srv, returned := serving(t, "HTTP/1.1", src, httpadapter.ContentEncoding(httpadapter.Coding{
		Name: "GZIP",
		New:  func() httpadapter.Encoder { return gzip.NewWriter(io.Discard) },
	}))
	res := getEncoded(t, srv, "gzip, zstd")
	assert.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
	send(t, src.chunks, "hello")
	body := decoder(t, "gzip", res.Body)
	got := make([]byte, 5)
	_, err := io.ReadFull(body, got)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(got))
	close(src.chunks)
	_, err = io.ReadAll(body)
	assert.NoError(t, err)
	assert.NoError(t, receive(t, returned, "Serve"))
}

func TestContentEncodingPanicsOnMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "httpadapter: ContentEncoding: codings must not be empty", func() { httpadapter.ContentEncoding() })
	for _, c := range []httpadapter.Coding{{Name: "br"}, {New: func() httpadapter.Encoder { return nil }}} {
		assert.PanicsWithValue(t, "httpadapter: ContentEncoding: a Coding must have a Name and a function New", func() { httpadapter.ContentEncoding(c) })
	}
}
