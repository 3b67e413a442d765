package httpadapter_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// A client that sends its body while it reads the stream, or that has none to send after all, gets
// an answer also if there is no stream.
func TestAnswersDoNotWaitForTheBody(t *testing.T) {
	failure := &httpadapter.StatusError{Status: http.StatusUnauthorized}
	never := func(*http.Request) (enumerator.Enumerator[[]byte], error) { return enumerator.Never[[]byte](), nil }
	full := httpadapter.Limit(1)
	running := make(chan struct{})
	held := httptest.NewServer(httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		close(running)
		return enumerator.Never[[]byte](), nil
	}, full))
	t.Cleanup(held.Close)
	ctx, leave := context.WithCancel(context.Background())
	t.Cleanup(leave) // before that
	go func() {
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, held.URL, nil)
		if response, err := http.DefaultClient.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}()
	<-running

	for name, c := range map[string]struct {
		method  string
		handler http.Handler
		status  int
	}{
		"the source is refused": {http.MethodPost, httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
			return enumerator.Never[[]byte](), failure
		}), http.StatusUnauthorized},
		"the source fails": {http.MethodPost, httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
			return enumerator.Generate(func(context.Context) ([]byte, bool, error) { return nil, false, failure }), nil
		}), http.StatusUnauthorized},
		"a limit":                   {http.MethodPost, httpadapter.Handler(never, full), http.StatusServiceUnavailable},
		"a limit of another":        {http.MethodPost, httpadapter.Limited(http.NotFoundHandler(), full), http.StatusServiceUnavailable},
		"OPTIONS":                   {http.MethodOptions, httpadapter.Handler(never), http.StatusNoContent},
		"a method that is not here": {http.MethodTrace, httpadapter.Handler(never), http.StatusMethodNotAllowed},
		"HEAD":                      {http.MethodHead, httpadapter.Handler(never), http.StatusOK},
	} {
		for framing, body := range map[string]string{
			"with a length": "Content-Length: 100\r\n\r\nabc",
			"in chunks":     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
			"asked for":     "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
		} {
			t.Run(name+" "+framing, func(t *testing.T) {
				t.Parallel()
				server := httptest.NewServer(c.handler)
				t.Cleanup(server.Close)
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				require.NoError(t, err)
				defer conn.Close() // or the server would not close
				require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
				_, err = fmt.Fprintf(conn, "%s / HTTP/1.1\r\nHost: halley\r\n%s", c.method, body)
				require.NoError(t, err)

				response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.method})
				require.NoError(t, err)
				assert.Equal(t, c.status, response.StatusCode)
				_, err = io.Copy(io.Discard, response.Body)
				require.NoError(t, err)
				assert.True(t, response.Close, "what the client sends is not a request")
			})
		}
	}
}
