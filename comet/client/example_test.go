package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// snippet: handler

// news holds the last messages for clients that connect again.
var news = enumerator.Broadcast[string](enumerator.Capacity(1000))

func messages(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[string]], error) {
	if r.URL.Query().Get("transport") == "poll" { // needed only if pages ask for it
		return comet.LongPoll(news, after, 25*time.Second), nil
	}
	return news.FromOrLast(after, 20), nil // a client that comes back, or a new one
}

func newMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /halley.js", client.Script())
	mux.Handle("GET /messages", client.Handler(messages))
	return mux
}

// end snippet

func ExampleHandler() {
	before := news.Position()
	for _, message := range []string{"kiki", "foo", "bar"} {
		if err := news.Push(context.Background(), message); err != nil {
			panic(err)
		}
	}
	news.End() // the last event is an end, whose data is null

	response := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/messages?lastEventId="+before.String(), nil)
	newMux().ServeHTTP(response, request)
	for line := range strings.Lines(response.Body.String()) {
		if strings.HasPrefix(line, "data") {
			fmt.Print(line)
		}
	}
	// Output:
	// data: "kiki"
	// data: "foo"
	// data: "bar"
	// data: null
}

// A page opens the stream of its room by halley.connect("/rooms/den").
func ExampleFanout() {
	// snippet: fanout

	rooms := map[string]*enumerator.Hub[string]{"den": enumerator.Broadcast[string](), "lobby": enumerator.Broadcast[string]()}
	stream := client.Fanout(func(r *http.Request) (source enumerator.Source[string], last int, err error) {
		room := rooms[r.PathValue("room")]
		if room == nil {
			return nil, 0, &httpadapter.StatusError{Status: http.StatusNotFound}
		}
		return room, 20, nil // a new client gets the last 20 messages; one that comes back gets those that it missed
	})
	mux := http.NewServeMux()
	mux.Handle("GET /rooms/{room}", stream)

	// end snippet
	_ = rooms["den"].Push(context.Background(), "kiki")
	rooms["den"].End()
	srv := httptest.NewServer(mux)
	defer srv.Close()
	response, err := http.Get(srv.URL + "/rooms/den")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	fmt.Println(strings.Contains(string(text), `data: "kiki"`), err)
	// Output: true <nil>
}

func ExampleScript() {
	mux := newMux()
	first, second := httptest.NewRecorder(), httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/halley.js", nil)
	mux.ServeHTTP(first, request)
	request.Header.Set("If-None-Match", first.Header().Get("ETag"))
	mux.ServeHTTP(second, request)
	fmt.Println(first.Code, first.Header().Get("Content-Type"), second.Code, second.Body.Len())
	// Output: 200 text/javascript; charset=utf-8 304 0
}

func ExampleModule() {
	mux := http.NewServeMux()
	mux.Handle("GET /halley.mjs", client.Module())
	response := httptest.NewRecorder()
	mux.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/halley.mjs", nil))
	lines := strings.Split(strings.TrimSpace(response.Body.String()), "\n")
	fmt.Println(lines[len(lines)-1])
	// Output: export const connect = halley.connect;
}

func ExampleTable() {
	mux := http.NewServeMux()
	mux.Handle("GET /halley.js", client.Script())
	mux.Handle("GET /table.js", client.Table()) // after halley.js
	response := httptest.NewRecorder()
	mux.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/table.js", nil))
	fmt.Println(response.Code, strings.Contains(response.Body.String(), "halley.table"))
	// Output: 200 true
}

func ExampleTableModule() {
	response := httptest.NewRecorder()
	client.TableModule().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/table.mjs", nil))
	lines := strings.Split(strings.TrimSpace(response.Body.String()), "\n")
	fmt.Println(lines[len(lines)-1])
	// Output: export const connect = halley.connect, table = halley.table;
}
