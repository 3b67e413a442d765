package httpadapter_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// What follows the body on the wire is the next request if the body has a proper end, and
// nothing otherwise.
func TestWhatIsLeftOfABodyInFullDuplex(t *testing.T) {
	path := func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, r.URL.Path)
		return err
	}
	action := func(parser iteratee.Iteratee[[]byte, []byte]) http.Handler {
		return parse.Action(parser, func(w http.ResponseWriter, r *http.Request, _ []byte) error { return path(w, r) }, httpadapter.FullDuplex())
	}
	serve := func(source func(http.ResponseWriter, *http.Request) enumerator.Enumerator[[]byte]) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = httpadapter.Serve(w, r, source(w, r))
		})
	}
	handlers := map[string]http.Handler{
		"stream": serve(func(_ http.ResponseWriter, r *http.Request) enumerator.Enumerator[[]byte] { return of(r.URL.Path) }),
		"stream that fails": serve(func(http.ResponseWriter, *http.Request) enumerator.Enumerator[[]byte] {
			return failing(errBoom)
		}),
		"stream behind a middleware": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = httpadapter.Serve(onlyUnwrap{w}, r, of(r.URL.Path))
		}),
		"stream after the body": serve(func(w http.ResponseWriter, r *http.Request) enumerator.Enumerator[[]byte] {
			return httpadapter.Body(r, httpadapter.Writer(w)).AndThen(of(r.URL.Path))
		}),
		"action": action(parse.Bytes(1 << 20)),
	}
	const second = "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
	chunked := "POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc"
	large := strings.Repeat("x", 300<<10)
	for what, tt := range map[string]struct {
		first string
		next  bool // there is a second answer
	}{
		"of a length":           {"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", true},
		"of chunks":             {chunked + "\r\n0\r\n\r\n", true},
		"a chunk of no size":    {chunked + "\r\nzz\r\n", false},
		"a chunk without end":   {chunked + "X\r\n", false},
		"of a length and large": {fmt.Sprintf("POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(large), large), false},
	} {
		for name, h := range handlers {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel() // net/http waits before it closes a connection
				var asked atomic.Int32
				var logged strings.Builder
				srv := unstarted(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					h.ServeHTTP(w, r)
				}))
				srv.Config.ErrorLog = log.New(&logged, "", 0)
				startAs(srv, "HTTP/1.1")
				conn, r := dial(t, srv, "")
				go func() { _, _ = io.WriteString(conn, tt.first+second) }()

				res, err := http.ReadResponse(r, nil)
				require.NoError(t, err)
				_, _ = io.Copy(io.Discard, res.Body)
				next := tt.next || what == "of a length and large" && (name == "action" || name == "stream after the body")
				if res, err = http.ReadResponse(r, nil); next {
					require.NoError(t, err)
					_, _ = io.Copy(io.Discard, res.Body)
				} else {
					assert.Error(t, err)
				}
				_ = conn.Close()
				srv.Close()
				faults := map[string]string{"a chunk of no size": "invalid byte in chunk length", "a chunk without end": "malformed chunked encoding"}
				want := "" // of net/http
				if fault, faulty := faults[what]; faulty && name == "action" {
					want = `httpadapter: request failed method="POST" path="/1" status="400" error="400 Bad Request: httpadapter: body: ` + fault + "\"\n"
				}
				assert.Equal(t, want, logged.String())
				if !next {
					assert.EqualValues(t, 1, asked.Load())
				}
			})
		}
	}
}

// A client that has more to send does not hold up the end of the response.
func TestEndOfAStreamDoesNotWaitForTheBody(t *testing.T) {
	srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = httpadapter.Serve(w, r, of("a"), httpadapter.WriteTimeout(time.Hour))
	}))
	_, r := dial(t, srv, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na")
	res, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, "a", string(body))
}
