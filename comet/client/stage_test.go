//go:build !fuzz

package client_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// html is a page for policy, which allows only what the client needs.
const html = `<!DOCTYPE html>
<html lang="en"><head><title>a page</title><link rel="icon" href="data:,">
<script nonce="page">
	if (location.search === '?old') delete window.ReadableStream;
	var streams = {}, violations = [];
	document.addEventListener('securitypolicyviolation', function(e) { violations.push(e.violatedDirective); });
	// connect opens a stream, and records its messages and events in streams[name].
	function connect(name, options) {
		options = Object.assign({transport: name, minDelay: 10, maxDelay: 100}, options);
		var log = streams[name] = {got: [], ids: [], states: [], told: []};
		log.stream = halley.connect((options.path || '/') + 'stream?for=' + name, function(data, id) {
			log.got.push(data);
			log.ids.push(id);
			if (data === 'throw') throw new Error('thrown by the callback');
		}, options);
		log.stream.addEventListener('state', function(e) { log.states.push(e.data); });
		['gap', 'reset'].forEach(function(type) {
			log.stream.addEventListener(type, function(e) { log.told.push([type, e.data, e.lastEventId]); });
		});
	}
</script>
<script nonce="page" src="/halley.js"></script>
<script nonce="page">if (location.search === '?early') connect('iframe');</script>
</head><body><p>text</p></body></html>`

const policy = "default-src 'none'; script-src 'nonce-page'; connect-src 'self'; frame-src 'self'; img-src data:"

// A stage is a server of the page, the script and a stream. It can be stopped and started again.
type stage struct {
	t    *testing.T
	mux  *http.ServeMux
	addr string
	url  string
	srv  *http.Server
	done chan struct{}

	mu       sync.Mutex
	requests []string // the queries of the requests for streams
}

func newStage(t *testing.T, stream http.Handler) *stage {
	s := &stage{t: t, mux: http.NewServeMux(), addr: "127.0.0.1:0"}
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, html)
	})
	s.mux.Handle("GET /halley.js", client.Script())
	s.mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.URL.RawQuery)
		s.mu.Unlock()
		stream.ServeHTTP(w, r)
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
	srv, done := &http.Server{Handler: s.mux}, make(chan struct{})
	s.srv, s.done = srv, done
	go func() {
		defer close(done)
		_ = srv.Serve(listener)
	}()
}

// stop closes all connections, as if the process had ended.
func (s *stage) stop() {
	_ = s.srv.Close()
	<-s.done
}

// asked returns the queries of the requests for streams.
func (s *stage) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// hubStage returns a stage with the stream of a hub, and the hub.
func hubStage(t *testing.T, opts ...httpadapter.Option) (*stage, *enumerator.Hub[any]) {
	hub := enumerator.Broadcast[any](enumerator.Capacity(20_000))
	return newStage(t, client.Handler(func(r *http.Request, after enumerator.Position) (items, error) {
		if r.URL.Query().Get("transport") == "poll" {
			return comet.LongPoll(hub, after, 10*time.Second), nil
		}
		return hub.From(after), nil
	}, opts...)), hub
}

// A page is a browser tab.
type page struct {
	t     *testing.T
	ctx   context.Context
	close func()

	mu      sync.Mutex
	console []string
}

func visit(t *testing.T, browser context.Context, url string) *page {
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx, close: cancel}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.console = append(p.console, m.String())
			p.mu.Unlock()
		}
	}()
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	return p
}

// eval returns the value of an expression in the page.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	require.NoError(p.t, err, expression)
	return v
}

// do runs statements in the page.
func (p *page) do(statements string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[chromedp.Void]("{"+statements+"}"))
	require.NoError(p.t, err, statements)
}

// until waits for a condition in the page.
func (p *page) until(condition string) {
	p.t.Helper()
	if !assert.Eventually(p.t, func() bool { return eval[bool](p, condition) }, 30*time.Second, 2*time.Millisecond, condition) {
		p.t.Fatal(p.state())
	}
}

// state returns a short description of the streams.
func (p *page) state() string {
	return eval[string](p, `JSON.stringify(streams, (k, v) => k === 'stream' ? v.state : Array.isArray(v) && v.length > 30 ? v.length : v)`)
}

// connect opens a stream over each transport.
func (p *page) connect(transports []string, options string) {
	p.t.Helper()
	for _, name := range transports {
		p.do(fmt.Sprintf("connect('%s', %s)", name, options))
	}
}

// got returns the messages that have arrived over a transport.
func (p *page) got(name string) []int {
	p.t.Helper()
	return eval[[]int](p, "streams."+name+".got")
}

// shown returns the lines of the console.
func (p *page) shown() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.console)
}

// requireShown waits until a line of the console contains text.
func (p *page) requireShown(text string) {
	p.t.Helper()
	eventually(p.t, func() bool {
		return slices.ContainsFunc(p.shown(), func(line string) bool { return strings.Contains(line, text) })
	}, text)
}
