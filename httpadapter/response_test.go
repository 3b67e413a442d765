package httpadapter_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
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
