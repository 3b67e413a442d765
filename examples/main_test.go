package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/examples/crowd"
)

// beMain is the environment variable with which the test binary runs as the program.
const beMain = "HALLEY_EXAMPLES_MAIN"

func TestMain(m *testing.M) {
	if crowd.Main() {
		return
	}
	if os.Getenv(beMain) != "" {
		main()
		return
	}
	// The clock of regexp2, which chroma uses, ends a second after its last use.
	goleak.VerifyTestMain(tests{m}, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

// tests ends the gallery in memory after all tests.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer endMemory()
	return t.M.Run()
}

var address = regexp.MustCompile(`http://(127\.0\.0\.1:[1-9]\d*)/`)

func TestEndsOnSignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			program := exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
			program.Env = append(os.Environ(), beMain+"=1")
			var stderr strings.Builder
			program.Stderr = &stderr
			stdout, err := program.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, program.Start())
			ended := make(chan error, 1)
			t.Cleanup(func() {
				program.Process.Kill()
				<-ended
			})
			out := bufio.NewReader(stdout)
			line, err := out.ReadString('\n')
			go func() {
				io.Copy(io.Discard, out)
				ended <- program.Wait()
				close(ended)
			}()
			require.NoError(t, err, "the program ended before it listened: %s", &stderr)
			found := address.FindStringSubmatch(line)
			require.NotNil(t, found, "the address to open, in %q", line)

			// Open two streams, and a connection without a request, as browsers do in
			// advance.
			for range 2 {
				stream := get(t, found[1], "/comet/clock/stream")
				for range 3 {
					_, err := stream.chunk()
					require.NoError(t, err)
				}
			}
			idle, err := net.Dial("tcp", found[1])
			require.NoError(t, err)
			defer idle.Close()

			require.NoError(t, program.Process.Signal(signal))
			select {
			case err := <-ended:
				require.NoError(t, err, "%s", &stderr)
				require.Empty(t, stderr.String())
			case <-time.After(waitAtMost):
				require.Fail(t, "the program is still running")
			}
		})
	}
}

// The streams end because the program ends them, before its patience ends.
func TestEndsStreams(t *testing.T) {
	defer func(before time.Duration) { patience = before }(patience)
	patience = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", nil, in) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	stream := get(t, address.FindStringSubmatch(line)[1], "/comet/clock/stream")
	for range 3 {
		_, err := stream.chunk()
		require.NoError(t, err)
	}
	cancel()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(waitAtMost):
		require.Fail(t, "the program is still running")
	}
	for err == nil {
		_, err = stream.chunk()
	}
	require.Equal(t, io.EOF, err, "a complete response")
}

// The WebSockets are closed with a code, before the patience ends.
func TestEndsSockets(t *testing.T) {
	defer func(before time.Duration) { patience = before }(patience)
	patience = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", nil, in) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	bounded, done := context.WithTimeout(t.Context(), waitAtMost)
	defer done()
	conn, _, err := websocket.Dial(bounded, "ws://"+address.FindStringSubmatch(line)[1]+"/wschat/socket", nil)
	require.NoError(t, err)
	defer conn.CloseNow()
	cancel()
	for err == nil {
		_, _, err = conn.Read(bounded) // earlier messages
	}
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err))
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-bounded.Done():
		require.Fail(t, "the program is still running")
	}
}

func TestAddressInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	err = run(t.Context(), listener.Addr().String(), nil, io.Discard)
	require.ErrorContains(t, err, listener.Addr().String()+" is in use")
	require.ErrorContains(t, err, "-addr")
}

func TestBadAddress(t *testing.T) {
	require.Error(t, run(t.Context(), "127.0.0.1", nil, io.Discard))
	require.Error(t, run(t.Context(), "127.0.0.1:99999", nil, io.Discard))
}

// The names given by -host are served.
func TestServesHosts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", []string{"gallery.example"}, in) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	addr := address.FindStringSubmatch(line)[1]
	for host, want := range map[string]int{
		"gallery.example": http.StatusOK,
		addr:              http.StatusOK,
		"evil.example":    http.StatusMisdirectedRequest,
	} {
		res := ask(t, plain, addr, route{http.MethodGet, "/", 0}, []string{"Host: " + host}, "")
		assert.Equal(t, want, res.StatusCode, host)
		res.Body.Close()
	}
	cancel()
	require.NoError(t, <-ended)
}

