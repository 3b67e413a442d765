package durable_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/httpadapter/durable"
)

func ExampleHandler() {
	// snippet: handler

	streams := durable.Handler(topics.Memory(10_000), func(r *http.Request) (string, error) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get("Authorization") != "Bearer t0ken" {
			return "", &httpadapter.StatusError{Status: http.StatusUnauthorized}
		}
		return r.PathValue("name"), nil
	}, durable.Stream(httpadapter.Limit(10_000), compress.Option()))
	mux := http.NewServeMux()
	mux.Handle("/streams/{name...}", streams)

	// end snippet

	ask := func(method, body, query string) *http.Response {
		r := httptest.NewRequest(method, "/streams/rooms/1"+query, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t0ken")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(strings.TrimSpace(fmt.Sprintln(method, w.Code, w.Body)))
		return w.Result()
	}
	ask("PUT", "", "")
	offset := ask("POST", `{"text": "hello"}`, "").Header.Get("Stream-Next-Offset")
	ask("POST", `[{"text": "two"},{"text": "at once"}]`, "")
	ask("GET", "", "")
	ask("GET", "", "?offset="+offset)
	// Output:
	// PUT 201
	// POST 204
	// POST 204
	// GET 200 [{"text": "hello"},{"text": "two"},{"text": "at once"}]
	// GET 200 [{"text": "two"},{"text": "at once"}]
}

func ExampleMaxBytes() {
	name := func(r *http.Request) (string, error) { return r.URL.Path, nil }
	streams := durable.Handler(topics.Memory(100), name, durable.MaxBytes(5))
	for _, body := range []string{"short", "too long"} {
		w := httptest.NewRecorder()
		streams.ServeHTTP(w, httptest.NewRequest("PUT", "/"+body[:1], strings.NewReader(body)))
		fmt.Println(w.Code)
	}
	// Output:
	// 201
	// 413
}

// Shared caches keep the answers too.
func ExampleStream() {
	name := func(r *http.Request) (string, error) { return r.URL.Path, nil }
	public := httpadapter.Header("Cache-Control", "public, max-age=60, stale-while-revalidate=300")
	streams := durable.Handler(topics.Memory(100), name, durable.Stream(public))
	streams.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", "/news", strings.NewReader("none")))
	w := httptest.NewRecorder()
	streams.ServeHTTP(w, httptest.NewRequest("GET", "/news", nil))
	fmt.Println(w.Header().Get("Cache-Control"))
	// Output: public, max-age=60, stale-while-revalidate=300
}

func ExampleHandler_program() {
	// snippet: program

	store := topics.Memory(10_000)
	prices := topics.New[float64](store) // clients of the protocol read its messages as JSON
	streams := durable.Handler(store, func(r *http.Request) (string, error) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return "", &httpadapter.StatusError{Status: http.StatusMethodNotAllowed}
		}
		return r.PathValue("name"), nil
	})

	// end snippet

	for _, price := range []float64{1.5, 2} {
		if _, err := prices.Publish(context.Background(), "gold", "", price); err != nil {
			fmt.Println(err)
		}
	}
	r := httptest.NewRequest("GET", "/streams/gold", nil)
	r.SetPathValue("name", "gold")
	w := httptest.NewRecorder()
	streams.ServeHTTP(w, r)
	fmt.Println(w.Body)
	// Output: [1.5,2]
}
