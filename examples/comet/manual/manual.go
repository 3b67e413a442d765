// Package manual is Comet by hand: an Enumerator of script tags.
//
// A browser runs a script as soon as its end tag has arrived, while the rest of
// the page is still to come. So a response that is sent little by little, one
// script tag at a time, lets the server call functions in the browser. That is all
// there is to Comet.
//
// Nothing is escaped here: the tags are constants. A message that holds what
// somebody has typed needs more care, which package helper takes.
package manual

import (
	"embed"
	"net/http"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// snippet: stream

// A response is made of bytes. The adapter makes them of the tags, one by one.
var stream = enumerator.Through(
	enumerator.Of(
		`<script>console.log('kiki')</script>`,
		`<script>console.log('foo')</script>`,
		`<script>console.log('bar')</script>`,
	),
	enumeratee.Map(func(tag string) []byte { return []byte(tag) }),
)

// end snippet

// Source is this file.
//
//go:embed manual.go
var Source embed.FS

// snippet: handler

// Handler serves the stream. Each element is sent as soon as there is one, as one
// chunk of the response.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /comet/manual", httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return stream, nil },
		httpadapter.Comet(),
	))
	return mux
}

// end snippet
