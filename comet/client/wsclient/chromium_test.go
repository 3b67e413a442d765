package wsclient_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// A page gets the messages of a hub in order and exactly once through a proxy that cuts each connection after a second, and
// learns of the end and of refusals.
func TestChromium(t *testing.T) {
	probe.Logs(t)
	browser := browsertest.Start(t)
	hub := enumerator.Broadcast[int](enumerator.Capacity(10_000))
	messages := func(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[int]], error) {
		if r.URL.Query().Has("secret") {
			return enumerator.Empty[enumerator.Item[int]](), &httpadapter.StatusError{Status: http.StatusUnauthorized}
		}
		return hub.From(after), nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /stream", wsclient.Handler(messages, client.Handler(messages), websocket.Compression()))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!DOCTYPE html><title>a page</title><link rel="icon" href="data:,"><script>
			let got = [], notices = [], codes = [], last = '';
			function open(query) {
				const socket = new WebSocket(location.href.replace('http', 'ws') + 'stream?transport=websocket&' + query + '&lastEventId=' + last);
				socket.onmessage = e => {
					const record = JSON.parse(e.data);
					if (record.id) last = record.id;
					if (record.event) notices.push(record.event);
					else got.push(record.data);
				};
				socket.onclose = e => {
					codes.push(e.code);
					if (e.code === 1006 || e.code === 1001) setTimeout(() => open(query), 10);
				};
			}
		</script>`)
	})
	s := serveHandler(t, mux)
	proxy := httpadaptertest.NewProxy(t, s.URL)
	page, cancel := chromedp.NewContext(browser)
	defer cancel()
	require.NoError(t, chromedp.Do(page, chromedp.Navigate(proxy.URL)))
	proxy.CutAfter(time.Second)
	until := func(condition string) {
		t.Helper()
		require.Eventually(t, func() bool {
			holds, err := chromedp.Run(page, chromedp.Evaluate[bool](condition))
			return err == nil && holds
		}, 30*time.Second, 5*time.Millisecond, condition)
	}
	require.NoError(t, chromedp.Do(page, chromedp.Evaluate[chromedp.Void]("open('')")))
	until("notices.includes('bookmark')") // the page has its first ID
	n := 0
	cut := func() bool {
		cut, err := chromedp.Run(page, chromedp.Evaluate[bool]("codes.length >= 3"))
		require.NoError(t, err)
		return cut
	}
	for pace := time.NewTicker(5 * time.Millisecond); n < 5000 && !cut(); n++ {
		require.NoError(t, hub.Push(t.Context(), n))
		<-pace.C
	}
	require.True(t, cut())
	hub.End()
	until("codes.includes(1000)")
	want := make([]int, n)
	for i := range want {
		want[i] = i
	}
	got, err := chromedp.Run(page, chromedp.Evaluate[[]int]("got"))
	require.NoError(t, err)
	assert.Equal(t, want, got)
	notices, err := chromedp.Run(page, chromedp.Evaluate[[]string]("notices"))
	require.NoError(t, err)
	assert.Equal(t, "end", notices[len(notices)-1])
	assert.Subset(t, []string{"heartbeat", "bookmark", "end"}, notices, "no gap and no reset")

	require.NoError(t, chromedp.Do(page, chromedp.Evaluate[chromedp.Void]("open('secret')")))
	until("codes.includes(4401)")
}
