package httpadapter_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
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
		_, err := httpadapter.Parse(r, iteratee.Ignore[[]byte](), httpadapter.Writer(w), httpadapter.ReadTimeout(10*time.Millisecond))
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
	srv := httptest.NewServer(httpadapter.Action(httpadapter.Bytes(1<<20), func(http.ResponseWriter, *http.Request, []byte) error {
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

func ExampleAction() {
	// snippet: action
	type order struct {
		Item string `json:"item"`
		N    int    `json:"n"`
	}
	parser := iteratee.MapM(httpadapter.JSON[order](10<<10), func(_ context.Context, o order) (order, error) {
		if o.N < 1 {
			return o, &httpadapter.StatusError{Status: 422, Text: "n must be positive"}
		}
		return o, nil
	})
	take := httpadapter.Action(parser, func(w http.ResponseWriter, r *http.Request, o order) error {
		_, err := fmt.Fprintf(w, "%d of %s", o.N, o.Item)
		return err
	})

	// end snippet

	try(take, "application/json", `{"item":"tea","n":2}`)
	try(take, "application/json", `{"item":"tea","n":0}`)
	try(take, "application/json", `{"item":`)
	try(take, "text/plain", `{"item":"tea","n":2}`)
	// Output:
	// 200 2 of tea
	// 422 Unprocessable Entity: n must be positive
	// 400 Bad Request
	// 415 Unsupported Media Type: expected application/json
}

// Any Iteratee is a parser: here the body goes through a hash, and is not kept.
func ExampleParse() {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := iteratee.Defer(func(context.Context) (iteratee.Iteratee[[]byte, []byte], error) {
			hash := sha256.New()
			return iteratee.Map(iteratee.ToWriter(hash), func(int64) []byte { return hash.Sum(nil) }), nil
		})
		digest, err := httpadapter.Parse(r, sum, httpadapter.Writer(w), httpadapter.MaxBytes(1<<30))
		if err != nil {
			httpadapter.Error(w, r, err)
			return
		}
		fmt.Fprintf(w, "%x", digest[:4])
	})
	try(h, "", "hello")
	// Output: 200 2cf24dba
}

func ExampleUsing() {
	either := httpadapter.Using(func(r *http.Request) (iteratee.Iteratee[[]byte, string], error) {
		if r.Header.Get("Content-Type") == "application/json" {
			return httpadapter.JSON[string](100), nil
		}
		return httpadapter.Text(100), nil
	})
	h := httpadapter.Action(either, func(w http.ResponseWriter, r *http.Request, s string) error {
		_, err := io.WriteString(w, s)
		return err
	})
	try(h, "application/json", `"hello"`)
	try(h, "text/plain", "hello")
	try(h, "text/html", "<p>hello")
	// Output:
	// 200 hello
	// 200 hello
	// 415 Unsupported Media Type: expected text/plain
}

func ExampleTolerant() {
	h := httpadapter.Action(httpadapter.Tolerant(httpadapter.JSON[int](100)), func(w http.ResponseWriter, r *http.Request, n int) error {
		_, err := fmt.Fprint(w, n+1)
		return err
	})
	try(h, "application/x-whatever", "41")
	// Output: 200 42
}

func ExampleMaxLength() {
	lines := enumeratee.Transform(text.Lines(80), iteratee.Fold(0, func(n int, _ []byte) int { return n + 1 }))
	h := httpadapter.Action(httpadapter.MaxLength(10, lines), func(w http.ResponseWriter, r *http.Request, n int) error {
		_, err := fmt.Fprintf(w, "%d lines", n)
		return err
	})
	try(h, "", "one\ntwo\n")
	try(h, "", "one\ntwo\nthree\n")
	// Output:
	// 200 2 lines
	// 413 Request Entity Too Large: the limit is 10 bytes
}

func ExampleText() {
	s, err := httpadapter.Parse(post(strings.NewReader("b\xe4r"), "text/plain; charset=ISO-8859-1"), httpadapter.Text(100))
	fmt.Println(s, err)
	// Output: bär <nil>
}

// A body that has no end is counted line by line.
func ExampleJSONLines() {
	sum := httpadapter.JSONLines(80, iteratee.Fold(0, func(sum, n int) int { return sum + n }))
	h := httpadapter.Action(sum, func(w http.ResponseWriter, r *http.Request, sum int) error {
		_, err := fmt.Fprint(w, sum)
		return err
	})
	try(h, "application/x-ndjson", "1\n2\n3\n")
	try(h, "application/x-ndjson", "1\ntwo\n3\n")
	// Output:
	// 200 6
	// 400 Bad Request: line 2
}

func ExampleForm() {
	values, err := httpadapter.Parse(post(strings.NewReader("item=tea&n=2"), "application/x-www-form-urlencoded"), httpadapter.Form(100))
	fmt.Println(values.Get("item"), err)
	// Output: tea <nil>
}

func ExampleBytes() {
	_, err := httpadapter.Parse(post(strings.NewReader("hello"), ""), httpadapter.Bytes(4))
	fmt.Println(err)
	// Output: 413 Request Entity Too Large: the limit is 4 bytes: http: request body too large
}

func ExampleToTempFile() {
	file, err := httpadapter.Parse(post(strings.NewReader("hello"), ""), httpadapter.ToTempFile(""))
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name)
	content, _ := os.ReadFile(file.Name)
	fmt.Printf("%d %s\n", file.Size, content)
	// Output: 5 hello
}

