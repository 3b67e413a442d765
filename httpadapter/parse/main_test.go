package parse_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/httpadapter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom: the password is 1234")

// post returns a request as a server sees it. Its length is known if body is a strings.Reader.
func post(body io.Reader, contentType string) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// unsized hides how long a body is.
func unsized(body string) io.Reader { return io.MultiReader(strings.NewReader(body)) }

type reader struct{ read func([]byte) (int, error) }

func (r *reader) Read(p []byte) (int, error) { return r.read(p) }

// statusIs checks that err is answered with status; 0 is for no error.
func statusIs(t *testing.T, status int, err error) {
	t.Helper()
	if status == 0 {
		require.NoError(t, err)
		return
	}
	var e *httpadapter.StatusError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, status, e.Status, err)
}

// serve starts a server that closes the connections of its client when the test ends.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}
