//go:build !fuzz

package topic_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// A page publishes to topics whose names could do harm, and reads them over each transport and by an EventSource.
func TestChromium(t *testing.T) {
	probe.Logs(t)
	browser := browsertest.Start(t)
	all := topics.New[string](topics.Memory(100))
	mux := http.NewServeMux()
	h := topic.Handler(all, anyone, topic.Last(10))
	mux.Handle("/topics", wsclient.Handler(topic.Source(all, anyone, topic.Last(10)), h))
	mux.Handle("GET /halley.js", client.Script())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!DOCTYPE html><title>a page</title><link rel="icon" href="data:,"><script src="/halley.js"></script><script>
			const query = names => '/topics?' + names.map(name => 'topic=' + encodeURIComponent(name)).join('&');
			const publish = async name => {
				const options = { method: 'POST', body: JSON.stringify('hello ' + name), headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() } };
				const [one, two] = [await fetch(query([name]), options), await fetch(query([name]), options)];
				const position = one.headers.get('Halley-Position');
				return position && position === two.headers.get('Halley-Position') ? one.status : await one.text();
			};
			// read returns the messages of the topics by their names, when all have come.
			const read = (names, transport) => new Promise(resolve => {
				const got = {}, unnamed = [];
				const stream = transport ? halley.connect(query(names), m => unnamed.push(m), { transport }) : new EventSource(query(names));
				let left = names.length;
				for (const name of names) stream.addEventListener(name, e => {
					got['name ' + name] = transport ? e.data : JSON.parse(e.data);
					if (--left === 0) {
						stream.close();
						resolve(JSON.stringify([got, unnamed, String(window.hacked)]));
					}
				});
			});
		</script>`)
	})
	server := httpadaptertest.NewServer(t, mux)
	page, cancel := chromedp.NewContext(browser)
	defer cancel()
	require.NoError(t, chromedp.Do(page, chromedp.Navigate(server.URL)))
	call := func(format string, args ...any) (text string) {
		for i, arg := range args {
			text, err := json.Marshal(arg)
			require.NoError(t, err)
			args[i] = string(text)
		}
		text, err := chromedp.Run(page, chromedp.Evaluate[string](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		return text
	}
	names := []string{
		"news", "__proto__", "constructor", "toString", "</script><script>window.hacked = 1</script>", "<!--", "'); window.hacked = 1; ('", `\`, " a ", "a: b,c",
		"data: 1", "\u2028", "\ufeff", "ü", "\U0001f600", "%0A", "onerror", "close",
	}
	want := map[string]any{}
	for _, name := range names {
		assert.Equal(t, "204", call("publish(%s).then(String)", name), name)
		want["name "+name] = "hello " + name
	}
	for _, name := range []string{"error", "open", "end", "gap", "a\nb"} {
		assert.Contains(t, call("publish(%s).then(String)", name), "Bad Request: ", name)
	}
	transports := []string{"", "iframe"}
	if probe.Long() {
		transports = append(transports, "events", "ndjson", "poll", "websocket")
	}
	for _, transport := range transports {
		var got []any
		require.NoError(t, json.Unmarshal([]byte(call("read(%s, %s)", names, transport)), &got))
		assert.Equal(t, []any{want, []any{}, "undefined"}, got, transport)
	}
}
