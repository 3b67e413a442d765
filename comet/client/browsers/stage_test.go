package browsers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/internal/browsertest"
)

// html is a page that opens streams, and records their messages and events in streams[name]. It runs what the test sends
// it over a WebSocket, and answers with the result. So the tests need no driver of the browser.
const html = `<!DOCTYPE html>
<html lang="en"><head><title>a page</title><link rel="icon" href="data:,"></head>
<body>
<script src="/halley.js"></script>
<script>
	var streams = {};
	function connect(name, options) {
		const log = streams[name] = {got: [], ids: [], states: [], told: [], errors: []};
		const take = (data, id) => { log.got.push(data); log.ids.push(id); };
		const url = (options.path || '/stream') + '?for=' + name;
		const parse = data => typeof data === 'string' && data ? JSON.parse(data) : data;
		if (name === 'native') {
			log.stream = new EventSource(url);
			log.stream.onmessage = e => take(JSON.parse(e.data), e.lastEventId);
			log.stream.onopen = () => log.states.push('open');
			log.stream.onerror = () => log.states.push('waiting');
		} else {
			log.stream = halley.connect(url, take, Object.assign({transport: name, minDelay: 10, maxDelay: 100}, options));
			log.stream.addEventListener('state', e => log.states.push(e.data));
			log.stream.addEventListener('error', e => log.errors.push(e.status));
		}
		for (const type of ['gap', 'reset']) log.stream.addEventListener(type, e => log.told.push([type, parse(e.data)]));
		for (const type of ['a', 'b']) log.stream.addEventListener(type, e => take([type, parse(e.data)], e.lastEventId));
	}
	function drive() {
		const driver = new WebSocket('CONTROL/driver' + location.search);
		driver.onmessage = async e => {
			let value = null, error = '';
			try { value = await (0, eval)(e.data); } catch (thrown) { error = String(thrown); }
			driver.send(JSON.stringify({value: value === undefined ? null : value, error}));
		};
	}
	document.addEventListener('resume', drive); // a page that is frozen loses its WebSocket
	drive();
</script>
</body></html>`

// A browser is Chromium or Firefox.
type browser struct {
	name    string
	control *control
	ctx     context.Context // of Chromium
	root    *page           // of Firefox: it opens the other pages
}

// A control is the server to which the pages connect, to be driven.
type control struct {
	url   string
	mu    sync.Mutex
	pages map[string]chan *websocket.Conn
	count atomic.Int64
}

func newControl(t *testing.T) *control {
	c := &control{pages: map[string]chan *websocket.Conn{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /driver", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		conn.SetReadLimit(-1)
		select {
		case c.arrivals(r.URL.RawQuery) <- conn:
			<-t.Context().Done()
		case <-t.Context().Done():
		}
		_ = conn.CloseNow()
	})
	srv := httptest.NewUnstartedServer(mux)
	c.url = "ws://" + srv.Listener.Addr().String()
	mux.HandleFunc("GET /{$}", c.page)
	mux.Handle("GET /halley.js", client.Script())
	srv.Start()
	t.Cleanup(srv.Close)
	return c
}

// page serves a page that this control drives.
func (c *control) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, strings.Replace(html, "CONTROL", c.url, 1))
}

// arrivals returns the channel of the connections of a page, one for each time that it is loaded.
func (c *control) arrivals(name string) chan *websocket.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages[name] == nil {
		c.pages[name] = make(chan *websocket.Conn)
	}
	return c.pages[name]
}

// inBrowsers runs test in each browser.
func inBrowsers(t *testing.T, test func(t *testing.T, b *browser)) {
	t.Run("Chromium", func(t *testing.T) {
		test(t, &browser{name: "Chromium", ctx: browsertest.Start(t), control: newControl(t)})
	})
	t.Run("Firefox", func(t *testing.T) {
		b := &browser{name: "Firefox", control: newControl(t)}
		b.root = &page{t: t, arrivals: b.control.arrivals("root")}
		browsertest.StartFirefox(t, strings.Replace(b.control.url, "ws", "http", 1)+"/?root")
		b.root.arrive()
		test(t, b)
	})
}

