package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/examples/rx"
	"github.com/halley-go/halley/httpadapter"
)

// padding is the first chunk of package comet.
var padding = strings.Repeat(" ", 5120) + "<html><body>"

func TestStreams(t *testing.T) {
	addr := serve(t).addr
	for path, want := range map[string][]string{
		"/comet/manual/stream": {
			`<script>console.log('kiki')</script>`,
			`<script>console.log('foo')</script>`,
			`<script>console.log('bar')</script>`,
		},
		"/comet/helper/stream": {
			padding,
			`<script>console.log('kiki');</script>`,
			`<script>console.log('foo');</script>`,
			`<script>console.log('bar');</script>`,
		},
		"/comet/iframe/stream": {
			padding,
			`<script>parent.cometMessage('kiki');</script>`,
			`<script>parent.cometMessage('foo');</script>`,
			`<script>parent.cometMessage('bar');</script>`,
		},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			stream := get(t, addr, path)
			stream.checkHead(t)
			for _, chunk := range want {
				got, err := stream.chunk()
				require.NoError(t, err)
				require.Equal(t, chunk, got)
			}
			_, err := stream.chunk()
			require.Equal(t, io.EOF, err)
		})
	}
}

func TestClockStream(t *testing.T) {
	server := serve(t)
	one, two := get(t, server.addr, "/comet/clock/stream"), get(t, server.addr, "/comet/clock/stream")
	for _, stream := range []*rawResponse{one, two} {
		stream.checkHead(t)
		first, err := stream.chunk()
		require.NoError(t, err)
		require.Equal(t, padding, first)
		seen := map[string]bool{}
		for len(seen) < 5 { // a late tick can have the same tenth of a second as the next
			chunk, err := stream.chunk()
			require.NoError(t, err)
			require.Regexp(t, `^<script>document\.currentScript\.remove\(\);parent\.clockChanged\('\d\d:\d\d:\d\d\.\d'\);</script>$`, chunk)
			seen[chunk] = true
		}
	}
	one.conn.Close()
	for range 5 {
		_, err := two.chunk()
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
	defer cancel()
	require.NoError(t, httpadapter.Shutdown(ctx, server.Config))
	for err := error(nil); err != io.EOF; { // a complete response
		_, err = two.chunk()
		require.True(t, err == nil || err == io.EOF, "%v", err)
	}
}

func TestPriceStream(t *testing.T) {
	server := serve(t)
	stream := get(t, server.addr, "/rx/stream")
	stream.checkHead(t)
	first, err := stream.chunk()
	require.NoError(t, err)
	require.Equal(t, padding, first)
	point := regexp.MustCompile(`^<script>document\.currentScript\.remove\(\);parent\.priceChanged\(\{"line":"(\w+)","price":\d+\.\d+\}\);</script>$`)
	seen := map[string]int{}
	for seen["trade"] < 5 || seen["settled"] < 1 || seen["average"] < 2 {
		chunk, err := stream.chunk()
		require.NoError(t, err)
		require.Regexp(t, point, chunk)
		seen[point.FindStringSubmatch(chunk)[1]]++
	}
	require.Len(t, seen, 3)
	require.EqualValues(t, 1, server.open.Load())
	stream.conn.Close()
	server.checkOpen(t, 0)
}

// testServer serves the gallery, and counts the open streams, sockets and uploads.
type testServer struct {
	*httptest.Server
	addr string
	open atomic.Int64 // streams, sockets and uploads
}

// waitAtMost is how long a test waits for an event. Chromium alone can take five seconds to
// close the connections of a tab that was closed while it was loading.
const waitAtMost = 30 * time.Second

func (s *testServer) checkOpen(t *testing.T, want int64) {
	t.Helper()
	require.Eventually(t, func() bool { return s.open.Load() == want }, waitAtMost, time.Millisecond, "%d streams open", want)
}

func serve(t *testing.T, settings ...func(*http.Server)) *testServer {
	s := &testServer{}
	examples := http.NewServeMux()
	examples.Handle("/", shared(t.Context()))
	examples.Handle("/rx", rx.Handler()) // it is not in the gallery
	examples.Handle("/rx/", rx.Handler())
	handler := protect(examples)
	s.Server = httptest.NewUnstartedServer(nil)
	s.Config = newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isRun := strings.HasPrefix(r.URL.Path, "/tokens/answers/") || r.URL.Path == "/table/rows" || r.URL.Path == "/table/here"
		if isRun && r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/stream") || strings.HasSuffix(r.URL.Path, "/socket") || r.URL.Path == "/upload/file" {
			s.open.Add(1)
			defer s.open.Add(-1)
		}
		handler.ServeHTTP(w, r)
	}))
	for _, set := range settings {
		set(s.Config)
	}
	s.Start()
	t.Cleanup(func() {
		s.Close()
		s.checkOpen(t, 0) // Close does not wait for WebSockets
	})
	s.addr = s.Listener.Addr().String()
	return s
}

// A rawResponse is a response with its chunk boundaries.
type rawResponse struct {
	conn   net.Conn
	text   *textproto.Reader
	status string
	header textproto.MIMEHeader
}

func get(t *testing.T, addr, path string) *rawResponse {
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(waitAtMost)))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, addr)
	require.NoError(t, err)
	r := &rawResponse{conn: conn, text: textproto.NewReader(bufio.NewReader(conn))}
	r.status, err = r.text.ReadLine()
	require.NoError(t, err)
	r.header, err = r.text.ReadMIMEHeader()
	require.NoError(t, err)
	return r
}

func (r *rawResponse) checkHead(t *testing.T) {
	assert.Equal(t, "HTTP/1.1 200 OK", r.status)
	assert.Equal(t, []string{"text/html; charset=utf-8"}, r.header.Values("Content-Type"))
	assert.Equal(t, []string{"chunked"}, r.header.Values("Transfer-Encoding"))
	assert.Empty(t, r.header.Values("Content-Length"))
}

// chunk returns the next chunk, or io.EOF after the last.
func (r *rawResponse) chunk() (string, error) {
	size, err := r.text.ReadLine()
	if err != nil {
		return "", fmt.Errorf("reading the size of a chunk: %w", err)
	}
	n, err := strconv.ParseUint(size, 16, 31)
	if err != nil {
		return "", err
	}
	data := make([]byte, n+2) // and the line end
	if _, err := io.ReadFull(r.text.R, data); err != nil {
		return "", fmt.Errorf("reading a chunk: %w", err)
	}
	if n == 0 {
		return "", io.EOF
	}
	return strings.TrimSuffix(string(data), "\r\n"), nil
}
