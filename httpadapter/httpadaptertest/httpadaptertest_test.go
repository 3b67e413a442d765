package httpadaptertest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/httpadapter/httpadaptertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var megabyte = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)

func TestProxyPassesOnBothWays(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		_, _ = w.Write(bytes.ToUpper(body))
	}))
	defer srv.Close()
	srv.Config.SetKeepAlivesEnabled(false) // otherwise bytes that are held back wait for the next request
	for _, hold := range []int{0, 1, 1000, 10 << 20} {
		p := httpadaptertest.NewProxy(t, srv.URL+"/path?query")
		assert.True(t, strings.HasSuffix(p.URL, "/path?query"), p.URL)
		p.Hold(hold)
		for range 2 {
			res, err := http.Post(p.URL, "", bytes.NewReader(megabyte))
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(bytes.ToUpper(megabyte), body))
			_ = res.Body.Close()
		}
	}
}

func TestProxyCutsConnectionsAtAnAge(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(megabyte)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // the response does not end by itself
	}))
	t.Cleanup(srv.Close) // after the clients
	p := httpadaptertest.NewProxy(t, srv.URL)
	p.CutAfter(100 * time.Millisecond)
	for range 2 {
		_, err := io.ReadAll(httpadaptertest.Get(t, p.URL))
		assert.Error(t, err)
	}
	p.CutAfter(0)
	got, err := io.ReadAll(io.LimitReader(httpadaptertest.Get(t, p.URL).Response().Body, int64(len(megabyte))))
	require.NoError(t, err)
	assert.Len(t, got, len(megabyte))
}

func TestProxyCutsAfterAnExactNumberOfBytes(t *testing.T) {
	srv := httpadaptertest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(megabyte)
	}))
	for _, n := range []int64{1, 10, 5000, 100_000} {
		p := httpadaptertest.NewProxy(t, srv.URL)
		p.Cut(n)
		got, err := io.ReadAll(httpadaptertest.Get(t, p.URL)) // the bytes on the wire
		assert.Error(t, err)
		assert.LessOrEqual(t, int64(len(got)), n) // a reset discards bytes that are not read yet
	}
}
