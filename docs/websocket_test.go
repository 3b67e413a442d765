package docs_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// The samples of websocket.md.

// snippet: ws-types
type (
	in  = iteratee.Iteratee[string, struct{}]
	out = enumerator.Enumerator[string]
)

// end snippet

// talk sends messages to h and prints answers messages. Then it closes the connection, or prints the close code of the server
// if answers is negative.
func talk(h http.Handler, answers int, messages ...string) {
	server := httptest.NewServer(h)
	defer server.Close()
	ctx := context.Background()
	conn, response, err := coder.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println("refused with", response.StatusCode)
		return
	}
	defer conn.CloseNow()
	for _, m := range messages {
		if err := conn.Write(ctx, coder.MessageText, []byte(m)); err != nil {
			log.Fatal(err)
		}
	}
	for ; answers != 0; answers-- {
		_, m, err := conn.Read(ctx)
		if err != nil {
			fmt.Println("closed with", int(coder.CloseStatus(err)))
			return
		}
		fmt.Printf("%s\n", m)
	}
	_ = conn.Close(coder.StatusNormalClosure, "")
}

func Example_webSocketHello() {
	// snippet: ws-hello
	hello := websocket.Handler(websocket.Text(), func(*http.Request) (in, out, error) {
		show := iteratee.ForEach(func(_ context.Context, message string) error {
			fmt.Println("got", message)
			return nil
		})
		return show, enumerator.Of("Hello!").AndThen(enumerator.Never[string]()), nil
	})
	// end snippet
	talk(hello, 1)
	// Output: Hello!
}

func Example_webSocketClose() {
	// snippet: ws-close
	goodBye := websocket.Handler(websocket.Text(), func(*http.Request) (in, out, error) {
		return iteratee.Ignore[string](), enumerator.Of("Hello and good bye!"), nil
	})
	// end snippet
	talk(goodBye, -1)
	// Output:
	// Hello and good bye!
	// closed with 1000
}

func Example_webSocketEcho() {
	// snippet: ws-echo
	echo := websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
		return enumeratee.Map(func(message string) string { return "I received your message: " + message }), nil
	})
	// end snippet
	talk(echo, 1, "foo")
	// Output: I received your message: foo
}

func Example_webSocketPush() {
	// snippet: ws-push
	push := websocket.Handler(websocket.Text(), func(*http.Request) (in, out, error) {
		answers := enumerator.Broadcast[string]()
		read := iteratee.ForEach(func(ctx context.Context, message string) error {
			return answers.Push(ctx, strings.ToUpper(message))
		})
		// From begins at this Position. Live would begin when the source is run, which can be after the first message.
		begin := answers.Position()
		return read, enumerator.Values(answers.From(begin), nil), nil
	})
	// end snippet
	talk(push, 2, "one", "two")
	// Output:
	// ONE
	// TWO
}

func Example_webSocketRefuse() {
	loggedIn := func(r *http.Request) bool { return r.Header.Get("Authorization") != "" }
	// snippet: ws-refuse
	private := websocket.Adapter(websocket.Text(), func(r *http.Request) (enumeratee.Enumeratee[string, string], error) {
		echo := enumeratee.PassAlong[string]()
		switch {
		case loggedIn(r):
			return echo, nil
		case r.URL.Query().Has("page"):
			return echo, websocket.CloseError{Code: 4401, Reason: "log in first"} // for a page
		default:
			return echo, &httpadapter.StatusError{Status: http.StatusForbidden} // for a program
		}
	})
	// end snippet
	talk(private, -1)
	talk(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = "page"
		private.ServeHTTP(w, r)
	}), -1)
	// Output:
	// refused with 403
	// closed with 4401
}

func Example_webSocketOrders() {
	// snippet: ws-json
	type order struct {
		Item string `json:"item"`
		N    int    `json:"n"`
	}
	type receipt struct {
		Text string `json:"text"`
	}
	orders := websocket.Adapter(websocket.JSON[order, receipt](), func(*http.Request) (enumeratee.Enumeratee[order, receipt], error) {
		return enumeratee.MapM(func(_ context.Context, o order) (receipt, error) {
			if o.N < 1 {
				return receipt{}, websocket.CloseError{Code: 4400, Reason: "n must be positive"}
			}
			return receipt{fmt.Sprintf("%d of %s", o.N, o.Item)}, nil
		}), nil
	})
	// end snippet
	talk(orders, -1, `{"item":"tea","n":2}`, `{"item":"tea"}`)
	// Output:
	// {"text":"2 of tea"}
	// closed with 4400
}

func Example_webSocketRoom() {
	left := make(chan string)
	// snippet: ws-room
	room := enumerator.Broadcast[string]()
	chat := websocket.Handler(websocket.Text(), func(r *http.Request) (in, out, error) {
		name := r.URL.Query().Get("name")
		post := iteratee.ForEach(func(ctx context.Context, text string) error {
			return room.Push(ctx, name+": "+text)
		})
		messages := enumerator.Values(room.Last(10), nil)
		// onClose is called once when the connection has ended, even if it broke.
		onClose := func() error {
			left <- name
			return nil
		}
		return post, enumerator.OnDoneEnumerating(messages, onClose), nil
	})
	handler := httpadapter.Limited(chat, httpadapter.Limit(1000))
	// end snippet
	go talk(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = "name=kiki"
		handler.ServeHTTP(w, r)
	}), 1, "hello")
	fmt.Println(<-left, "has left")
	// Output:
	// kiki: hello
	// kiki has left
}

func Example_webSocketRooms() {
	// snippet: ws-rooms
	rooms := topics.New[string](topics.Memory(100)) // the last 100 messages of each room
	var open sync.WaitGroup
	chat := websocket.Handler(websocket.Text(), func(r *http.Request) (in, out, error) {
		room, name := rooms.Topic(r.PathValue("room")), r.URL.Query().Get("name")
		post := iteratee.ForEach(func(ctx context.Context, text string) error {
			_, err := room.Publish(ctx, "", name+": "+text)
			return err
		})
		return post, enumerator.Values(room.Last(10), nil), nil
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rooms/{room}", func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Done()
		chat.ServeHTTP(w, r)
	})
	// end snippet
	talk(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawQuery = "/rooms/red", "name=kiki"
		mux.ServeHTTP(w, r)
	}), 1, "hello")
	open.Wait()
	// Output: kiki: hello
}

func Example_webSocketDone() {
	// snippet: ws-done
	wrong := websocket.Handler(websocket.Text(), func(*http.Request) (in, out, error) {
		// login is done after one message.
		login := iteratee.Map(iteratee.Head[string](), func(*string) struct{} { return struct{}{} })
		return login, enumerator.Never[string](), nil
	})
	right := websocket.Handler(websocket.Text(), func(*http.Request) (in, out, error) {
		login := iteratee.FlatMap(iteratee.Head[string](), func(name *string) in {
			return iteratee.Ignore[string]()
		})
		return login, enumerator.Of("welcome").AndThen(enumerator.Never[string]()), nil
	})
	// end snippet
	talk(wrong, -1, "kiki")
	talk(right, 1, "kiki")
	// Output:
	// closed with 1000
	// welcome
}