// A page is a tab of a browser.
type page struct {
	t        *testing.T
	ctx      context.Context // of the tab, in Chromium
	close    func()
	conn     *websocket.Conn
	arrivals chan *websocket.Conn
}

// visit opens a tab with the page of a server, and closes it after the test.
func (b *browser) visit(t *testing.T, url string) *page {
	t.Helper()
	name := fmt.Sprint("page", b.control.count.Add(1))
	p := &page{t: t, arrivals: b.control.arrivals(name)}
	url += "/?" + name
	if b.root == nil {
		ctx, cancel := chromedp.NewContext(b.ctx)
		p.ctx, p.close = ctx, cancel
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	} else {
		b.root.do(fmt.Sprintf("window.%s = open('%s')", name, url))
		p.close = func() { b.root.do(fmt.Sprintf("%s.close()", name)) }
	}
	t.Cleanup(p.close)
	p.arrive()
	return p
}

// arrive waits until the page has been loaded.
func (p *page) arrive() {
	p.t.Helper()
	select {
	case p.conn = <-p.arrivals:
	case <-time.After(limit):
		p.t.Fatal("the page has not been loaded")
	}
}

// eval returns the value of an expression in the page.
func eval[T any](p *page, expression string) (value T) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	require.NoError(p.t, p.conn.Write(ctx, websocket.MessageText, []byte(expression)), expression)
	_, answer, err := p.conn.Read(ctx)
	require.NoError(p.t, err, expression)
	result := struct {
		Value *T
		Error string
	}{Value: &value}
	require.NoError(p.t, json.Unmarshal(answer, &result), "%s: %s", expression, answer)
	require.Empty(p.t, result.Error, expression)
	return value
}

// do runs statements in the page.
func (p *page) do(statements string) {
	p.t.Helper()
	eval[any](p, "{"+statements+"; undefined}")
}

// until waits for a condition in the page.
func (p *page) until(format string, args ...any) {
	p.t.Helper()
	condition := fmt.Sprintf(format, args...)
	if !wait(func() bool { return eval[bool](p, condition) }) {
		p.t.Fatalf("not in time: %s\n%s", condition, eval[string](p, `JSON.stringify(streams, (k, v) =>
			k === 'stream' ? [v.state, v.lastEventId] : Array.isArray(v) && v.length > 30 ? [v.length].concat(v.slice(-20)) : v)`))
	}
}

// connect opens a stream over each transport. options are those of the script, in JavaScript.
func (p *page) connect(transports []string, options string) {
	p.t.Helper()
	for _, name := range transports {
		p.do(fmt.Sprintf("connect('%s', %s)", name, options))
	}
}

// requireGot waits until as many messages as in want have come over each transport, and requires them to be the same.
func requireGot[T any](p *page, transports []string, want []T) {
	p.t.Helper()
	for _, name := range transports {
		p.until("streams.%s.got.length >= %d", name, len(want))
		require.Equal(p.t, want, eval[[]T](p, "streams."+name+".got"), name)
	}
}

// requireTold requires that the streams of the transports have got these notices.
func (p *page) requireTold(transports []string, want ...any) {
	p.t.Helper()
	for _, name := range transports {
		got := eval[[]any](p, "streams."+name+".told")
		if len(want)+len(got) > 0 {
			require.Equal(p.t, want, got, name)
		}
	}
}

// wait waits for a condition.
func wait(condition func() bool) bool {
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); <-pace.C {
		if condition() {
			return true
		}
	}
	return false
}

func eventually(t *testing.T, condition func() bool, message string) {
	t.Helper()
	if !wait(condition) {
		assert.Fail(t, "not in time: "+message)
		t.FailNow()
	}
}

