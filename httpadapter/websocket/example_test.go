package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// talk sends the messages, and prints the answers and the close code.
func talk(h http.Handler, messages ...string) { talkIn(coder.MessageText, h, messages...) }

func talkIn(kind coder.MessageType, h http.Handler, messages ...string) {
	srv := httptest.NewServer(h)
	defer srv.Close()
	ctx := context.Background()
	conn, _, err := coder.Dial(ctx, srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.CloseNow()
	for _, m := range messages {
		if err := conn.Write(ctx, kind, []byte(m)); err != nil {
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

// The handler answers the first three messages.
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

// An Iteratee chooses the code and the reason with which the connection is closed.
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

// The connection refuses a text message.
func ExampleBytes() {
	h := websocket.Adapter(websocket.Bytes(), func(*http.Request) (enumeratee.Enumeratee[[]byte, []byte], error) {
		return enumeratee.Map(bytes.ToUpper), nil
	})
	talk(h, "text")

	first := websocket.Adapter(websocket.Bytes(), func(*http.Request) (enumeratee.Enumeratee[[]byte, []byte], error) {
		return enumeratee.Compose(enumeratee.Map(bytes.ToUpper), enumeratee.Take[[]byte](1)), nil
	})
	talkIn(coder.MessageBinary, first, "bytes")
	// Output:
	// StatusUnsupportedData
	// BYTES
	// StatusNormalClosure
}

func ExampleSubprotocols() {
	srv := httptest.NewServer(websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
		return enumeratee.PassAlong[string](), nil
	}, websocket.Subprotocols("v2.example.com", "v1.example.com")))
	defer srv.Close()
	for _, offer := range [][]string{{"v1.example.com", "v2.example.com"}, {"v1.example.com"}, {"v3.example.com"}} {
		conn, _, err := coder.Dial(context.Background(), srv.URL, &coder.DialOptions{Subprotocols: offer})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", conn.Subprotocol())
		conn.CloseNow()
	}
	// Output:
	// "v2.example.com"
	// "v1.example.com"
	// ""
}

// A server of graphql-transport-ws refuses clients that do not offer this subprotocol.
func ExampleSubprotocol() {
	// snippet: subprotocol
	h := websocket.Adapter(websocket.Text(), func(r *http.Request) (a enumeratee.Enumeratee[string, string], err error) {
		if websocket.Subprotocol(r) == "" {
			return a, websocket.CloseError{Code: 4406, Reason: "Subprotocol not acceptable"}
		}
		return enumeratee.PassAlong[string](), nil
	}, websocket.Subprotocols("graphql-transport-ws"), websocket.Compression())
	// end snippet

	srv := httptest.NewServer(h)
	defer srv.Close()
	conn, _, err := coder.Dial(context.Background(), srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.CloseNow()
	_, _, err = conn.Read(context.Background())
	fmt.Println(err)
	// Output: failed to get reader: received close frame: status = StatusCode(4406) and reason = "Subprotocol not acceptable"
}

func ExampleCompression() {
	srv := httptest.NewServer(websocket.Handler(websocket.Text(), func(*http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[string], error) {
		return iteratee.Ignore[string](), enumerator.Of(strings.Repeat("tick tock ", 1000)), nil
	}, websocket.Compression()))
	defer srv.Close()
	conn, answer, err := coder.Dial(context.Background(), srv.URL, &coder.DialOptions{CompressionMode: coder.CompressionNoContextTakeover})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.CloseNow()
	fmt.Println(answer.Header.Get("Sec-WebSocket-Extensions"))
	_, message, err := conn.Read(context.Background())
	fmt.Println(len(message), err)
	// Output:
	// permessage-deflate; client_no_context_takeover; server_no_context_takeover
	// 10000 <nil>
}

func ExampleOrigins() {
	srv := httptest.NewServer(websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
		return enumeratee.PassAlong[string](), nil
	}, websocket.Origins("https://*.example.org")))
	defer srv.Close()
	for _, origin := range []string{"https://chat.example.org", "https://elsewhere.example.com"} {
		conn, answer, err := coder.Dial(context.Background(), srv.URL, &coder.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		fmt.Println(origin, answer.StatusCode)
		if err == nil {
			conn.CloseNow()
		}
	}
	// Output:
	// https://chat.example.org 101
	// https://elsewhere.example.com 403
}

// A client that does not answer a ping is gone, even if no message is sent to it.
func ExamplePing() {
	gone := make(chan struct{})
	srv := httptest.NewServer(websocket.Handler(websocket.Text(), func(*http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[string], error) {
		silent := enumerator.OnDoneEnumerating(enumerator.Never[string](), func() error {
			close(gone)
			return nil
		})
		return iteratee.Ignore[string](), silent, nil
	}, websocket.Ping(10*time.Millisecond), websocket.Timeout(10*time.Millisecond)))
	defer srv.Close()

	conn, _, err := coder.Dial(context.Background(), srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.CloseNow() // without a call of Read, it does not answer
	<-gone
	fmt.Println("the source has been stopped")
	// Output: the source has been stopped
}

// websocket.Logger(slog.Default()) is shorter; this logger leaves out the time.
func ExampleLoggerOf() {
	logger := slog.New(slog.DiscardHandler)
	fmt.Println(websocket.LoggerOf(websocket.MaxMessage(1<<10), websocket.Logger(logger)) == logger)
	// Output: true
}

func ExampleLogger() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	h := websocket.Handler(websocket.Text(), func(*http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[string], error) {
		broken := enumerator.Generate(func(context.Context) (string, bool, error) { return "", false, io.ErrUnexpectedEOF })
		return iteratee.Ignore[string](), broken, nil
	}, websocket.Logger(logger))
	returned := make(chan struct{})
	talk(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(returned)
		h.ServeHTTP(w, r)
	}))
	<-returned // the client is told before the log
	// Unordered output:
	// level=ERROR msg="httpadapter/websocket: connection failed" path=/ error="unexpected EOF"
	// StatusInternalError
}
