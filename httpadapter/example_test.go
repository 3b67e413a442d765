package httpadapter_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// line makes a chunk of a number.
var line = enumeratee.Map(func(n int) []byte { return []byte(strconv.Itoa(n) + "\n") })

func ExampleServe() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		countdown := enumerator.Through(enumerator.Of(3, 2, 1), line)
		err := httpadapter.Serve(w, r, countdown)
		if err != nil && !errors.Is(err, httpadapter.ErrClientGone) {
			log.Print(err)
		}
	}))
	defer srv.Close()

	res, err := http.Get(srv.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		fmt.Println(lines.Text())
	}
	// Output:
	// 3
	// 2
	// 1
}

// A source that fails: before the first chunk the client gets a 500, later a broken
// connection, and never the reason.
func ExampleServe_error() {
	refuse := enumeratee.MapM(func(_ context.Context, n int) ([]byte, error) {
		if n == 0 {
			return nil, errors.New("disk full")
		}
		return []byte(strconv.Itoa(n)), nil
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		numbers := enumerator.Of(0)
		if r.URL.Path == "/late" {
			numbers = enumerator.Of(2, 1, 0)
		}
		fmt.Println("server:", httpadapter.Serve(w, r, enumerator.Through(numbers, refuse)))
	}))
	defer srv.Close()

	for _, path := range []string{"/early", "/late"} {
		res, err := http.Get(srv.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Printf("client: %d %q %v\n", res.StatusCode, body, err)
	}
	// Output:
	// server: disk full
	// client: 500 "Internal Server Error\n" <nil>
	// server: disk full
	// client: 200 "21" unexpected EOF
}

func ExampleHandler() {
	count := httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
		n, err := strconv.Atoi(r.FormValue("to"))
		if err != nil {
			return enumerator.Empty[[]byte](), err
		}
		numbers := enumerator.Unfold(1, func(i int) (int, int, bool) { return i, i + 1, i <= n })
		return enumerator.Through(numbers, line), nil
	})
	srv := httptest.NewServer(count)
	defer srv.Close()

	res, err := http.Get(srv.URL + "?to=3")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%s%s\n", body, res.Header.Get("Cache-Control"))
	// Output:
	// 1
	// 2
	// 3
	// no-store, no-transform
}

func ExampleHeader() {
	srv := httptest.NewServer(httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) {
			return enumerator.Of([]byte(`{"n":1}`+"\n"), []byte(`{"n":2}`+"\n")), nil
		},
		httpadapter.Header("Content-Type", "application/x-ndjson"),
	))
	defer srv.Close()

	res, err := http.Get(srv.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Header.Get("Content-Type"))
	// Output: application/x-ndjson
}

// A client that stops reading is gone after the timeout, and the source is closed.
func ExampleWriteTimeout() {
	gone := make(chan bool)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		megabytes := enumerator.Unfold(make([]byte, 1<<20), func(mb []byte) ([]byte, []byte, bool) { return mb, mb, true })
		err := httpadapter.Serve(w, r, megabytes, httpadapter.WriteTimeout(100*time.Millisecond))
		gone <- errors.Is(err, httpadapter.ErrClientGone)
	}))
	defer srv.Close()

	res, err := http.Get(srv.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close() // without having read anything
	fmt.Println("client has gone:", <-gone)
	// Output: client has gone: true
}
