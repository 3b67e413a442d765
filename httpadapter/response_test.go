package httpadapter_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// closing notes whether a body was closed.
type closing struct {
	io.Reader
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }

func TestResponse(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   io.Reader
		it     iteratee.Iteratee[[]byte, []byte]
		want   string
		err    error
	}{
		"a body":               {200, strings.NewReader("hello"), iteratee.Consume[byte](), "hello", nil},
		"an empty one":         {204, strings.NewReader(""), iteratee.Consume[byte](), "", nil},
		"a part of one":        {206, strings.NewReader("hello"), iteratee.Consume[byte](), "hello", nil},
		"cut short":            {200, iotest.ErrReader(io.ErrUnexpectedEOF), iteratee.Consume[byte](), "", io.ErrUnexpectedEOF},
		"the consumer is done": {200, strings.NewReader("hello"), iteratee.Map(iteratee.Head[[]byte](), func(p *[]byte) []byte { return *p }), "hello", nil},
		"the consumer fails":   {200, strings.NewReader("hello"), iteratee.FoldM(nil, func(context.Context, []byte, []byte) ([]byte, error) { return nil, errBoom }), "", errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			body := &closing{Reader: c.body}
			got, err := enumerator.Run(t.Context(), httpadapter.Response(&http.Response{StatusCode: c.status, Body: body}), c.it)
			assert.Equal(t, c.err, err)
			assert.Equal(t, c.want, string(got))
			assert.Equal(t, 1, body.closed)
		})
	}
	body := &closing{Reader: strings.NewReader("hello")}
	assert.Panics(t, func() {
		_, _ = enumerator.Run(t.Context(), httpadapter.Response(&http.Response{StatusCode: 200, Body: body}), iteratee.Fold(0, func(int, []byte) int { panic("boom") }))
	})
	assert.Equal(t, 1, body.closed)
}

func TestResponseThatIsNoSuccess(t *testing.T) {
	for _, status := range []int{101, 199, 300, 304, 404, 500} {
		body := &closing{Reader: strings.NewReader("hello")}
		_, err := enumerator.Run(t.Context(), httpadapter.Response(&http.Response{StatusCode: status, Status: "404 Not Found", Body: body}), iteratee.Consume[byte]())
		var e *httpadapter.ResponseError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, status, e.StatusCode)
		assert.EqualError(t, err, "httpadapter: response: 404 Not Found")
		assert.Equal(t, 1, body.closed)
	}
}

// What one program streams, another consumes: as it comes, and to the end or not.
func TestResponseOfAServer(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		src := newTap()
		srv, returned := serving(t, proto, src)
		got := make(chan string, 3)
		read := iteratee.ForEach(func(_ context.Context, chunk []byte) error { got <- string(chunk); return nil })

		open := func(ctx context.Context) <-chan error {
			res := get(t, srv, t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := enumerator.Run(ctx, httpadapter.Response(res), read)
				ended <- err
			}()
			return ended
		}

		ended := open(t.Context())
		for _, chunk := range []string{"one", "two"} {
			send(t, src.chunks, chunk)
			assert.Equal(t, chunk, receive(t, got, chunk))
		}
		close(src.chunks)
		assert.NoError(t, receive(t, ended, "the end"), proto)
		assert.NoError(t, receive(t, returned, "the server"))

		src.chunks = make(chan string)
		ended = open(t.Context())
		send(t, src.chunks, "one")
		receive(t, got, "a chunk")
		send(t, src.failures, errBoom)
		err := receive(t, ended, "the failure")
		assert.Error(t, err, "a stream that was cut has not ended")
		if proto == "HTTP/1.1" {
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
		}
		receive(t, returned, "the server")

		ctx, cancel := context.WithCancelCause(t.Context())
		ended = open(ctx)
		send(t, src.chunks, "one")
		receive(t, got, "a chunk")
		cancel(errBoom) // while it waits for the next
		assert.ErrorIs(t, receive(t, ended, "the run"), errBoom)
		assert.ErrorIs(t, receive(t, returned, "the server"), httpadapter.ErrClientGone)
	}
}

