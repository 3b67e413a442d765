//go:build !fuzz

package httpadapter_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// A browser decodes the gzip of a Fanout as it arrives, and to its end.
func TestFanoutGzipInBrowsers(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, url string){
		"Chromium": func(t *testing.T, url string) {
			require.NoError(t, chromedp.Do(browsertest.Start(t), chromedp.Navigate(url)))
		},
		"Firefox": browsertest.StartFirefox,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "Firefox" && !probe.Long() {
				t.Skip("it takes half a minute to start")
			}
			hub := enumerator.Broadcast[string]()
			encode := eventsource.Messages(eventsource.WithPosition(eventsource.FromString))
			opts := []httpadapter.Option{compress.Option(), httpadapter.Heartbeat(50*time.Millisecond, []byte(":\n"))}
			codings, reports := make(chan string, 20), make(chan string, 20)
			mux := http.NewServeMux()
			mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				fmt.Fprint(w, `<!DOCTYPE html><title>gzip</title><script>
					const report = text => fetch('report', {method: 'POST', body: text}), heard = [];
					const stream = new EventSource('events');
					stream.onmessage = e => {
						heard.push(e.data);
						if (e.data === 'last') { stream.close(); report('heard ' + heard.join()); }
					};
					fetch('text').then(r => r.text()).then(t => report('read ' + t.split('\n').filter(l => l.startsWith('data:')).map(l => l.slice(6)).join()), e => report('failed ' + e));
				</script>`)
			})
			mux.HandleFunc("POST /report", func(_ http.ResponseWriter, r *http.Request) {
				text, _ := io.ReadAll(r.Body)
				reports <- string(text)
			})
			stream := func(pattern string, opts ...httpadapter.Option) {
				h := httpadapter.Fanout(hub, encode, where, opts...)
				mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(w, r)
					codings <- w.Header().Get("Content-Encoding") + " " + w.Header().Get("Connection")
				})
			}
			stream("GET /events", append(opts, httpadapter.EventStream())...)
			stream("GET /text", append(opts, httpadapter.Header("Content-Type", "text/plain"))...)
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			start(t, server.URL)
			require.Eventually(t, func() bool { return len(codings) == 2 }, 3*time.Minute, 10*time.Millisecond, "a browser may start slowly")
			for range 2 {
				if coding := <-codings; isLinux {
					assert.Equal(t, "gzip close", coding)
				}
			}
			var want []string
			for i := range 200 {
				value := fmt.Sprintf("the element %d of many that are alike", i)
				want = append(want, value)
				require.NoError(t, hub.Push(t.Context(), value))
				if i%70 == 0 {
					time.Sleep(120 * time.Millisecond) // for heartbeats
				}
			}
			require.NoError(t, hub.Push(t.Context(), "last"))
			hub.End()
			all := strings.Join(append(want, "last"), ",")
			assert.ElementsMatch(t, []string{"heard " + all, "read " + all},
				[]string{receive(t, reports, "a report"), receive(t, reports, "a report")})
		})
	}
}
