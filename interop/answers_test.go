package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/iteratee"
)

// The chat of the AI SDK has each token of an answer once: after a cut, after the page has been loaded again, and in
// another tab. It can stop the answer, and it learns that the answer has failed.
func TestChatOfTheAISDK(t *testing.T) {
	t.Parallel()
	gates := newGates(4) // nothing under way, the cut, the page and the tab
	server := httpadaptertest.NewServer(t, gates.serve(t))
	go func() {
		select {
		case <-gates.cut:
			server.CloseClientConnections()
		case <-t.Context().Done():
		}
	}()

	out, err := driver(t, "ai-chat", server.URL).Output()
	require.NoError(t, err, "%s", out)
	whole := "|ready|user:why?|assistant:"
	for n := range tokens {
		whole += fmt.Sprintf(" %d ", n)
	}
	assert.Equal(t, []string{
		"before|ready", "cut error", "resumed" + whole, "reloaded" + whole, "tab" + whole, "after" + whole,
		"stop 204", "stopped ready 2 false", "failed error The answer was not finished.  0 ",
	}, strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"))
}

// A page in React asks, and is loaded again in the middle of the answer. It has each token once.
func TestReactPageOfTheAISDK(t *testing.T) {
	needModules(t)
	browser := browsertest.Start(t)
	bundle := filepath.Join(t.TempDir(), "react.js")
	out, err := exec.CommandContext(t.Context(), "node_modules/.bin/esbuild", "pages/react.jsx", "--bundle", "--jsx=automatic",
		`--define:process.env.NODE_ENV="production"`, "--outfile="+bundle).CombinedOutput()
	require.NoError(t, err, "%s", out)

	gates := newGates(2) // the page, and the page after it was loaded again
	mux := gates.serve(t)
	mux.Handle("GET /react.js", unhurried(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, bundle) })))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><div id="chat"></div><script src="/react.js"></script>`)
	})
	server := httpadaptertest.NewServer(t, mux)
	page, cancel := chromedp.NewContext(browser)
	defer cancel()
	shows := func(condition string, args ...any) {
		t.Helper()
		var text string
		assert.Eventually(t, func() bool {
			text, err = chromedp.Run(page, chromedp.Evaluate[string](`[...document.querySelectorAll("p")].map(p => p.textContent).join("|")`))
			return err == nil && strings.Contains(text+"$", fmt.Sprintf(condition, args...))
		}, time.Minute, 10*time.Millisecond)
		require.False(t, t.Failed(), "the page has %q", text)
	}
	require.NoError(t, chromedp.Do(page, chromedp.Navigate(server.URL)))
	shows("ready$")
	require.Eventually(t, func() bool { return gates.reads.Load() == 1 }, time.Minute, 10*time.Millisecond) // nothing is under way
	require.NoError(t, chromedp.Do(page, chromedp.Click("button")))
	shows("streaming|user:why?|assistant: 0 ")
	shows(" %d ", tokens/2)
	require.NoError(t, chromedp.Do(page, chromedp.Reload()))
	whole := ""
	for n := range tokens {
		whole += fmt.Sprintf(" %d ", n)
	}
	shows("ready|user:why?|assistant:%s$", whole)
}

// gates holds up an answer until clients have left or come.
type gates struct {
	cut    chan bool   // is closed when a third of the first answer is there
	left   atomic.Bool // the client of the first answer has left
	reload chan bool   // is closed when all clients have come
	reads  atomic.Int64
	all    int64 // the clients that read
}

func newGates(readers int64) *gates {
	return &gates{cut: make(chan bool), reload: make(chan bool), all: readers}
}

// serve returns the handler of the chats.
func (g *gates) serve(t *testing.T) *http.ServeMux {
	last := func(reason answers.Reason) object {
		if reason == answers.Stopped {
			return object{"type": "abort"}
		}
		return object{"type": "error", "errorText": "The answer was not finished."}
	}
	all := answers.New(topics.Memory(10_000), last, answers.Beat(100*time.Millisecond), answers.Logger(slog.New(slog.DiscardHandler)))
	t.Cleanup(all.Close)

	start := func(_ *http.Request, body struct{ ID string }) (string, enumerator.Enumerator[object], error) {
		return body.ID, g.answer(body.ID), nil
	}
	everybody := func(*http.Request, topic.Access) error { return nil }
	h := answers.Handler(all, everybody, parse.JSON[struct{ ID string }](1<<20), start,
		answers.UIMessages(), answers.Stream(httpadapter.Heartbeat(time.Millisecond, nil)))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /chat", func(w http.ResponseWriter, r *http.Request) {
		defer g.left.Store(true)
		h.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /chat/{id}/stream", func(w http.ResponseWriter, r *http.Request) {
		if g.reads.Add(1) == g.all {
			close(g.reload)
		}
		h.ServeHTTP(w, r)
	})
	mux.Handle("DELETE /chat/{id}/stream", h)
	return mux
}

// answer is the answer of a chat.
func (g *gates) answer(chat string) enumerator.Enumerator[object] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[object]) iteratee.Step {
		sink.Next(object{"type": "start", "messageId": "m"})
		sink.Next(object{"type": "text-start", "id": "t"})
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		for n := 0; n < tokens; {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case <-pace.C:
			}
			if chat == "c" && n == tokens/3 && !g.left.Load() {
				select {
				case <-g.cut:
				default:
					close(g.cut)
				}
				continue
			}
			if (chat == "c" || chat == "page") && n == 2*tokens/3 {
				select {
				case <-g.reload:
				case <-ctx.Done():
					return iteratee.Cancelled(ctx)
				}
			}
			if chat == "d" && n == tokens-1 {
				continue // until it is stopped
			}
			if chat == "fails" && n == 1 {
				return iteratee.StepError(errors.New("a secret of the server"))
			}
			if step := sink.Next(object{"type": "text-delta", "id": "t", "delta": fmt.Sprintf(" %d ", n)}); !step.IsCont() {
				return step
			}
			n++
		}
		sink.Next(object{"type": "text-end", "id": "t"})
		return sink.Next(object{"type": "finish"})
	})
}
