package websocket_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// talk sends the messages, and prints what comes back until the end.
func talk(h http.Handler, messages ...string) {
	srv := httptest.NewServer(h)
	defer srv.Close()
	ctx := context.Background()
	conn, _, err := coder.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.CloseNow()
	for _, m := range messages {
		if err := conn.Write(ctx, coder.MessageText, []byte(m)); err != nil {
			log.Fatal(err)
		}
	}
	for {
		_, m, err := conn.Read(ctx)
		if err != nil {
			fmt.Println(coder.CloseStatus(err))
			return
		}
		fmt.Printf("%s\n", m)
	}
}

func ExampleHandler() {
	// snippet: handler
	type result = struct{}
	h := websocket.Handler(websocket.Text(), func(r *http.Request) (iteratee.Iteratee[string, result], enumerator.Enumerator[string], error) {
		return iteratee.Ignore[string](), enumerator.Of("Hello!", "Good bye."), nil
	})
	// end snippet

	talk(h)
	// Output:
	// Hello!
	// Good bye.
	// StatusNormalClosure
}

// The answer to each message is made of it, up to the third.
func ExampleAdapter() {
	// snippet: adapter
	h := websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
		return enumeratee.Compose(enumeratee.Map(strings.ToUpper), enumeratee.Take[string](3)), nil
	})
	// end snippet

	talk(h, "one", "two", "three")
	// Output:
	// ONE
	// TWO
	// THREE
	// StatusNormalClosure
}

func ExampleJSON() {
	type order struct {
		Item string
		N    int
	}
	h := websocket.Adapter(websocket.JSON[order, string](), func(*http.Request) (enumeratee.Enumeratee[order, string], error) {
		return enumeratee.Compose(
			enumeratee.Map(func(o order) string { return fmt.Sprintf("%d of %s", o.N, o.Item) }),
			enumeratee.Take[string](1),
		), nil
	})
	talk(h, `{"Item":"tea","N":2}`)
	// Output:
	// "2 of tea"
	// StatusNormalClosure
}

// An Iteratee can say with which code, and in which words, the connection is closed.
func ExampleCloseError() {
	h := websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
		return enumeratee.MapM(func(_ context.Context, s string) (string, error) {
			if s == "secret" {
				return "", websocket.CloseError{Code: 1008, Reason: "log in first"}
			}
			return s, nil
		}), nil
	})
	talk(h, "public", "secret")
	// Output:
	// public
	// StatusPolicyViolation
}

func ExampleMixed() {
	h := websocket.Adapter(websocket.Mixed(), func(*http.Request) (enumeratee.Enumeratee[websocket.Message, websocket.Message], error) {
		return enumeratee.Compose(
			enumeratee.Map(func(m websocket.Message) websocket.Message {
				return websocket.Message{Data: fmt.Appendf(nil, "%d bytes, binary: %v", len(m.Data), m.Binary)}
			}),
			enumeratee.Take[websocket.Message](1),
		), nil
	}, websocket.MaxMessage(1<<10))
	talk(h, "hello")
	// Output:
	// 5 bytes, binary: false
	// StatusNormalClosure
}
