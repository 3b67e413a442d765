package client_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// panicking is a message with which every encoder panics.
type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("as it is encoded") }

// failing is a message that fails to marshal, with its text as the error.
type failing string

func (f failing) MarshalJSON() ([]byte, error) { return nil, errors.New(string(f)) }

// recursive is a message that contains itself.
type recursive struct{ Next *recursive }

func endless() *recursive {
	r := &recursive{}
	r.Next = r
	return r
}

// unsent are messages that cannot be encoded for any transport.
var unsent = []any{math.NaN(), make(chan int), func() {}, panicking{}, failing("as it fails"), endless(), map[string]any{"deep": []any{math.Inf(1)}}}

// A message that cannot be encoded costs only that message: each client gets a gap in its place,
// then the next messages, and does not ask for it again. It is logged once.
func TestMessagesThatCannotBeEncoded(t *testing.T) {
	hub := enumerator.Broadcast[any]()
	start := hub.Position()
	push := func(message any) { require.NoError(t, hub.Push(t.Context(), message)) }
	push("first")
	for _, message := range unsent {
		push(message)
	}
	push("last")
	hub.End()
	id := func(seq int) string {
		return enumerator.Position{Epoch: start.Epoch, Seq: uint64(seq)}.String()
	}

	var log logs
	var outcomes []httpadapter.Reason
	handler := client.Handler(func(_ *http.Request, after enumerator.Position) (items, error) { return hub.From(after), nil },
		httpadapter.Logger(log.logger()),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcomes = append(outcomes, o.Reason) }))
	want := map[string]string{}
	var gaps = map[string]func(id string) string{
		"events": func(id string) string {
			return "event: gap\ndata: {\"from\":\"" + id + "\",\"count\":1}\nid: " + id + "\n\n"
		},
		"iframe": func(id string) string {
			return `halley({"from":"` + id + `","count":1},'` + id + `','gap');</script>`
		},
		"ndjson": func(id string) string {
			return `{"event":"gap","id":"` + id + `","data":{"from":"` + id + `","count":1}}` + "\n"
		},
	}
	gaps["poll"] = gaps["ndjson"]
	for name, gap := range gaps {
		want[name] = ""
		for n := range unsent {
			want[name] += gap(id(n + 2))
		}
		res, body := ask(t, handler, "/?transport="+name+"&lastEventId="+start.String())
		assert.Equal(t, http.StatusOK, res.StatusCode)
		if name == "iframe" {
			body = withoutScriptTags(body)
		}
		assert.Equal(t, 1, strings.Count(body, want[name]), "%s: %s", name, body)
		assert.Contains(t, body, "first", name)
		assert.Contains(t, body, "last", name)
		assert.Contains(t, body, id(len(unsent)+2), name)
		for range 3 { // the client has only the first message
			res, body := ask(t, handler, "/?transport="+name+"&lastEventId="+id(1))
			assert.Equal(t, http.StatusOK, res.StatusCode, name)
			assert.Contains(t, body, "last", name)
		}
	}
	for _, reason := range outcomes {
		assert.Equal(t, httpadapter.EndOfSource, reason)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	assert.Len(t, lines, len(unsent))
	for n, line := range lines {
		assert.Contains(t, line, `level=ERROR msg="comet/client: cannot encode a message; clients get a gap in its place" position=`+id(n+2))
	}
	assert.Contains(t, lines[0], "unsupported value: NaN")
	assert.Contains(t, lines[3], "as it is encoded")
	assert.Contains(t, lines[3], "panicking.MarshalJSON", "the stack")
	assert.Contains(t, lines[4], "as it fails")
}

// withoutScriptTags removes the script tags of a page, which differ between responses.
func withoutScriptTags(page string) string {
	var calls []string
	for part := range strings.SplitSeq(page, "<script") {
		_, call, _ := strings.Cut(part, "frameElement.")
		calls = append(calls, call)
	}
	return strings.Join(calls, "")
}

// logs is a log for several handlers at once.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

// logger returns a logger that writes errors to l.
func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelError}))
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A message is logged once even if many clients ask for it at once.
func TestReportWithManyClients(t *testing.T) {
	hub := enumerator.Broadcast[any]()
	start := hub.Position()
	require.NoError(t, hub.Push(t.Context(), math.NaN()))
	hub.End()
	var log logs
	handler := client.Handler(func(_ *http.Request, after enumerator.Position) (items, error) { return hub.From(after), nil },
		httpadapter.Logger(log.logger()))
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest("GET", "/?lastEventId="+start.String(), nil))
			assert.Contains(t, w.Body.String(), "event: gap\n")
		})
	}
	clients.Wait()
	assert.Equal(t, 1, strings.Count(log.String(), "\n"))
}

// Without Positions, messages cannot be told apart, so each one is reported. The number of
// remembered reports is bounded.
func TestReportsAreBounded(t *testing.T) {
	var log logs
	n, seq := 0, uint64(0)
	source := enumerator.Generate(func(context.Context) (item, bool, error) {
		n++
		i := item{Value: math.NaN()}
		if seq > 0 {
			i.Position = at(seq)
			seq++
		}
		return i, n <= 3000, nil
	})
	handler := client.Handler(always(source), httpadapter.Logger(log.logger()))
	_, body := ask(t, handler, "/?transport=ndjson")
	assert.Equal(t, 3000, strings.Count(body, "gap"))
	assert.Equal(t, 3000, strings.Count(log.String(), "\n"))
	n, seq = 0, 1
	ask(t, handler, "/?transport=ndjson")
	assert.Equal(t, 6000, strings.Count(log.String(), "\n"))
	n, seq = 2999, 3000 // the last one
	ask(t, handler, "/?transport=ndjson")
	assert.Equal(t, 6000, strings.Count(log.String(), "\n"))
}
