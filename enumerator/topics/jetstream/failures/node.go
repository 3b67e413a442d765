package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
)

// handler serves topics: GET /messages sends the topics of the query as a stream, and POST /messages publishes the body
// to one.
func handler(t *topics.Topics[message]) http.Handler {
	const all = 1 << 20 // a new reader gets what is kept
	mux := http.NewServeMux()
	mux.Handle("GET /messages", client.Handler(func(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[message]], error) {
		names := r.URL.Query()["topic"]
		if len(names) == 1 {
			return t.Topic(names[0]).FromOrLast(after, all), nil
		}
		sources := map[string]enumerator.Source[message]{}
		for _, name := range names {
			sources[name] = t.Topic(name)
		}
		return join(r, sources), nil
	}, httpadapter.Heartbeat(beat, nil)))
	mux.HandleFunc("POST /messages", func(w http.ResponseWriter, r *http.Request) {
		var m message
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&m); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p, err := t.Publish(r.Context(), r.URL.Query().Get("topic"), r.Header.Get("Idempotency-Key"), m)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, p)
	})
	return mux
}

func join(r *http.Request, sources map[string]enumerator.Source[message]) enumerator.Enumerator[enumerator.Item[message]] {
	return items.Join(comet.CursorText(r.Header, r.URL.Query()), sources, 1<<20)
}
