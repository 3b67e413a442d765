package docs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/rx"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// The samples of moving.md.

// snippet: moving-by-hand
// A broker sends events to all clients. Many programs have one.
type broker struct {
	mu      sync.Mutex
	clients map[chan string]bool
}

func (b *broker) publish(event string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.clients {
		select {
		case c <- event:
		default: // the client is too slow, and is not told that it has lost an event
		}
	}
}

func (b *broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := make(chan string, 64)
	b.mu.Lock()
	b.clients[c] = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.clients, c)
		b.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.(http.Flusher).Flush()
	for {
		select {
		case event := <-c:
			fmt.Fprintf(w, "data: %s\n\n", event)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// end snippet

// snippet: moving-hub
// newBroker returns the same with a hub.
func newBroker() (publish func(context.Context, string) error, h http.Handler) {
	hub := enumerator.Broadcast[string]()
	encode := eventsource.Messages(eventsource.WithPosition(eventsource.FromString))
	h = httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
		items := hub.FromOrLast(comet.Cursor(r.Header, r.URL.Query()), 0)
		return enumerator.Through(items, encode), nil
	}, httpadapter.EventStream())
	return hub.Push, h
}

// end snippet

func TestBothBrokersSendEvents(t *testing.T) {
	b := &broker{clients: map[chan string]bool{}}
	push, h := newBroker()
	for _, c := range []struct {
		handler http.Handler
		publish func(string)
	}{
		{b, b.publish},
		{h, func(event string) { assert.NoError(t, push(t.Context(), event)) }},
	} {
		server := httptest.NewServer(c.handler)
		response, err := http.Get(server.URL)
		require.NoError(t, err)
		// The client may not be attached yet, so the event is sent until it arrives.
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for ctx.Err() == nil {
				c.publish("hello")
				time.Sleep(time.Millisecond)
			}
		}()
		for e, err := range enumerator.All(t.Context(), enumerator.Through(httpadapter.Response(response, "text/event-stream"), eventsource.Decode(1<<10))) {
			require.NoError(t, err)
			assert.Equal(t, "hello", e.Data)
			break
		}
		cancel()
		server.CloseClientConnections()
		server.Close()
	}
}

func Example_pipelineFromRxGo() {
	// snippet: moving-rx
	// RxGo: rxgo.Range(1, 5).Map(square).Filter(isOdd).Reduce(add)
	squares := enumerator.Through(
		enumerator.Range(1, 5),
		enumeratee.Compose(
			enumeratee.Map(func(n int) int { return n * n }),
			enumeratee.Filter(func(n int) bool { return n%2 == 1 }),
		),
	)
	sum, err := enumerator.Run(context.Background(), squares, iteratee.Fold(0, func(sum, n int) int { return sum + n }))
	fmt.Println(sum, err)
	// Output: 35 <nil>
}

func Example_bridgeToRxGo() {
	// snippet: moving-bridge
	// A part that stays RxGo for now is a source.
	observable := rxgo.Just("a", "b", "c")().Map(func(_ context.Context, e any) (any, error) { return e.(string) + "!", nil })
	shouts, err := enumerator.Run(context.Background(), rx.FromObservable[string](observable), iteratee.Collect[string]())
	fmt.Println(shouts, err)
	// Output: [a! b! c!] <nil>
}

func Example_copy() {
	// snippet: moving-response
	// A file or a command as the response, with deadlines for each write.
	download := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.FromFile("testdata/ro.txt", 32<<10), nil
	}, httpadapter.Header("Content-Type", "text/plain; charset=utf-8"))
	// end snippet

	server := httptest.NewServer(download)
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	fmt.Println(len(text) > 0, err)
	// Output: true <nil>
}
