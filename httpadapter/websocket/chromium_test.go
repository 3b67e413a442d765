//go:build !fuzz

package websocket_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// A page chooses a subprotocol, and sends and reads compressed messages.
func TestChromium(t *testing.T) {
	probe.Logs(t)
	browser := browsertest.Start(t)
	echo := websocket.Adapter(websocket.Text(), func(r *http.Request) (a enumeratee.Enumeratee[string, string], err error) {
		if websocket.Subprotocol(r) == "" {
			return a, websocket.CloseError{Code: 4406, Reason: "Subprotocol not acceptable"}
		}
		return enumeratee.PassAlong[string](), nil
	}, websocket.Subprotocols("v2", "v1"), websocket.Compression(), websocket.MaxMessage(4<<20))
	mux := http.NewServeMux()
	mux.Handle("GET /socket", echo)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!DOCTYPE html><title>a page</title><link rel="icon" href="data:,"><script>
			// open returns how a connection begins, the sizes of messages that came back unchanged, and how it ends.
			const open = (protocols, sizes) => new Promise(resolve => {
				const socket = new WebSocket(location.href.replace('http', 'ws') + 'socket', protocols);
				const log = [];
				const messages = sizes.map(n => 'tick tock ü '.repeat(n / 12 + 1).slice(0, n));
				socket.onopen = () => {
					log.push('protocol ' + socket.protocol, socket.extensions);
					messages.forEach(m => socket.send(m));
				};
				socket.onmessage = e => {
					log.push(e.data === messages.shift() ? e.data.length : 'another message');
					if (!messages.length) socket.close(1000);
				};
				socket.onclose = e => resolve(log.concat('code ' + e.code, e.reason).join('; '));
			});
		</script>`)
	})
	s := serve(t, mux)
	page, cancel := chromedp.NewContext(browser)
	defer cancel()
	require.NoError(t, chromedp.Do(page, chromedp.Navigate(s.URL)))
	s.checkReturned()
	const compression = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	for call, want := range map[string]string{
		"open(['v1', 'v2'], [0, 1, 600, 70000, 2000000])": "protocol v2; " + compression + "; 0; 1; 600; 70000; 2000000; code 1000; ",
		"open('v1', [1000])":                              "protocol v1; " + compression + "; 1000; code 1000; ",
		"open([], [1000])":                                "protocol ; " + compression + "; code 4406; Subprotocol not acceptable",
		"open('v3', [1000])":                              "code 1006; ", // the browser closes
		"open('v2', [5000000])":                           "protocol v2; " + compression + "; code 1009; ",
	} {
		got, err := chromedp.Run(page, chromedp.Evaluate[string](call, chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		if strings.HasSuffix(want, "1009; ") {
			got = got[:min(len(got), len(want))] // a reason follows
		}
		assert.Equal(t, want, got, call)
		s.checkReturned()
	}
}

// A page reads messages of a Fanout, and sees how the connection ends.
func TestChromiumReadsAFanout(t *testing.T) {
	c := newConcert(t, nil, websocket.Ping(50*time.Millisecond), websocket.Timeout(patience))
	browser := browsertest.Start(t)
	mux := http.NewServeMux()
	mux.Handle("GET /socket", c.Config.Handler)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!DOCTYPE html><title>a page</title><link rel="icon" href="data:,"><script>
			// open resolves when five messages have come. The global variable end is a promise that resolves at the end.
			const open = closes => new Promise(resolve => {
				const socket = new WebSocket(location.href.replace('http', 'ws') + 'socket?last=10');
				socket.binaryType = 'arraybuffer';
				const log = [];
				socket.onmessage = e => {
					log.push(e.data instanceof ArrayBuffer ? 'bytes ' + new Uint8Array(e.data) : e.data.slice(0, 10) + e.data.length);
					if (log.length < 5) return;
					resolve(log.join('; '));
					if (closes) socket.close(3456, 'enough');
				};
				window.end = new Promise(resolve => socket.onclose = e => resolve([e.code, e.reason, e.wasClean].join(' ')));
			});
		</script>`)
	})
	c.Config.Handler = mux
	c.Start()
	c.push("one", "bytes", strings.Repeat("x", 200_000), "two")
	page, cancel := chromedp.NewContext(browser)
	defer cancel()
	require.NoError(t, chromedp.Do(page, chromedp.Navigate(c.URL)))
	for _, tt := range []struct {
		call   string
		end    func()
		want   string
		reason httpadapter.Reason
	}{
		{"open(true)", func() {}, "3456  true", httpadapter.ClientGone},
		{"open(false)", c.hub.End, "1000  true", httpadapter.EndOfSource},
	} {
		got, err := chromedp.Run(page, chromedp.Evaluate[string](tt.call, chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		assert.Equal(t, "bookmark a13; 1 one5; bytes 2; 3 xxxxxxxx200002; 4 two5", got)
		tt.end()
		got, err = chromedp.Run(page, chromedp.Evaluate[string]("end", chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		assert.Equal(t, tt.want, got)
		assert.Equal(t, tt.reason, receive(t, c.ends, "the outcome").Reason)
	}
	require.NoError(t, chromedp.Do(page, chromedp.Navigate("about:blank")))
}
