package httpadapter_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// One hub for many browsers. A browser that comes back misses nothing, and one that comes for the first time gets the
// last ten messages.
func ExampleFanout() {
	// snippet: fanout

	hub := enumerator.Broadcast[string]()
	encode := eventsource.Messages(eventsource.WithPosition(eventsource.FromString))
	start := func(r *http.Request) (after enumerator.Position, last int, err error) {
		return comet.Cursor(r.Header, r.URL.Query()), 10, nil
	}
	events := httpadapter.Fanout(hub, encode, start, httpadapter.EventStream())

	// end snippet
	_ = hub.Push(context.Background(), "news")
	hub.End()
	srv := httptest.NewServer(events)
	defer srv.Close()
	res, err := http.Get(srv.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fmt.Println(strings.Contains(string(text), "data: news\n"), err)
	// Output: true <nil>
}

// A hub for each room. The clients of a room share a run.
func ExampleFanoutFunc() {
	rooms := map[string]*enumerator.Hub[string]{"den": enumerator.Broadcast[string](), "lobby": enumerator.Broadcast[string]()}
	events := httpadapter.FanoutFunc(func(r *http.Request) (source enumerator.Source[string], after enumerator.Position, last int, err error) {
		room := rooms[r.PathValue("room")]
		if room == nil {
			return nil, after, 0, &httpadapter.StatusError{Status: http.StatusNotFound}
		}
		return room, comet.Cursor(r.Header, r.URL.Query()), 10, nil
	}, eventsource.Messages(eventsource.WithPosition(eventsource.FromString)), httpadapter.EventStream())

	mux := http.NewServeMux()
	mux.Handle("GET /rooms/{room}", events)
	srv := httptest.NewServer(mux)
	defer srv.Close()
	_ = rooms["den"].Push(context.Background(), "news")
	rooms["den"].End()
	for _, name := range []string{"den", "attic"} {
		res, err := http.Get(srv.URL + "/rooms/" + name)
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Println(res.StatusCode, strings.Contains(string(text), "data: news\n"))
	}
	// Output:
	// 200 true
	// 404 false
}

// The streams of all handlers end, and each client gets the end of a complete response.
func ExampleShutdown() {
	// snippet: shutdown

	server := &http.Server{Handler: http.NewServeMux()}
	httpadapter.Drain(server) // for the streams of Serve and Handler
	// ... server.ListenAndServe, until a signal comes

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := httpadapter.Shutdown(ctx, server)

	// end snippet
	fmt.Println(err)
	// Output: <nil>
}
