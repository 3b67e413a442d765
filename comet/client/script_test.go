package client_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
)

// readScript returns the text of the script that Script serves.
func readScript(t testing.TB) string {
	file, err := os.ReadFile("halley.min.js")
	require.NoError(t, err)
	return string(file)
}

func TestScript(t *testing.T) {
	script := readScript(t)
	testServed(t, client.Script(), script)
	testServed(t, client.Module(), script+"export const connect = halley.connect;\n")
	table, err := os.ReadFile("table.min.js")
	require.NoError(t, err)
	testServed(t, client.Table(), string(table))
	testServed(t, client.TableModule(), script+string(table)+"export const connect = halley.connect, table = halley.table;\n")
}

// The script is small. The test prints its size.
func TestSizeOfScript(t *testing.T) {
	script := readScript(t)
	var compressed strings.Builder
	z, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	require.NoError(t, err)
	_, err = io.WriteString(z, script)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	fmt.Printf("halley.min.js: %d bytes, %d bytes compressed\n", len(script), compressed.Len())
	assert.Less(t, len(script), 7*1024)
	assert.Less(t, compressed.Len(), 3584)
}

func testServed(t *testing.T, handler http.Handler, want string) {
	get := func(method, match string) *http.Response {
		r := httptest.NewRequest(method, "/halley.js", nil)
		r.Header.Set("If-None-Match", match)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result()
	}
	full := get(http.MethodGet, "")
	body, err := io.ReadAll(full.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, full.StatusCode)
	assert.Equal(t, want, string(body))
	assert.Equal(t, "text/javascript; charset=utf-8", full.Header.Get("Content-Type"))
	assert.Equal(t, "nosniff", full.Header.Get("X-Content-Type-Options"))
	assert.Equal(t, "public, no-cache", full.Header.Get("Cache-Control"))
	etag := full.Header.Get("ETag")
	assert.Regexp(t, `^"[\w-]{43}"$`, etag) // a strong ETag

	for _, match := range []string{etag, `"other", ` + etag, "*"} {
		same := get(http.MethodGet, match)
		assert.Equal(t, http.StatusNotModified, same.StatusCode, match)
		assert.Equal(t, etag, same.Header.Get("ETag"))
		body, err := io.ReadAll(same.Body)
		require.NoError(t, err)
		assert.Empty(t, body)
	}
	assert.Equal(t, http.StatusOK, get(http.MethodGet, `"other"`).StatusCode)
	head := get(http.MethodHead, "")
	assert.EqualValues(t, len(want), head.ContentLength)
	assert.Equal(t, etag, head.Header.Get("ETag"))
}
