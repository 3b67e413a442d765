package interop_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
)

// tokens is the number of tokens of an answer. aborted is the number of those that a driver reads before it aborts.
const tokens, aborted = 60, 5

// The SDKs of model vendors read an answer to its end although the first request is aborted.
func TestModels(t *testing.T) {
	for name, c := range map[string]struct {
		events []eventsource.Event
		want   []string
	}{
		"openai":    {completion(), slices.Concat(texts("first", 0, aborted), texts("again", 0, tokens))},
		"responses": {response(), slices.Concat(texts("first", 0, aborted), texts("again", aborted, tokens))},
		"anthropic": {message(), slices.Concat(texts("first", 0, aborted), texts("again", 0, tokens))},
		"ai": {uiMessage(), slices.Concat([]string{"nothing under way"},
			texts("first", 0, aborted), texts("again", 0, tokens))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &model{t: t, events: c.events, left: make(chan bool), resumable: make(chan bool)}
			m.hub = enumerator.Broadcast[eventsource.Event](enumerator.Capacity(len(c.events)))
			srv := httpadaptertest.NewServer(t, m)
			out, err := driver(t, name, srv.URL, strconv.Itoa(aborted)).Output()
			require.NoError(t, err, "%s", out)
			assert.Equal(t, c.want, strings.Split(strings.TrimSpace(string(out)), "\n"))
			m.generating.Wait()
		})
	}
}

// A model answers all requests with the same answer, which it generates apart from them. It generates a third while
// the first request reads, a third while nobody reads, and a third for the request that comes back.
type model struct {
	t          *testing.T
	events     []eventsource.Event
	hub        *enumerator.Hub[eventsource.Event]
	generating sync.WaitGroup
	left       chan bool // is closed when the client of the first request has left
	resumable  chan bool // is closed when the next request may come

	mu       sync.Mutex
	requests int
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, err := io.Copy(io.Discard, r.Body)
	assert.NoError(m.t, err)
	m.mu.Lock()
	if r.Method == http.MethodPost || m.requests > 0 {
		m.requests++
	}
	request := m.requests
	m.mu.Unlock()
	switch request {
	case 0:
		w.WriteHeader(http.StatusNoContent)
		return
	case 1:
		m.generating.Go(m.generate)
		defer close(m.left)
	default:
		<-m.resumable
	}
	after := enumerator.Position{Epoch: m.hub.Position().Epoch} // the beginning
	if n, err := strconv.ParseUint(r.FormValue("starting_after"), 10, 64); err == nil {
		after.Seq = n + 1
	}
	httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		same := func(e eventsource.Event) (eventsource.Event, error) { return e, nil }
		return enumerator.Through(m.hub.From(after), eventsource.Messages(eventsource.WithPosition(same))), nil
	}, httpadapter.EventStream(), httpadapter.Heartbeat(time.Millisecond, nil), httpadapter.Header("X-Vercel-AI-UI-Message-Stream", "v1")).ServeHTTP(w, r)
}

func (m *model) generate() {
	pace := time.NewTicker(5 * time.Millisecond) // so that heartbeats come in between
	defer pace.Stop()
	for n, e := range m.events {
		switch n {
		case len(m.events) / 3:
			<-m.left
		case 2 * len(m.events) / 3:
			close(m.resumable)
		}
		assert.NoError(m.t, m.hub.Push(m.t.Context(), e))
		<-pace.C
	}
	m.hub.EOFAndEnd()
}

func texts(request string, first, end int) (lines []string) {
	for n := first; n < end; n++ {
		lines = append(lines, fmt.Sprint(request, " ", n))
	}
	return lines
}

// object is a JSON object.
type object = map[string]any

func data(v any) eventsource.Event {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return eventsource.Event{Data: string(text)}
}

// named is an event with the name that is also the type of its data.
func named(name string, o object) eventsource.Event {
	o["type"] = name
	e := data(o)
	e.Name = name
	return e
}

var done = eventsource.Event{Data: "[DONE]"}

// completion is the stream of OpenAI's chat completions.
func completion() (events []eventsource.Event) {
	for n := range tokens {
		events = append(events, data(object{"id": "c", "object": "chat.completion.chunk", "choices": []object{
			{"index": 0, "delta": object{"content": strconv.Itoa(n)}},
		}}))
	}
	return append(events, done)
}

// response is the stream of OpenAI's responses in the background. It can be resumed after a sequence number.
func response() (events []eventsource.Event) {
	add := func(name string, o object) {
		o["sequence_number"] = len(events)
		events = append(events, named(name, o))
	}
	add("response.created", object{"response": object{"id": "r", "status": "queued"}})
	for n := range tokens {
		add("response.output_text.delta", object{"item_id": "m", "delta": strconv.Itoa(n)})
	}
	add("response.completed", object{"response": object{"id": "r", "status": "completed"}})
	return events
}

// message is the stream of Anthropic's messages.
func message() (events []eventsource.Event) {
	add := func(name string, o object) { events = append(events, named(name, o)) }
	add("message_start", object{"message": object{"id": "m", "type": "message", "role": "assistant", "content": []any{}, "usage": object{}}})
	add("content_block_start", object{"index": 0, "content_block": object{"type": "text", "text": ""}})
	for n := range tokens {
		add("content_block_delta", object{"index": 0, "delta": object{"type": "text_delta", "text": strconv.Itoa(n)}})
	}
	add("content_block_stop", object{"index": 0})
	add("message_stop", object{})
	return events
}

// uiMessage is the stream of a message of the AI SDK.
func uiMessage() (events []eventsource.Event) {
	add := func(kind string, o object) {
		o["type"] = kind
		events = append(events, data(o))
	}
	add("start", object{"messageId": "m"})
	add("text-start", object{"id": "t"})
	for n := range tokens {
		add("text-delta", object{"id": "t", "delta": strconv.Itoa(n)})
	}
	add("text-end", object{"id": "t"})
	add("finish", object{})
	return append(events, done)
}