func ExampleMultipart() {
	// snippet: multipart
	count := iteratee.Fold(0, func(n int, chunk []byte) int { return n + len(chunk) })
	parser := httpadapter.Multipart(httpadapter.DefaultMax, func(f httpadapter.FilePart) (iteratee.Iteratee[[]byte, int], error) {
		if !strings.HasSuffix(f.Name, ".txt") {
			return count, &httpadapter.StatusError{Status: 415, Text: "only .txt files"}
		}
		return httpadapter.MaxLength(1<<20, count), nil
	})
	take := httpadapter.Action(parser, func(w http.ResponseWriter, r *http.Request, form httpadapter.MultipartForm[int]) error {
		file := form.Files[0]
		_, err := fmt.Fprintf(w, "%s: %s of %d bytes", form.Values.Get("title"), file.Name, file.Result)
		return err
	})
	// end snippet

	for _, name := range []string{"hello.txt", "hello.exe"} {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		_ = w.WriteField("title", "Greeting")
		f, _ := w.CreateFormFile("file", name)
		_, _ = io.WriteString(f, "hello")
		_ = w.Close()
		try(take, w.FormDataContentType(), body.String())
	}
	// Output:
	// 200 Greeting: hello.txt of 5 bytes
	// 415 Unsupported Media Type: only .txt files
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
			log.Fatal(err) // a stream that was cut is no stream that has ended
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

func ExampleJSON() {
	h := httpadapter.Action(httpadapter.JSON[[]int](100), func(w http.ResponseWriter, r *http.Request, ns []int) error {
		_, err := fmt.Fprint(w, len(ns))
		return err
	})
	try(h, "application/json", "[1,2,3]")
	try(h, "application/json", `["one"]`)
	// Output:
	// 200 3
	// 400 Bad Request
}

func ExampleNoFiles() {
	h := httpadapter.Action(httpadapter.Multipart(100, httpadapter.NoFiles), func(w http.ResponseWriter, r *http.Request, form httpadapter.MultipartForm[struct{}]) error {
		_, err := io.WriteString(w, form.Values.Get("title"))
		return err
	})
	const value = "--X\r\nContent-Disposition: form-data; name=title\r\n\r\nhello\r\n"
	const file = "--X\r\nContent-Disposition: form-data; name=f; filename=a.txt\r\n\r\nhello\r\n"
	try(h, "multipart/form-data; boundary=X", value+"--X--\r\n")
	try(h, "multipart/form-data; boundary=X", value+file+"--X--\r\n")
	// Output:
	// 200 hello
	// 415 Unsupported Media Type: files are not expected
}

func ExampleToFile() {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "upload")
	h := httpadapter.Action(httpadapter.ToFile(name), func(w http.ResponseWriter, r *http.Request, saved httpadapter.SavedFile) error {
		_, err := fmt.Fprintf(w, "%d bytes", saved.Size)
		return err
	})
	try(h, "text/plain", "hello")
	content, err := os.ReadFile(name)
	fmt.Printf("%s %v\n", content, err)
	// Output:
	// 200 5 bytes
	// hello <nil>
}

func ExampleMaxBytes() {
	h := httpadapter.Action(iteratee.Consume[byte](), func(w http.ResponseWriter, r *http.Request, body []byte) error {
		_, err := w.Write(body)
		return err
	}, httpadapter.MaxBytes(5))
	try(h, "", "hello")
	try(h, "", "hello!")
	// Output:
	// 200 hello
	// 413 Request Entity Too Large: the limit is 5 bytes
}
