// Package iframe is the forever iframe: a page that is complete, with a hidden
// iframe in it that never has to be.
//
// The stream goes to the iframe. Its script tags run there, and call a function of
// the page around it, which the iframe knows as parent. The page is iframe.html.
package iframe

import (
	"embed"
	"net/http"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// Source is this file and the page.
//
//go:embed iframe.go iframe.html
var Source embed.FS

// snippet: stream

var stream = enumerator.Through(
	enumerator.Of("kiki", "foo", "bar"),
	comet.String("parent.cometMessage"),
)

// Handler serves the page, and the stream for its iframe.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /comet/iframe", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "iframe.html")
	})
	mux.Handle("GET /comet/iframe/stream", httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return stream, nil },
		httpadapter.Comet(),
	))
	return mux
}

// end snippet
