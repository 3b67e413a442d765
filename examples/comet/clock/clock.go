// Package clock is a live clock: a stream without an end.
//
// The source ticks ten times a second. One adapter formats the time as text, and the
// next makes a script tag of the text. Each request runs the stream with its own
// ticker. When a browser leaves, its run ends and its ticker stops.
package clock

import (
	"embed"
	"net/http"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
)

// Source is this file and the page.
//
//go:embed clock.go clock.html
var Source embed.FS

// snippet: stream

var stream = enumerator.Through(
	enumerator.Interval(100*time.Millisecond),
	enumeratee.Compose(
		enumeratee.Map(func(now time.Time) string { return now.Format("15:04:05.0") }),
		// If the tags stayed in the iframe, it would grow for ever.
		comet.String("parent.clockChanged", comet.RemoveScripts()),
	),
)

// end snippet

// Handler serves the page, and the stream for its iframe.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /comet/clock", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "clock.html")
	})
	mux.Handle("GET /comet/clock/stream", httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return stream, nil },
		httpadapter.Comet(), httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
	))
	return mux
}
