package parse_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
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

func ExampleAction() {
	// snippet: action
	type order struct {
		Item string `json:"item"`
		N    int    `json:"n"`
	}
	parser := iteratee.MapM(parse.JSON[order](10<<10), func(_ context.Context, o order) (order, error) {
		if o.N < 1 {
			return o, &httpadapter.StatusError{Status: 422, Text: "n must be positive"}
		}
		return o, nil
	})
	take := parse.Action(parser, func(w http.ResponseWriter, r *http.Request, o order) error {
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

// Any Iteratee is a parser. This one computes the digest of a body without keeping it.
func ExampleBody() {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := iteratee.Defer(func(context.Context) (iteratee.Iteratee[[]byte, []byte], error) {
			hash := sha256.New()
			return iteratee.Map(iteratee.ToWriter(hash), func(int64) []byte { return hash.Sum(nil) }), nil
		})
		digest, err := parse.Body(r, sum, httpadapter.Writer(w), httpadapter.MaxBytes(1<<30))
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
	either := parse.Using(func(r *http.Request) (iteratee.Iteratee[[]byte, string], error) {
		if r.Header.Get("Content-Type") == "application/json" {
			return parse.JSON[string](100), nil
		}
		return parse.Text(100), nil
	})
	h := parse.Action(either, func(w http.ResponseWriter, r *http.Request, s string) error {
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
	h := parse.Action(parse.Tolerant(parse.JSON[int](100)), func(w http.ResponseWriter, r *http.Request, n int) error {
		_, err := fmt.Fprint(w, n+1)
		return err
	})
	try(h, "application/x-whatever", "41")
	// Output: 200 42
}

func ExampleMaxLength() {
	lines := enumeratee.Transform(text.Lines(80), iteratee.Fold(0, func(n int, _ []byte) int { return n + 1 }))
	h := parse.Action(parse.MaxLength(lines, 10), func(w http.ResponseWriter, r *http.Request, n int) error {
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
	s, err := parse.Body(post(strings.NewReader("b\xe4r"), "text/plain; charset=ISO-8859-1"), parse.Text(100))
	fmt.Println(s, err)
	// Output: bär <nil>
}

// The values of a body of any length are added line by line.
func ExampleJSONLines() {
	sum := parse.JSONLines(iteratee.Fold(0, func(sum, n int) int { return sum + n }), 80)
	h := parse.Action(sum, func(w http.ResponseWriter, r *http.Request, sum int) error {
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
	values, err := parse.Body(post(strings.NewReader("item=tea&n=2"), "application/x-www-form-urlencoded"), parse.Form(100))
	fmt.Println(values.Get("item"), err)
	// Output: tea <nil>
}

func ExampleBytes() {
	_, err := parse.Body(post(strings.NewReader("hello"), ""), parse.Bytes(4))
	fmt.Println(err)
	// Output: 413 Request Entity Too Large: the limit is 4 bytes: http: request body too large
}

func ExampleToTempFile() {
	file, err := parse.Body(post(strings.NewReader("hello"), ""), parse.ToTempFile(""))
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
	parser := parse.Multipart(parse.DefaultMax, func(f parse.FilePart) (iteratee.Iteratee[[]byte, int], error) {
		if !strings.HasSuffix(f.Name, ".txt") {
			return count, &httpadapter.StatusError{Status: 415, Text: "only .txt files"}
		}
		return parse.MaxLength(count, 1<<20), nil
	})
	take := parse.Action(parser, func(w http.ResponseWriter, r *http.Request, form parse.MultipartForm[int]) error {
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

func ExampleJSON() {
	h := parse.Action(parse.JSON[[]int](100), func(w http.ResponseWriter, r *http.Request, ns []int) error {
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
	h := parse.Action(parse.Multipart(100, parse.NoFiles), func(w http.ResponseWriter, r *http.Request, form parse.MultipartForm[struct{}]) error {
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
	h := parse.Action(parse.ToFile(name), func(w http.ResponseWriter, r *http.Request, saved parse.SavedFile) error {
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
