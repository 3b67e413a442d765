package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A route is a method and a path that the gallery serves.
type route struct {
	method, path string
	streams      int // how many of them one client may have open; 0 if the response ends by itself
}

func (r route) String() string { return r.method + " " + r.path }

// ended is a context that has ended.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// routes returns all routes.
func routes() []route {
	all := []route{
		{http.MethodGet, "/", 0},
		{http.MethodGet, "/previews.js", 0},
		{http.MethodGet, "/style.css", 0},
		{http.MethodGet, "/raw.js", 0},
		{http.MethodGet, "/icon.svg", 0},
		{http.MethodGet, "/favicon.ico", 0},
		{http.MethodGet, "/comet/manual", 0},
		{http.MethodGet, "/comet/manual/stream", 0},
		{http.MethodGet, "/comet/helper", 0},
		{http.MethodGet, "/comet/helper/stream", 0},
		{http.MethodGet, "/comet/iframe", 0},
		{http.MethodGet, "/comet/iframe/stream", 0},
		{http.MethodGet, "/comet/clock", 0},
		{http.MethodGet, "/comet/clock/stream", 50},
		{http.MethodGet, "/chart", 0},
		{http.MethodGet, "/chart/halley.js", 0},
		{http.MethodGet, "/chart/stream", 50},
		{http.MethodGet, "/chart/stream?transport=iframe", 50},
		{http.MethodGet, "/chart/stream?transport=ndjson", 50},
		{http.MethodGet, "/chat", 0},
		{http.MethodGet, "/chat/halley.js", 0},
		{http.MethodGet, "/chat/stream", 50},
		{http.MethodGet, "/chat/rooms", 50},
		{http.MethodPost, "/chat/messages", 0},
		{http.MethodGet, "/wschat", 0},
		{http.MethodGet, "/wschat/socket", 50},
		{http.MethodGet, "/table", 0},
		{http.MethodGet, "/table/halley.js", 0},
		{http.MethodGet, "/table/table.js", 0},
		{http.MethodGet, "/table/rows?topic=list", 50},
		{http.MethodGet, "/table/here?id=1&name=kiki", 50},
		{http.MethodPut, aRow, 0},
		{http.MethodGet, "/inside", 0},
		{http.MethodGet, "/inside/code?source=eager&consumer=fast", 0},
		{http.MethodGet, "/inside/stream?source=eager&consumer=slow", 10},
		{http.MethodGet, "/tokens", 0},
		{http.MethodGet, "/tokens/halley.js", 0},
		{http.MethodPost, "/tokens/answers", 0},
		{http.MethodGet, "/tokens/answers/" + anID, 50},
		{http.MethodDelete, "/tokens/answers/" + anID, 0},
		{http.MethodGet, "/job", 0},
		{http.MethodGet, "/job/halley.js", 0},
		{http.MethodPost, "/job/start", 0},
		{http.MethodPost, "/job/cancel", 0},
		{http.MethodGet, "/job/stream?id=" + anID, 50},
		{http.MethodGet, "/crowd", 0},
		{http.MethodGet, "/crowd/halley.js", 0},
		{http.MethodGet, "/crowd/stream", 50},
		{http.MethodPost, "/crowd/clients", 0},
		{http.MethodGet, "/dashboard", 0},
		{http.MethodGet, "/dashboard/halley.js", 0},
		{http.MethodGet, "/dashboard/stream", 50},
		{http.MethodGet, "/upload", 0},
		{http.MethodPost, "/upload/file", 20},
		{http.MethodGet, "/upload/stream?id=1", 20},
	}
	for _, e := range examples(ended) {
		all = append(all, route{http.MethodGet, "/source/" + e.Path, 0})
	}
	for _, name := range guideNames() {
		all = append(all, route{http.MethodGet, "/docs/" + name, 0})
	}
	return all
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "QUERY"}

// aRow is the path of a row of the list.
const aRow = "/table/rows?topic=list&key=a"