func TestResponseOfWhichNotAllIsWanted(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		src := newTap()
		srv, returned := serving(t, proto, src)
		go func() { src.chunks <- "one" }()
		res := get(t, srv, t.Context())
		got, err := enumerator.Run(t.Context(), enumerator.Through(httpadapter.Response(res), enumeratee.Take[[]byte](1)), iteratee.Consume[byte]())
		require.NoError(t, err)
		assert.Equal(t, "one", string(got))
		assert.ErrorIs(t, receive(t, returned, "the server"), httpadapter.ErrClientGone, "it notices, though it waits")
	}
}

// The transport's own decompression is interrupted, too.
func TestResponseThatIsCompressed(t *testing.T) {
	srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte("hello"))
		_ = z.Flush()
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := enumerator.Run(ctx, httpadapter.Response(get(t, srv, t.Context())), iteratee.ForEach(func(_ context.Context, chunk []byte) error {
		assert.Equal(t, "hello", string(chunk))
		go cancel(errBoom)
		return nil
	}))
	assert.ErrorIs(t, err, errBoom)
}

// What an HTTP client gets is a stream of events only if its media type says so.
func TestResponseOfAMediaType(t *testing.T) {
	mux := http.NewServeMux()
	answer := func(path string, status int, contentType, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil // or net/http guesses
			if contentType != "" {
				w.Header().Set("Content-Type", contentType)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	const page = "<!DOCTYPE html><title>Log in</title>"
	answer("/login", 200, "text/html; charset=utf-8", page)
	mux.Handle("/redirect", http.RedirectHandler("/login?secret=1", http.StatusFound))
	for status, path := range map[int]string{200: "/events", 206: "/part", 204: "/none", 205: "/reset", 401: "/unauthorized", 429: "/busy", 503: "/down"} {
		answer(path, status, "text/event-stream", "")
	}
	answer("/charset", 200, "Text/Event-Stream;charset=utf-8", "data: a\n\n")
	answer("/parameter", 200, "text/event-stream; charset", "data: a\n\n")
	answer("/untyped", 200, "", "data: a\n\n")
	answer("/malformed", 200, "text/event-stream text/html", page)
	answer("/other", 200, "text/event-stream2", page)
	answer("/plain", 200, "text/plain", "")
	answer("/ndjson", 200, "application/jsonl; charset=utf-8", "1\n")
	answer("/long", 200, "text/html", strings.Repeat("x", 10_000))
	srv := start(t, "HTTP/1.1", mux)

	const what = "; check the URL and the credentials of the request"
	for name, c := range map[string]struct {
		path      string
		types     []string
		want      string // of the error, without the URL of the server
		permanent bool
	}{
		"events":              {"/events", []string{"text/event-stream"}, "", false},
		"a part":              {"/part", []string{"text/event-stream"}, "", false},
		"our content type":    {"/events", []string{eventsource.ContentType}, "", false},
		"a charset":           {"/charset", []string{"TEXT/event-stream"}, "", false},
		"a parameter":         {"/parameter", []string{"text/event-stream"}, "", false},
		"one of several":      {"/ndjson", ndjson.MediaTypes(), "", false},
		"any":                 {"/login", nil, "", false},
		"any, without a body": {"/none", nil, "", false},
		"a log-in page":       {"/login", []string{"text/event-stream"}, `200 OK from /login with Content-Type "text/html; charset=utf-8", expected text/event-stream; the body begins with "<!DOCTYPE html><title>Log in</title>"` + what, true},
		"a redirected one":    {"/redirect?token=1", []string{"text/event-stream"}, `200 OK from /login with Content-Type "text/html; charset=utf-8", expected text/event-stream; the body begins with "<!DOCTYPE html><title>Log in</title>"` + what, true},
		"none":                {"/untyped", []string{"text/event-stream"}, `200 OK from /untyped with Content-Type "", expected text/event-stream; the body begins with "data: a\n\n"` + what, true},
		"malformed":           {"/malformed", []string{"text/event-stream"}, `200 OK from /malformed with Content-Type "text/event-stream text/html", expected text/event-stream; the body begins with "<!DOCTYPE html><title>Log in</title>"` + what, true},
		"a longer one":        {"/other", []string{"text/event-stream", "a/b"}, `200 OK from /other with Content-Type "text/event-stream2", expected text/event-stream, a/b; the body begins with "<!DOCTYPE html><title>Log in</title>"` + what, true},
		"without a body":      {"/plain", []string{"text/event-stream"}, `200 OK from /plain with Content-Type "text/plain", expected text/event-stream` + what, true},
		"a long body":         {"/long", []string{"text/event-stream"}, `200 OK from /long with Content-Type "text/html", expected text/event-stream; the body begins with "` + strings.Repeat("x", 200) + `"` + what, true},
		"events for lines":    {"/events", ndjson.MediaTypes()[:2], `200 OK from /events with Content-Type "text/event-stream", expected application/x-ndjson, application/ndjson` + what, true},
		"no content":          {"/none", []string{"text/event-stream"}, "204 No Content from /none: the server has no stream, and asks the client not to connect again", true},
		"reset content":       {"/reset", []string{"text/event-stream"}, "205 Reset Content from /reset: the server has no stream, and asks the client not to connect again", true},
		"unauthorized":        {"/unauthorized", []string{"text/event-stream"}, "401 Unauthorized from /unauthorized" + what, true},
		"busy":                {"/busy", []string{"text/event-stream"}, "429 Too Many Requests from /busy; try again later", false},
		"down":                {"/down", []string{"text/event-stream"}, "503 Service Unavailable from /down; try again later", false},
		"unauthorized, any":   {"/unauthorized", nil, "401 Unauthorized", false},
		"down, any":           {"/down", nil, "503 Service Unavailable", false},
	} {
		t.Run(name, func(t *testing.T) {
			attempts := 0
			request := enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[[]byte], error) {
				attempts++
				res, err := srv.Client().Get(srv.URL + c.path)
				require.NoError(t, err)
				return httpadapter.Response(res, c.types...), nil
			})
			_, err := enumerator.Run(t.Context(), retry.Restart(request, retry.MaxTries(3), retry.Pace(func() backoff.BackOff { return &backoff.ZeroBackOff{} })), iteratee.Consume[byte]())
			if c.want == "" {
				assert.NoError(t, err)
				assert.Equal(t, 1, attempts)
				return
			}
			var e *httpadapter.ResponseError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "httpadapter: response: "+c.want, strings.ReplaceAll(err.Error(), srv.URL, ""))
			if c.permanent {
				assert.Equal(t, 1, attempts)
			} else {
				assert.Equal(t, 3, attempts)
			}
		})
	}
	for _, bad := range []string{"", "events", "text/", "/x", "text/*", "*/*", "a b/c"} {
		assert.PanicsWithValue(t, fmt.Sprintf("httpadapter: Response: a media type must be one such as text/event-stream, got %q", bad),
			func() { httpadapter.Response(&http.Response{}, "text/html", bad) })
	}
}

