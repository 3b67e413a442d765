// Package helper is Comet with an Enumeratee: comet.String turns each message into a
// script tag that calls a function with the message.
//
// The message is escaped, so any text stays one string in the script. The first chunk
// is 5120 spaces and the start of a page, for browsers that show and run nothing
// before they have received that much.
package helper

import (
	"embed"
	"net/http"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/pace"
	"github.com/halley-go/halley/httpadapter"
)

// snippet: stream

// The stream is a recipe. Each request runs it and gets all three messages.
var stream = enumerator.Through(
	enumerator.Of("kiki", "foo", "bar"),
	comet.String("console.log"),
)

// end snippet

// Source is this file and the page.
//
//go:embed helper.go helper.html
var Source embed.FS

// Handler serves the page, and the stream.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /comet/helper", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "helper.html")
	})
	mux.Handle("GET /comet/helper/stream", httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return pace.Slow(stream), nil },
		httpadapter.Comet(),
	))
	return mux
}