// anID stands for the id of an answer or a job in paths and bodies, and is as long as one. ask replaces it.
const anID = "AN-ID-OF-A-RUN-OF-EXAMPLES"

var started = struct {
	sync.Mutex
	ids map[[2]string]string // by address and example
}{ids: map[[2]string]string{}}

// start returns the id of the answer or the job that it starts at addr for the example of path, once.
func start(t *testing.T, addr, path string) string {
	t.Helper()
	started.Lock()
	defer started.Unlock()
	r := route{http.MethodPost, "/job/start", 0}
	if strings.HasPrefix(path, "/tokens/") {
		r.path = "/tokens/answers"
	}
	key := [2]string{addr, r.path}
	if started.ids[key] == "" {
		lines, body := r.proper()
		res := ask(t, plain, addr, r, append(lines, "Host: "+addr), body)
		defer res.Body.Close()
		id, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, res.StatusCode, "%s", id)
		require.Len(t, string(id), len(anID))
		started.ids[key] = string(id)
	}
	return started.ids[key]
}

// ask sends a request over a new connection and returns the response. The head of the request
// has the given lines. body may be the beginning of a body.
func ask(t *testing.T, dialer *net.Dialer, addr string, r route, lines []string, body string) *http.Response {
	t.Helper()
	if strings.Contains(r.path+body, anID) {
		id := start(t, addr, r.path)
		r.path, body = strings.Replace(r.path, anID, id, 1), strings.Replace(body, anID, id, 1)
	}
	conn, err := dialer.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(waitAtMost)))
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\n%s\r\n\r\n%s", r.method, r.path, strings.Join(lines, "\r\n"), body)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.method})
	require.NoError(t, err, r)
	res.Body = closing{res.Body, conn}
	return res
}

// closing is a body that closes its connection.
type closing struct {
	io.Reader
	io.Closer
}

var plain = &net.Dialer{}

// upgrade holds the header lines of a request for a WebSocket.
var upgrade = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}

// proper returns the header lines, except Host, and the body of a correct request for r.
func (r route) proper() (lines []string, body string) {
	switch r.path {
	case "/wschat/socket":
		return upgrade, ""
	case "/chat/messages":
		return form("name", "kiki", "text", "foo")
	case "/crowd/clients":
		return form("change", "remove")
	case "/tokens/answers":
		return form("question", strings.Repeat("a ", 240)) // the answer repeats it
	case aRow:
		body = `{"item":"bread"}`
		return []string{"Content-Type: application/json", fmt.Sprint("Content-Length: ", len(body))}, body
	case "/job/start":
		return form("pictures", "500")
	case "/job/cancel":
		return form("id", anID)
	case "/upload/file":
		body = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nfoo\r\n--XX--\r\n"
		return []string{"Content-Type: multipart/form-data; boundary=XX", fmt.Sprint("Content-Length: ", len(body))}, body
	}
	return nil, ""
}

const formType = "application/x-www-form-urlencoded"

// form returns the header lines and the body of a request with a form of names and values.
func form(pairs ...string) (lines []string, body string) {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	body = values.Encode()
	return []string{"Content-Type: " + formType, fmt.Sprint("Content-Length: ", len(body))}, body
}

func TestRoutes(t *testing.T) {
	addr := serve(t).addr
	seen := map[string]bool{}
	for _, r := range routes() {
		lines, body := r.proper()
		res := ask(t, plain, addr, r, append(lines, "Host: "+addr), body)
		want := http.StatusOK
		switch {
		case r.path == "/tokens/answers" || r.path == "/job/start":
			want = http.StatusCreated
		case r.method != http.MethodGet:
			want = http.StatusNoContent
		case r.path == "/wschat/socket":
			want = http.StatusSwitchingProtocols
		}
		assert.Equal(t, want, res.StatusCode, r)
		res.Body.Close()
		seen[r.path] = true
	}
	for _, e := range examples(t.Context()) {
		assert.True(t, seen["/"+e.Path], e.Path)
	}
}