// stuck is a body of which no more comes until it is closed.
type stuck struct {
	io.Reader
	closed chan struct{}
	once   sync.Once
}

func (s *stuck) Read(p []byte) (int, error) {
	if n, _ := s.Reader.Read(p); n > 0 {
		return n, nil
	}
	<-s.closed
	return 0, net.ErrClosed
}

func (s *stuck) Close() error { s.once.Do(func() { close(s.closed) }); return nil }

// The error does not wait for a body that does not come, and the end of the context not for the error.
func TestResponseOfAnotherMediaTypeDoesNotWait(t *testing.T) {
	response := func() *http.Response {
		return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"text/html"}},
			Body: &stuck{Reader: strings.NewReader("<html>"), closed: make(chan struct{})}}
	}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := enumerator.Run(t.Context(), httpadapter.Response(response(), "text/event-stream"), iteratee.Consume[byte]())
		assert.EqualError(t, err, `httpadapter: response: 200 OK with Content-Type "text/html", expected text/event-stream; the body begins with "<html>"; check the URL and the credentials of the request`)
		assert.Equal(t, time.Second, time.Since(begin))

		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errBoom)
		defer cancel()
		begin = time.Now()
		_, err = enumerator.Run(ctx, httpadapter.Response(response(), "text/event-stream"), iteratee.Consume[byte]())
		assert.ErrorIs(t, err, errBoom)
		assert.Equal(t, time.Millisecond, time.Since(begin))
	})
}
