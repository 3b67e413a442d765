//go:build !fuzz

package eventsource_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/internal/browsertest"
)

// A real browser and Decode read the same events from a stream, whether it is written by hand or
// by Encode.
func TestChromium(t *testing.T) {
	browser := browsertest.Start(t)
	var written []string
	for _, c := range streams {
		if !strings.HasPrefix(c.in, "\ufeff\n") { // Chromium adds that LF to the next line
			written = append(written, c.in)
		}
	}
	random := rapid.Custom(func(t *rapid.T) string {
		e := eventsource.Event{Name: anyText().Draw(t, "name"), ID: anyText().Draw(t, "id"), Data: anyText().Draw(t, "data"), Comment: anyText().Draw(t, "comment")}
		text, _ := e.AppendText(nil) // empty if the event is refused
		return string(text)
	})
	for seed := range 20 {
		var stream string
		for i := range 20 {
			stream += random.Example(20*seed + i)
		}
		written = append(written, stream)
	}

	streams := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stream" { // the page and its icon
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			return
		}
		w.Header().Set("Content-Type", eventsource.ContentType)
		select {
		case stream := <-streams:
			io.WriteString(w, stream)
		default:
			w.WriteHeader(http.StatusNoContent) // do not connect again
		}
	}))
	defer server.Close()
	ctx, cancel := chromedp.NewContext(browser)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(server.URL)))

	type event struct{ Name, ID, Data string }
	for _, stream := range written {
		decoded, err := through(eventsource.Decode(1<<20), []byte(stream))
		require.NoError(t, err)
		want, names := []event{}, []string{"message"}
		for _, e := range decoded {
			if e.Name == "" {
				e.Name = "message"
			}
			want = append(want, event{e.Name, e.ID, e.Data})
			names = append(names, e.Name)
		}
		slices.Sort(names)
		listen, err := json.Marshal(slices.Compact(names))
		require.NoError(t, err)

		streams <- stream
		_, err = chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`{
			window.ended = false;
			window.got = [];
			const source = new EventSource('stream');
			for (const name of `+string(listen)+`) {
				if (name !== 'error') source.addEventListener(name, e => got.push({Name: e.type, ID: e.lastEventId, Data: e.data}));
			}
			source.onerror = () => { source.close(); ended = true; }; // or it would connect again
		}`))
		require.NoError(t, err)
		var got string
		require.Eventually(t, func() bool {
			got, err = chromedp.Run(ctx, chromedp.Evaluate[string](`ended ? JSON.stringify(got) : ''`))
			return err != nil || got != ""
		}, 30*time.Second, time.Millisecond)
		require.NoError(t, err)
		var events []event
		require.NoError(t, json.Unmarshal([]byte(got), &events))
		assert.Equal(t, want, events, "%q", stream)
	}
}
