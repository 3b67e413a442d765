package interop_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// The chat of the AI SDK has each token of an answer once: after a cut, after the page has been loaded again, and in
// another tab. It can stop the answer, and it learns that the answer has failed.
func TestChatOfTheAISDK(t *testing.T) {
	t.Parallel()
	last := func(reason answers.Reason) object {
		if reason == answers.Stopped {
			return object{"type": "abort"}
		}
		return object{"type": "error", "errorText": "The answer was not finished."}
	}
	all := answers.New(topics.Memory(10_000), last, answers.Beat(100*time.Millisecond), answers.Logger(slog.New(slog.DiscardHandler)))
	defer all.Close()

	gates := &gates{cut: make(chan bool), reload: make(chan bool)}
	start := func(_ *http.Request, body struct{ ID string }) (string, enumerator.Enumerator[object], error) {
		return body.ID, gates.answer(body.ID), nil
	}
	everybody := func(*http.Request, topic.Access) error { return nil }
	h := answers.Handler(all, everybody, parse.JSON[struct{ ID string }](1<<20), start,
		answers.UIMessages(), answers.Stream(httpadapter.Heartbeat(time.Millisecond, nil)))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /chat", func(w http.ResponseWriter, r *http.Request) {
		defer gates.left.Store(true)
		h.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /chat/{id}/stream", func(w http.ResponseWriter, r *http.Request) {
		if gates.reads.Add(1) == 4 { // nothing under way, the cut, the page and the tab
			close(gates.reload)
		}
		h.ServeHTTP(w, r)
	})
	mux.Handle("DELETE /chat/{id}/stream", h)
	server := httpadaptertest.NewServer(t, mux)
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

// gates holds up an answer until clients have left or come.
type gates struct {
	cut    chan bool   // is closed when a third of the first answer is there
	left   atomic.Bool // the client of the first answer has left
	reload chan bool   // is closed when the page and the tab have come
	reads  atomic.Int64
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
			if chat == "c" && n == 2*tokens/3 {
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