// A stage is a server of the page, the script and a stream. It can be stopped and started again, and cut connections.
type stage struct {
	t    *testing.T
	mux  *http.ServeMux
	addr string
	url  string
	srv  *http.Server
	done chan struct{}
	open sync.Map // of the connections; the server forgets those that become WebSockets

	stream   atomic.Pointer[http.Handler]
	nativeID atomic.Pointer[string] // the last id that was written to an EventSource without the script
	budget   atomic.Int64           // the greatest number of bytes before a connection of a stream is cut, 0 for no cut
	cuts     atomic.Int64
}

func newStage(t *testing.T, b *browser, stream http.Handler) *stage {
	s := &stage{t: t, mux: http.NewServeMux(), addr: "127.0.0.1:0"}
	s.stream.Store(&stream)
	s.nativeID.Store(new(string))
	s.mux.HandleFunc("GET /{$}", b.control.page)
	s.mux.Handle("GET /halley.js", client.Script())
	s.mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		conn := r.Context().Value(connKey{}).(*conn)
		conn.use(r.URL.Query().Get("for"))
		if r.URL.Query().Get("for") == "native" {
			w = &retrying{ResponseWriter: w}
		}
		(*s.stream.Load()).ServeHTTP(w, r)
	})
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *stage) start() {
	listener, err := net.Listen("tcp", s.addr)
	require.NoError(s.t, err)
	s.addr = listener.Addr().String()
	s.url = "http://" + s.addr
	s.srv = &http.Server{
		Handler:     s.mux,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	srv, done := s.srv, make(chan struct{})
	s.done = done
	go func() {
		defer close(done)
		_ = srv.Serve(cutting{listener, s})
	}()
}

// stop closes all connections, as if the process had ended.
func (s *stage) stop() {
	_ = s.srv.Close()
	<-s.done
	s.open.Range(func(c, _ any) bool {
		_ = c.(*conn).Close()
		return true
	})
	s.open.Clear()
}

// A retrying writer asks an EventSource to come back soon. Firefox takes 500 ms for less.
type retrying struct {
	http.ResponseWriter
	begun bool
}

func (w *retrying) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *retrying) Write(p []byte) (int, error) {
	if !w.begun && w.Header().Get("Content-Type") == "text/event-stream" {
		w.begun = true
		if _, err := w.ResponseWriter.Write([]byte("retry: 20\n\n")); err != nil {
			return 0, err
		}
	}
	return w.ResponseWriter.Write(p)
}

// cutting is a listener whose connections can be cut.
type cutting struct {
	net.Listener
	stage *stage
}

type connKey struct{}

type conn struct {
	net.Conn
	stage *stage

	mu   sync.Mutex
	name string // of the stream, or empty
	left int64  // the bytes before the cut, 0 for no cut
}

func (c cutting) Accept() (net.Conn, error) {
	accepted, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &conn{Conn: accepted, stage: c.stage}
	c.stage.open.Store(conn, nil)
	return conn, nil
}

// use begins a stream over the connection.
func (c *conn) use(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name, c.left = name, 0
	if budget := c.stage.budget.Load(); budget > 0 {
		c.left = 1 + rand.Int64N(budget)
		if name == "native" {
			c.left += 1 << 10 // an EventSource of the browser gives up if the head of a response is cut
		}
	}
}

var idLine = regexp.MustCompile(`(?m)^id: (.+)$`)

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cut := c.left > 0 && c.left <= int64(len(p))
	if cut {
		p = p[:c.left]
	}
	if c.left > 0 {
		c.left -= int64(len(p))
	}
	n, err := c.Conn.Write(p)
	if ids := idLine.FindAllSubmatch(p, -1); c.name == "native" && ids != nil {
		id := string(ids[len(ids)-1][1])
		c.stage.nativeID.Store(&id)
	}
	if cut {
		c.stage.cuts.Add(1)
		if rand.N(2) == 0 { // what is on its way may be lost
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
		return n, net.ErrClosed
	}
	return n, err
}

// limit is the longest time to wait for anything.
const limit = 30 * time.Second
