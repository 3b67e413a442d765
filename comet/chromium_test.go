//go:build !fuzz

package comet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/browsertest"
)

// surrogates are JSON texts of strings that a Go string cannot represent.
var surrogates = []string{`"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude42"`, `{"\udfff":"\ud800</script>"}`, `["\uD800\u0027"]`}

// A real browser calls the callback once with each message, and does nothing else.
func TestChromium(t *testing.T) {
	browser := browsertest.Start(t)
	messages := slices.Concat(hostile, breakouts)
	var objects []map[string][]string
	var want, wantObjects []any
	for _, message := range messages {
		arrived := arrives(t, message)
		want = append(want, arrived)
		objects = append(objects, map[string][]string{message: {message}})
		wantObjects = append(wantObjects, map[string]any{arrived: []any{arrived}})
	}
	var items []enumerator.Item[string]
	for i, message := range messages {
		items = append(items, enumerator.Item[string]{Value: message, Position: enumerator.Position{Epoch: 1, Seq: uint64(i)}})
	}
	expression := func(dst []byte, s string) ([]byte, error) { return comet.AppendString(append(dst, "null || "...), s) }
	const callback = "parent.cometMessage"
	nonce, remove := comet.Nonce("a-_"), comet.RemoveScripts()

	for name, c := range map[string]struct {
		chunks [][]byte
		want   []any
		policy string
		kept   int // the number of script elements in the page at the end
	}{
		"String":               {chunksOf(t, comet.String(callback), messages...), want, "", len(messages)},
		"JSON strings":         {chunksOf(t, comet.JSON[string](callback), messages...), want, "", len(messages)},
		"JSON objects":         {chunksOf(t, comet.JSON[map[string][]string](callback), objects...), wantObjects, "", len(messages)},
		"Messages":             {chunksOf(t, comet.Messages(callback, expression), messages...), want, "", len(messages)},
		"positions":            {chunksOf(t, comet.Messages(callback, comet.WithPosition(comet.AppendString)), items...), want, "", len(messages)},
		"with a nonce":         {chunksOf(t, comet.String(callback, nonce), messages...), want, "script-src 'nonce-a-_'", len(messages)},
		"removed":              {chunksOf(t, comet.String(callback, remove), messages...), want, "", 0},
		"removed with a nonce": {chunksOf(t, comet.JSON[string](callback, remove, nonce), messages...), want, "script-src 'nonce-a-_'", 0},
		"without first chunk":  {chunksOf(t, comet.String(callback, remove, comet.Preamble("")), messages...), want, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			page := visit(t, browser, c.policy, c.chunks)
			require.Len(t, page.Got, len(c.want))
			for i, got := range page.Got {
				var v any
				require.NoError(t, json.Unmarshal([]byte(got), &v))
				assert.Equal(t, c.want[i], v)
			}
			assert.Equal(t, c.kept, page.Scripts)
			page.requireNothingElse(t)
		})
	}
	t.Run("lone surrogates", func(t *testing.T) {
		page := visit(t, browser, "", chunksOf(t, comet.JSON[json.RawMessage](callback), raw(surrogates...)...))
		assert.Equal(t, []string{`"\ud800"`, `"\udc00\ud800"`, `"🙂"`, `{"\udfff":"\ud800</script>"}`, `["\ud800'"]`}, page.Got)
		page.requireNothingElse(t)
	})
	t.Run("heartbeats", func(t *testing.T) {
		var chunks [][]byte
		for _, chunk := range chunksOf(t, comet.String(callback, remove), "a", "b") {
			chunks = append(chunks, chunk, []byte("\n"), []byte("\n")) // the heartbeats of httpadapter.Comet
		}
		page := visit(t, browser, "", chunks)
		assert.Equal(t, []string{`"a"`, `"b"`}, page.Got)
		assert.Empty(t, strings.TrimSpace(page.Text))
		assert.Empty(t, page.Elements)
	})
	t.Run("a callback that throws", func(t *testing.T) {
		page := visit(t, browser, "", chunksOf(t, comet.String("parent.throws", remove), "a", "b"))
		assert.Equal(t, []string{`"a"`, `"b"`}, page.Got)
		assert.Zero(t, page.Scripts)
	})

	// The test must be able to detect violations.
	t.Run("without the nonce", func(t *testing.T) {
		assert.Empty(t, visit(t, browser, "script-src 'nonce-other'", chunksOf(t, comet.String(callback, nonce), "a")).Got)
	})
	t.Run("unsafe", func(t *testing.T) {
		page := visit(t, browser, "", [][]byte{[]byte("<html><body>"), []byte("<script>" + callback + "('" + breakouts[0] + "');</script>")})
		assert.Equal(t, []int{1}, page.Ran)
		assert.NotEmpty(t, page.Text)
	})
}

// visited describes a page after it has loaded in a frame.
type visited struct {
	Got      []string // JSON of each message
	Ran      []int    // the numbers of the breakouts that ran
	Elements []string // elements other than html, head, body and script
	Scripts  int      // the number of script elements
	Text     string   // the text outside of scripts
}

func (page visited) requireNothingElse(t *testing.T) {
	t.Helper()
	require.Empty(t, page.Ran)
	require.Empty(t, page.Elements)
	require.Empty(t, page.Text)
}

// visit loads chunks as one page into a frame of another page.
func visit(t *testing.T, browser context.Context, policy string, chunks [][]byte) (page visited) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch {
		case r.URL.Path == "/frame":
			if policy != "" {
				w.Header().Set("Content-Security-Policy", policy)
			}
			w.Write(bytes.Join(chunks, nil))
		case r.URL.Path == "/":
			io.WriteString(w, `<script>
				var got = [], ran = new Set();
				function cometMessage(m) { got.push(JSON.stringify(m)); }
				function throws(m) { cometMessage(m); throw new Error(m); }
			</script>
			<iframe src="frame" onload="document.title = 'loaded'"></iframe>`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	ctx, cancel := chromedp.NewContext(browser)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(server.URL)))
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(() => {
		if (document.title !== 'loaded') throw new Error('the frame has not loaded');
		const page = frames[0].document, scripts = page.querySelectorAll('script');
		const elements = [...page.querySelectorAll('*')].map(e => e.localName);
		scripts.forEach(s => s.textContent = '');
		return JSON.stringify({
			Got: got, Ran: [...ran].map(Number), Scripts: scripts.length, Text: page.documentElement.textContent,
			Elements: elements.filter(name => !['html', 'head', 'body', 'script'].includes(name)),
		});
	})()`))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(found), &page))
	return page
}