// A site whose name resolves to this machine gets nothing, even though its pages have the
// origin of the request.
func TestForeignHosts(t *testing.T) {
	addr := serve(t).addr
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	for _, host := range []string{
		"evil.example", "evil.example:" + port, "127.0.0.1.evil.example", "localhost.evil.example", "evil.localhost.example:" + port,
		"192.0.2.1:" + port, "[2001:db8::1]:" + port, "0.0.0.0:" + port, "127.0.0.1x", "localhost:" + port + ":" + port, "127.0.0.1,evil.example", ":" + port, "",
	} {
		for _, r := range routes() {
			lines, body := r.proper()
			res := ask(t, plain, addr, r, append(lines, "Host: "+host, "Origin: http://"+host, "Sec-Fetch-Site: same-origin"), body)
			assert.Equal(t, http.StatusMisdirectedRequest, res.StatusCode, "%s for %q", r, host)
			res.Body.Close()
		}
	}
	res := ask(t, plain, addr, route{http.MethodGet, "http://evil.example/chat/stream", 0}, []string{"Host: " + addr}, "")
	assert.Equal(t, http.StatusMisdirectedRequest, res.StatusCode)
}

func TestOwnHosts(t *testing.T) {
	addr := serve(t).addr
	for _, host := range []string{addr, "127.0.0.1", "127.9.9.9:80", "localhost", "LocalHost:1", "[::1]", "[::1]:9000", "[::ffff:127.0.0.1]:9000"} {
		for _, r := range routes() {
			if r.streams > 0 {
				continue
			}
			lines, body := r.proper()
			res := ask(t, plain, addr, r, append(lines, "Host: "+host, "Origin: http://"+host), body)
			assert.Less(t, res.StatusCode, 300, "%s for %q", r, host)
			res.Body.Close()
		}
	}
}

func TestHosts(t *testing.T) {
	h := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}), "gallery.example", "::")
	for _, c := range []struct {
		local, host string
		want        int
	}{
		{"192.0.2.7:9000", "192.0.2.7:9000", 200},
		{"192.0.2.7:9000", "192.0.2.7", 200},
		{"192.0.2.7:9000", "localhost", 200},
		{"192.0.2.7:9000", "192.0.2.8:9000", 421},
		{"192.0.2.7:9000", "gallery.example", 200},
		{"192.0.2.7:9000", "Gallery.Example:443", 200},
		{"192.0.2.7:9000", "a.gallery.example", 421},
		{"[2001:db8::1]:9000", "[2001:db8::1]:9000", 200},
		{"[2001:db8::1]:9000", "[2001:db8:0::1]", 200},
		{"[2001:db8::1]:9000", "[2001:db8::2]", 421},
		{"[fe80::1%eth0]:9000", "[fe80::1]:9000", 200},
		{"[::]:9000", "[::]:9000", 200},
		{"", "127.0.0.1", 200},
		{"", "192.0.2.7", 421},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		if c.local != "" {
			addr, err := net.ResolveTCPAddr("tcp", c.local)
			require.NoError(t, err)
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, c.want, w.Code, "%s at %s", c.host, c.local)
	}
}

