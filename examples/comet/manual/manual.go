// Package manual is Comet by hand: an Enumerator of script tags.
//
// A browser runs a script as soon as its end tag arrives, before the rest of the
// page is there. So a response that is sent piece by piece, one script tag at a
// time, lets the server call functions in the browser. This is all of Comet.
//
// Nothing is escaped here, because the tags are constants. A message with text from
// a user must be escaped: package helper shows how.
package manual

import (
	"embed"
	"net/http"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/pace"
	"github.com/halley-go/halley/httpadapter"
)

// snippet: stream

// A response consists of bytes. The adapter converts each tag to bytes.
var stream = enumerator.Through(
	enumerator.Of(
		`<script>console.log('kiki')</script>`,
		`<script>console.log('foo')</script>`,
		`<script>console.log('bar')</script>`,
	),
	enumeratee.Map(func(tag string) []byte { return []byte(tag) }),
)

// end snippet

// Source is this file and the page.
//
//go:embed manual.go manual.html
var Source embed.FS

// snippet: handler

// Handler serves the page, and the stream. Each element is sent as soon as it is made, as one chunk of the response.
// They are made slowly, so that the reader can watch.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /comet/manual", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "manual.html")
	})
	mux.Handle("GET /comet/manual/stream", httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return pace.Slow(stream), nil },
		httpadapter.Comet(),
	))
	return mux
}

// end snippet
