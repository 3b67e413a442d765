package wsclient_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// One URL serves all transports of the script, under one limit.
func ExampleHandler() {
	// snippet: handler
	hub := enumerator.Broadcast[string]()
	messages := func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[string]], error) {
		return hub.FromOrLast(after, 10), nil
	}
	h := httpadapter.Limited(wsclient.Handler(messages, client.Handler(messages)), httpadapter.Limit(10_000))
	// end snippet

	srv := httptest.NewServer(h)
	defer srv.Close()
	after := hub.Position()
	if err := hub.Push(context.Background(), "kiki"); err != nil {
		log.Fatal(err)
	}
	hub.End()
	conn, _, err := coder.Dial(context.Background(), srv.URL+"/?transport=websocket&lastEventId="+after.String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.CloseNow()
	for {
		_, message, err := conn.Read(context.Background())
		if err != nil {
			fmt.Println(coder.CloseStatus(err))
			return
		}
		if id := hub.Position().String(); string(message) == fmt.Sprintf(`{"id":%q,"data":"kiki"}`, id) {
			fmt.Println("the message, with its ID")
		}
	}
	// Output:
	// the message, with its ID
	// StatusNormalClosure
}