// Pages of other origins can only link to the gallery.
func TestForeignOrigins(t *testing.T) {
	server := serve(t)
	for name, origin := range map[string][]string{
		"another":          {"Origin: http://evil.example"},
		"another port":     {"Origin: http://127.0.0.1:1"},
		"a sandbox":        {"Origin: null"},
		"no URL":           {"Origin: %"},
		"cross-site":       {"Sec-Fetch-Site: cross-site"},
		"same-site":        {"Sec-Fetch-Site: same-site", "Origin: http://" + server.addr},
		"a frame":          {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"},
		"an EventSource":   {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Origin: http://evil.example"},
		"a script":         {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"},
		"a method unknown": {"Sec-Fetch-Site: unknown"},
	} {
		for _, r := range routes() {
			for _, method := range []string{r.method, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
				r := route{method, r.path, 0}
				lines, body := r.proper()
				res := ask(t, plain, server.addr, r, append(append(lines, "Host: "+server.addr), origin...), body)
				assert.Equal(t, http.StatusForbidden, res.StatusCode, "%s from %s", r, name)
				res.Body.Close()
			}
		}
	}
	link := []string{"Host: " + server.addr, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	for _, r := range routes() {
		lines, body := r.proper()
		res := ask(t, plain, server.addr, r, append(link, lines...), body)
		if r.method != http.MethodGet { // a form
			assert.Equal(t, http.StatusForbidden, res.StatusCode, r)
		} else {
			assert.Less(t, res.StatusCode, 300, r)
		}
		res.Body.Close()
	}
	server.checkOpen(t, 0)
}

// A client that has announced a body gets the response before it has sent the whole body.
func TestIncompleteBodies(t *testing.T) {
	server := serve(t, func(s *http.Server) { s.ReadTimeout = time.Hour })
	for _, body := range []string{"Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"} {
		framing, begun, _ := strings.Cut(body, "\r\n\r\n")
		res := ask(t, plain, server.addr, route{http.MethodGet, "/upload/stream?id=1", 0}, []string{"Host: " + server.addr, framing}, begun)
		assert.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
		assert.True(t, res.Close)
		res.Body.Close()
	}
}

// The server asks for a body only if it is a message or a file.
func TestBodies(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	server := serve(t, func(s *http.Server) { s.ReadTimeout = time.Millisecond })
	begun := "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n" + strings.Repeat("f", 4<<10)
	for framing, body := range map[string]string{
		"Content-Length: 2000000000":          begun,
		"Transfer-Encoding: chunked":          fmt.Sprintf("%x\r\n%s\r\n", len(begun), begun),
		"Content-Length: 2000000000\r\nE: no": "", // the body has not begun
	} {
		for _, r := range routes() {
			for _, method := range methods {
				if method == http.MethodPost && r.method == method {
					continue
				}
				r := route{method, r.path, 0}
				lines := []string{"Host: " + server.addr, "Content-Type: multipart/form-data; boundary=XX", framing}
				if strings.HasSuffix(r.path, "/socket") {
					lines = append(lines, upgrade...)
				}
				res := ask(t, plain, server.addr, r, lines, body)
				if method == http.MethodPut && strings.HasPrefix(r.path, "/table/rows") {
					assert.Contains(t, []int{http.StatusBadRequest, http.StatusUnsupportedMediaType}, res.StatusCode, "%s with %s", r, framing)
				} else if method == http.MethodPost {
					assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode, "%s with %s", r, framing)
				} else {
					assert.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode, "%s with %s", r, framing)
				}
				res.Body.Close()
			}
		}
		for path, contentType := range map[string]string{"/chat/messages": formType, "/tokens/answers": formType, "/job/start": formType, "/job/cancel": formType, "/upload/file": "multipart/form-data; boundary=XX"} {
			if framing == "Transfer-Encoding: chunked" {
				continue // the body is not too large yet
			}
			res := ask(t, plain, server.addr, route{http.MethodPost, path, 0}, []string{"Host: " + server.addr, "Content-Type: " + contentType, framing}, body)
			assert.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode, path)
			res.Body.Close()
		}
	}
	spooled, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, spooled)
}

// unread is a body that counts how much of it is read.
type unread struct{ n int }

func (b *unread) Read(p []byte) (int, error) { b.n += len(p); return len(p), nil }
func (*unread) Close() error                 { return nil }

// The handlers do not read bodies that they do not use.
func TestHandlersDoNotReadBodies(t *testing.T) {
	handler := shared(t.Context())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range routes() {
		for _, method := range methods {
			if method == r.method && method == http.MethodPost {
				continue
			}
			for _, contentType := range []string{"multipart/form-data; boundary=XX", formType} {
				body := &unread{}
				req := httptest.NewRequestWithContext(gone, method, r.path, body)
				req.Header.Set("Content-Type", contentType)
				handler.ServeHTTP(httptest.NewRecorder(), req)
				assert.Zero(t, body.n, "%s %s", method, r.path)
			}
		}
	}
}

