// Package iframe is the forever iframe: a complete page with a hidden iframe that can
// go on loading for ever.
//
// The stream is loaded into the iframe. Its script tags run there and call a function
// of the page around the iframe, which they reach as parent. The page is iframe.html.
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
