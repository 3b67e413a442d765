package websocket_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
)

// One hub serves many pages. A page that comes back sends the Position of its last message. A new page gets the last ten
// messages.
func ExampleFanout() {
	// snippet: fanout

	type message struct {
		At    enumerator.Position `json:"at"`
		Text  string              `json:"text,omitempty"`
		Lost  uint64              `json:"lost,omitempty"`  // the messages that the page has lost before this one
		Reset bool                `json:"reset,omitempty"` // the page must forget the messages before this one
	}
	hub := enumerator.Broadcast[string]()
	encode := enumeratee.MapM(func(_ context.Context, i enumerator.Item[string]) (websocket.Message, error) {
		data, err := json.Marshal(message{i.Position, i.Value, i.Gap.N, i.Reset})
		return websocket.Message{Data: data}, err
	})
	start := func(r *http.Request) (after enumerator.Position, last int, err error) {
		return comet.Cursor(http.Header{}, r.URL.Query()), 10, nil // new WebSocket("/news?lastEventId=" + at)
	}
	news := websocket.Fanout(hub, encode, start)

	// end snippet
	_ = hub.Push(context.Background(), "news")
	hub.End()
	srv := httptest.NewServer(news)
	defer srv.Close()
	conn, _, err := coder.Dial(context.Background(), srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.CloseNow()
	for {
		_, data, err := conn.Read(context.Background())
		if err != nil {
			fmt.Println(coder.CloseStatus(err))
			return
		}
		var m message
		err = json.Unmarshal(data, &m)
		fmt.Printf("%d %q %v\n", m.At.Seq, m.Text, err)
	}
	// Output:
	// 0 "" <nil>
	// 1 "news" <nil>
	// StatusNormalClosure
}

// At most 10,000 connections are open, and each one is closed after half an hour or less.
func ExampleStream() {
	hub := enumerator.Broadcast[string]()
	encode := enumeratee.Map(func(i enumerator.Item[string]) websocket.Message { return websocket.Message{Data: []byte(i.Value)} })
	start := func(*http.Request) (after enumerator.Position, last int, err error) { return after, 0, nil }
	ended := make(chan httpadapter.Reason, 1)
	srv := httptest.NewServer(websocket.Fanout(hub, encode, start, websocket.Stream(
		httpadapter.Limit(10_000),
		httpadapter.MaxDuration(30*time.Minute),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o.Reason }),
	)))
	defer srv.Close()
	conn, _, err := coder.Dial(context.Background(), srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	_ = conn.Close(coder.StatusNormalClosure, "")
	fmt.Println(<-ended)
	// Output: client gone
}