// The number of streams of each kind is limited for one client. Another client still gets some.
func TestStreamLimits(t *testing.T) {
	server := serve(t)
	other := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	if conn, err := other.Dial("tcp", server.addr); err != nil {
		t.Skip("this machine has one loopback address: ", err)
	} else {
		conn.Close()
	}
	// With a message in the room, a stream begins at once.
	post := route{http.MethodPost, "/chat/messages", 0}
	lines, body := post.proper()
	require.Equal(t, http.StatusNoContent, ask(t, plain, server.addr, post, append(lines, "Host: "+server.addr), body).StatusCode)
	for _, r := range routes() {
		if r.streams == 0 {
			continue
		}
		t.Run(r.String(), func(t *testing.T) {
			open := func(dialer *net.Dialer) *http.Response {
				lines, body := r.proper()
				if r.method == http.MethodPost { // the server asks for the file and waits for it
					lines, body = append(lines, "Expect: 100-continue"), ""
				}
				return ask(t, dialer, server.addr, r, append(lines, "Host: "+server.addr), body)
			}
			var streams []*http.Response
			for range r.streams {
				res := open(plain)
				assert.Less(t, res.StatusCode, 300)
				streams = append(streams, res)
			}
			// Fanout has taken over these streams, so their handlers have returned.
			handlers := int64(r.streams)
			taken := []string{"/comet/clock/stream", "/chart/stream", "/chart/stream?transport=ndjson", "/chat/stream", "/chat/rooms"}
			if runtime.GOOS == "linux" && slices.Contains(taken, r.path) {
				handlers = 0
			}
			server.checkOpen(t, handlers)
			lines, body := r.proper()
			refused := ask(t, plain, server.addr, r, append(lines, "Host: "+server.addr), body)
			assert.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
			assert.NotEmpty(t, refused.Header.Get("Retry-After"))
			refused.Body.Close()
			streams = append(streams, open(other))
			if handlers > 0 {
				server.checkOpen(t, handlers+1)
			}
			for _, res := range streams {
				res.Body.Close()
			}
			server.checkOpen(t, 0)
			require.Eventually(t, func() bool { // Fanout may notice an end after the next client
				again := ask(t, plain, server.addr, r, append(lines, "Host: "+server.addr), body)
				again.Body.Close()
				return again.StatusCode < 300
			}, waitAtMost, 10*time.Millisecond)
			server.checkOpen(t, 0)
		})
	}
}

// A client that posts without a pause is told to wait, in either chat and in both together.
// Posts of another client are taken.
func TestPostsWithoutAPause(t *testing.T) {
	server := serve(t)
	post := route{http.MethodPost, "/chat/messages", 0}
	lines, body := post.proper()
	lines = append(lines, "Host: "+server.addr)
	busy := 0
	for range 100 {
		res := ask(t, plain, server.addr, post, lines, body)
		if res.StatusCode == http.StatusTooManyRequests {
			busy++
		}
		res.Body.Close()
	}
	assert.Positive(t, busy)
	ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+server.addr+"/wschat/socket", nil)
	require.NoError(t, err)
	answer := ""
	for range 30 {
		require.NoError(t, conn.Write(ctx, websocket.MessageText, []byte(`{"name":"kiki","text":"foo"}`)))
	}
	for !strings.Contains(answer, "too many messages") {
		_, message, err := conn.Read(ctx)
		require.NoError(t, err)
		answer = string(message)
	}
	require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
	other := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn2, err := other.Dial("tcp", server.addr)
	if err != nil {
		t.Skip("this machine has one loopback address: ", err)
	}
	conn2.Close()
	assert.Equal(t, http.StatusNoContent, ask(t, other, server.addr, post, lines, body).StatusCode)
}
