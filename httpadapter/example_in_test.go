package httpadapter_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// try posts a body to h, and prints the answer.
func try(h http.Handler, contentType, body string) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Printf("%d %s\n", w.Code, strings.TrimSpace(w.Body.String()))
}

func ExampleBody() {
	upper := enumeratee.Map(bytes.ToUpper)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What is read is answered at once: Serve enables full duplex.
		err := httpadapter.Serve(w, r, enumerator.Through(httpadapter.Body(r, httpadapter.Writer(w)), upper))
		if err != nil {
			log.Print(err)
		}
	}))
	defer srv.Close()

	res, err := http.Post(srv.URL, "text/plain", strings.NewReader("hello"))
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%s\n", body)
	// Output: HELLO
}

// The answer to each part of the body is there before the next part is sent.
func ExampleFullDuplex() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := httpadapter.Body(r, httpadapter.Writer(w), httpadapter.FullDuplex())
		for chunk, err := range enumerator.All(r.Context(), body) {
			if err != nil {
				log.Print(err)
				return
			}
			fmt.Fprintf(w, "%d bytes\n", len(chunk))
			http.NewResponseController(w).Flush()
		}
	}))
	defer srv.Close()

	body, sender := io.Pipe()
	go io.WriteString(sender, "hello")
	res, err := http.Post(srv.URL, "text/plain", body)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	answers := bufio.NewScanner(res.Body)
	answers.Scan()
	fmt.Println(answers.Text())
	io.WriteString(sender, "good bye")
	answers.Scan()
	fmt.Println(answers.Text())
	sender.Close()
	// Output:
	// 5 bytes
	// 8 bytes
}

// This client says that it sends a body, and does not.
func ExampleReadTimeout() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := parse.Body(r, iteratee.Ignore[[]byte](), httpadapter.Writer(w), httpadapter.ReadTimeout(10*time.Millisecond))
		httpadapter.Error(w, r, err)
	}))
	defer srv.Close()

	body, sender := io.Pipe()
	defer sender.Close()
	res, err := http.Post(srv.URL, "text/plain", body)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
	// Output: 408 Request Timeout
}

// A client that sends a byte now and then.
func ExampleBodyTimeout() {
	srv := httptest.NewServer(parse.Action(parse.Bytes(1<<20), func(http.ResponseWriter, *http.Request, []byte) error {
		return nil
	}, httpadapter.BodyTimeout(50*time.Millisecond)))
	defer srv.Close()

	body, sender := io.Pipe()
	go func() {
		defer sender.Close()
		for err := error(nil); err == nil; _, err = sender.Write([]byte("a")) {
			time.Sleep(time.Millisecond)
		}
	}()
	res, err := http.Post(srv.URL, "text/plain", body)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
	// Output: 408 Request Timeout
}

// What is streamed by one program is a stream in another: a proxy that numbers lines.
func ExampleResponse() {
	origin := httptest.NewServer(httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.Of([]byte("one\ntw"), []byte("o\nthree")), nil
	}))
	defer origin.Close()

	// snippet: response
	res, err := http.Get(origin.URL)
	if err != nil {
		log.Fatal(err)
	}
	lines := enumerator.Through(httpadapter.Response(res), text.Lines(80))
	for line, err := range enumerator.All(context.Background(), lines) {
		if err != nil {
			log.Fatal(err) // a stream that was cut has failed
		}
		fmt.Printf("%s\n", line)
	}
	// end snippet

	// Output:
	// one
	// two
	// three
}

// A request for events is redirected to a page to log in.
func ExampleResponse_mediaType() {
	mux := http.NewServeMux()
	mux.Handle("/events", http.RedirectHandler("/login", http.StatusFound))
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<title>Log in</title>")
	})
	origin := httptest.NewServer(mux)
	defer origin.Close()

	res, err := http.Get(origin.URL + "/events")
	if err != nil {
		log.Fatal(err)
	}
	events := enumerator.Through(httpadapter.Response(res, "text/event-stream"), eventsource.Decode(1<<20))
	_, err = enumerator.Run(context.Background(), events, iteratee.Ignore[eventsource.Event]())
	if e := (*httpadapter.ResponseError)(nil); errors.As(err, &e) {
		fmt.Printf("%s, %s, expected %s: %s\n", e.Status, e.ContentType, e.Expected, e.Start)
	}
	// Output: 200 OK, text/html, expected [text/event-stream]: <title>Log in</title>
}

// A page that is not there will not come, and a server that is too busy now may answer later.
func ExampleResponseError_Permanent() {
	for _, status := range []int{http.StatusNotFound, http.StatusServiceUnavailable} {
		origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		res, err := http.Get(origin.URL)
		if err != nil {
			log.Fatal(err)
		}
		_, err = enumerator.Run(context.Background(), httpadapter.Response(res, "text/event-stream"), iteratee.Ignore[[]byte]())
		if e := (*httpadapter.ResponseError)(nil); errors.As(err, &e) {
			fmt.Println(e.Status, e.Permanent())
		}
		origin.Close()
	}
	// Output:
	// 404 Not Found true
	// 503 Service Unavailable false
}

func ExampleError() {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpadapter.Error(w, r, &httpadapter.StatusError{Status: 404, Text: "no such order", Err: io.EOF})
	})
	try(h, "", "")
	// Output: 404 Not Found: no such order
}

// What a client needs besides the status goes into headers.
func ExampleStatusError() {
	h := httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
		switch r.URL.Path {
		case "/over": // a browser's EventSource does not come again
			return enumerator.Empty[[]byte](), &httpadapter.StatusError{Status: http.StatusNoContent}
		case "/private":
			return enumerator.Empty[[]byte](), &httpadapter.StatusError{
				Status: http.StatusUnauthorized,
				Header: http.Header{"WWW-Authenticate": {`Basic realm="members"`}},
			}
		}
		return enumerator.Of([]byte("data: hello\n\n")), nil
	}, httpadapter.EventStream())
	for _, path := range []string{"/", "/over", "/private"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Printf("%s %d %q\n", path, w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// / 200 ""
	// /over 204 ""
	// /private 401 "Basic realm=\"members\""
}

func ExampleMaxBytes() {
	h := parse.Action(iteratee.Consume[byte](), func(w http.ResponseWriter, r *http.Request, body []byte) error {
		_, err := w.Write(body)
		return err
	}, httpadapter.MaxBytes(5))
	try(h, "", "hello")
	try(h, "", "hello!")
	// Output:
	// 200 hello
	// 413 Request Entity Too Large: the limit is 5 bytes
}
