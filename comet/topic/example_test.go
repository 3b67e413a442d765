package topic_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/presence"
	"github.com/halley-go/halley/enumerator/topics/tables"
	"github.com/halley-go/halley/httpadapter"
)

// send publishes body and prints the answer.
func send(url, body string) {
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := bufio.NewReader(res.Body).ReadString('\n')
	fmt.Println(strings.TrimSpace(res.Status + "\n" + text))
}

// show prints the events and the data of a stream, without ids.
func show(url string) {
	res, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "event: ") || strings.HasPrefix(line, "data: ") {
			fmt.Println(line)
		}
	}
}

func everyone(*http.Request, topic.Access) error { return nil }

func ExampleHandler() {
	// snippet: handler

	all := topics.New[string](topics.Memory(100))
	allow := func(r *http.Request, a topic.Access) error {
		if a.Write && r.Header.Get("Authorization") == "" {
			return errors.New("only users may publish")
		}
		return nil
	}
	h := topic.Handler(all, allow, topic.Last(20))
	mux := http.NewServeMux()
	mux.Handle("/topics", h)         // several topics: ?topic=news&topic=sports
	mux.Handle("/topics/{topic}", h) // one topic

	// end snippet

	srv := httptest.NewServer(mux)
	defer srv.Close()
	send(srv.URL+"/topics/news", `"rain"`)
	if _, err := all.Publish(context.Background(), "news", "", "snow"); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"news", "sports"} {
		if err := all.End(context.Background(), name); err != nil {
			log.Fatal(err)
		}
	}
	show(srv.URL + "/topics?topic=news&topic=sports")
	// Output:
	// 403 Forbidden
	// Forbidden: you may not publish to the topic "news"
	// event: news
	// data: "snow"
	// event: end
	// data: null
}

// Pages of another origin may read and publish.
func ExampleHandler_otherOrigins() {
	all := topics.New[string](topics.Memory(100))
	// snippet: origins

	const app = "https://app.example.com"
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(app); err != nil {
		log.Fatal(err)
	}
	cors := httpadapter.CORS{
		Origins:     []string{app},
		Credentials: true,
		Headers:     []string{"Idempotency-Key", "If-Match", "If-None-Match"},
		Expose:      []string{"Halley-Position"},
	}
	h := cors.Handler(protection.Handler(topic.Handler(all, everyone)))

	// end snippet
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/?topic=news", strings.NewReader(`"rain"`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "https://evil.example.com")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	h.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output: 403
}

// One URL serves topics over all transports of the script, also over WebSockets.
func ExampleSource() {
	all := topics.New[string](topics.Memory(100))
	h := wsclient.Handler(topic.Source(all, everyone), topic.Handler(all, everyone))
	srv := httptest.NewServer(h)
	defer srv.Close()
	send(srv.URL+"/?topic=news", `"rain"`)
	// Output: 204 No Content
}

func ExampleLast() {
	all := topics.New[int](topics.Memory(100))
	for n := range 5 {
		if _, err := all.Publish(context.Background(), "numbers", "", n); err != nil {
			log.Fatal(err)
		}
	}
	if err := all.End(context.Background(), "numbers"); err != nil {
		log.Fatal(err)
	}
	srv := httptest.NewServer(topic.Handler(all, everyone, topic.Last(2)))
	defer srv.Close()
	show(srv.URL + "/?topic=numbers")
	// Output:
	// event: numbers
	// data: 3
	// event: numbers
	// data: 4
	// event: end
	// data: null
}

func ExampleMaxBytes() {
	srv := httptest.NewServer(topic.Handler(topics.New[string](topics.Memory(100)), everyone, topic.MaxBytes(8)))
	defer srv.Close()
	send(srv.URL+"/?topic=news", `"rain"`)
	send(srv.URL+"/?topic=news", `"much rain"`)
	// Output:
	// 204 No Content
	// 413 Request Entity Too Large
	// Request Entity Too Large: the limit is 8 bytes
}

// Each user may publish two messages at once, and then one a minute.
func ExampleRate() {
	user := func(r *http.Request) string { return r.Header.Get("Authorization") }
	h := topic.Handler(topics.New[string](topics.Memory(100)), everyone, topic.Rate(2, time.Minute, user))
	srv := httptest.NewServer(h)
	defer srv.Close()
	for range 3 {
		send(srv.URL+"/?topic=news", `"rain"`)
	}
	// Output:
	// 204 No Content
	// 204 No Content
	// 429 Too Many Requests
	// Too Many Requests
}

// Clients come back after an hour at the latest. Then the handler asks for their
// permission again.
func ExampleStream() {
	h := topic.Handler(topics.New[string](topics.Memory(100)), everyone,
		topic.Stream(httpadapter.MaxDuration(time.Hour), httpadapter.Limit(10_000)))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/?topic=news", nil))
	fmt.Println(w.Header().Get("Content-Type"))
	// Output: text/event-stream
}

func ExampleTable() {
	prices := tables.New[int](topics.Memory(100))
	h := topic.Table(prices, everyone)
	mux := http.NewServeMux()
	mux.Handle("/prices/{topic}", h)       // GET reads a table
	mux.Handle("/prices/{topic}/{key}", h) // PUT and DELETE change a row
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for _, price := range []string{"1", "2"} {
		r, _ := http.NewRequest(http.MethodPut, srv.URL+"/prices/europe/EUR", strings.NewReader(price))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("If-None-Match", "*")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		res.Body.Close()
		fmt.Println(res.Status)
	}
	res, err := http.Get(srv.URL + "/prices/europe")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan() && lines.Text() != "event: ready"; {
		if line := lines.Text(); strings.HasPrefix(line, "data: {") {
			fmt.Println(line)
		}
	}
	// Output:
	// 204 No Content
	// 412 Precondition Failed
	// data: {"key":"EUR","value":1}
}

// One URL serves a table over all transports of the script, also over WebSockets.
func ExampleTableSource() {
	prices := tables.New[int](topics.Memory(100))
	h := wsclient.Handler(topic.TableSource(prices, everyone), topic.Table(prices, everyone))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/?topic=europe", nil))
	fmt.Println(w.Header().Get("Content-Type"))
	// Output: text/event-stream
}

// A page gets the members of a room as the rows of a table.
func ExampleChanges() {
	members := presence.New[string](topics.Memory(100))
	defer members.Close()
	if err := members.Join(context.Background(), "lobby", "7", "Kiki"); err != nil {
		log.Fatal(err)
	}
	for item, err := range enumerator.All(context.Background(), topic.Changes(members.Members("lobby"))) {
		if err != nil {
			log.Fatal(err)
		}
		if item.Event == "ready" {
			return
		}
		if item.Value != nil {
			fmt.Println(*item.Value)
		}
	}
	// Output: {7 Kiki false}
}