// The server, which users may copy, has timeouts in both directions.
func TestServerHasBounds(t *testing.T) {
	server := newServer(nil)
	assert.Positive(t, server.ReadHeaderTimeout)
	assert.Positive(t, server.ReadTimeout)
	assert.Positive(t, server.WriteTimeout)
	assert.Positive(t, server.IdleTimeout)
	assert.Less(t, server.MaxHeaderBytes, http.DefaultMaxHeaderBytes)

	addr := serve(t).addr
	res := ask(t, plain, addr, route{http.MethodGet, "/", 0}, []string{"Host: " + addr, "Cookie: " + strings.Repeat("a", 100<<10)}, "")
	assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, res.StatusCode)
}

// A connection without another request is closed.
func TestIdleConnectionsAreClosed(t *testing.T) {
	addr := serve(t, func(s *http.Server) { s.IdleTimeout = time.Millisecond }).addr
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(waitAtMost)))
	_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", addr)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, conn)
	require.NoError(t, err, "the end of the connection")
}

// Streams, WebSockets and uploads may last longer than the timeouts of the server.
func TestOutlivesServerTimeouts(t *testing.T) {
	server := serve(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond })
	ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, "ws://"+server.addr+"/wschat/socket", nil)
	require.NoError(t, err)
	defer socket.CloseNow()
	file, form := io.Pipe()
	uploaded := make(chan *http.Response, 1)
	go func() {
		res, err := http.Post(server.URL+"/upload/file", "multipart/form-data; boundary=XX", file)
		if assert.NoError(t, err) {
			res.Body.Close()
		}
		uploaded <- res
	}()
	_, err = io.WriteString(form, "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nfoo")
	require.NoError(t, err)

	ticks := get(t, server.addr, "/comet/clock/stream")
	for range 4 { // this takes longer than the timeouts
		_, err := ticks.chunk()
		require.NoError(t, err)
	}
	_, err = io.WriteString(form, "\r\n--XX--\r\n")
	require.NoError(t, err)
	require.NoError(t, form.Close())
	if res := <-uploaded; assert.NotNil(t, res) {
		assert.Equal(t, http.StatusNoContent, res.StatusCode)
	}
	require.NoError(t, socket.Write(ctx, websocket.MessageText, []byte(`{"name":"","text":""}`)))
	_, bookmark, err := socket.Read(ctx)
	require.NoError(t, err)
	assert.Contains(t, string(bookmark), `"event":"bookmark"`)
	_, answer, err := socket.Read(ctx)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "1 to 30 characters")
	http.DefaultClient.CloseIdleConnections()
}

// On HTTP/2, an upload that the server does not read leaves room for others on its connection.
func TestAnUnreadUploadLeavesRoomForOthers(t *testing.T) {
	release := make(chan struct{})
	handler := shared(t.Context())
	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unread" {
			<-release
			return
		}
		handler.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
	defer cancel()
	post := func(path string, body io.Reader) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, body)
		require.NoError(t, err)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=XX")
		return server.Client().Do(r)
	}
	const stuck = 10
	var all sync.WaitGroup
	filled := make(chan struct{}, stuck)
	for range stuck {
		all.Go(func() {
			body := &zeros{n: 4 << 20, full: 256 << 10, filled: filled}
			if res, err := post("/unread", body); err == nil {
				res.Body.Close()
			}
		})
	}
	for range stuck {
		select {
		case <-filled:
		case <-ctx.Done():
			require.Fail(t, "the server takes too little of the unread uploads")
		}
	}
	head := "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
	res, err := post("/upload/file", io.MultiReader(strings.NewReader(head), io.LimitReader(&zeros{n: 3 << 20}, 3<<20), strings.NewReader("\r\n--XX--\r\n")))
	if assert.NoError(t, err) {
		assert.Equal(t, 2, res.ProtoMajor)
		assert.Equal(t, http.StatusNoContent, res.StatusCode)
		res.Body.Close()
	}
	close(release)
	all.Wait()
}

// zeros is a reader of n zero bytes. It sends to filled when full of them have been read.
type zeros struct {
	n, full int
	read    int
	filled  chan<- struct{}
}

func (z *zeros) Read(p []byte) (int, error) {
	if z.read >= z.n {
		return 0, io.EOF
	}
	before := z.read
	clear(p)
	z.read += len(p)
	if before < z.full && z.read >= z.full && z.filled != nil {
		z.filled <- struct{}{}
	}
	return len(p), nil
}
