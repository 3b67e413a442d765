// Package clock is a live clock: a stream without an end.
//
// The source ticks ten times a second, once for all pages. One adapter formats the time as
// text, and the next makes a script tag of the text. httpadapter.Fanout sends each tag to all
// pages. When the last page is closed, the ticker stops.
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

// ticks runs while a page is open. A page that is slow misses ticks, and does not hold up the others.
var ticks = enumerator.Share(enumerator.Interval(100*time.Millisecond), enumerator.WhenFull(enumerator.DropOldest))

var scripts = enumeratee.Compose(
	enumeratee.FilterMap(func(i enumerator.Item[time.Time]) (string, bool) {
		return i.Value.Format("15:04:05.0"), i.IsMessage()
	}),
	// If the tags stayed in the iframe, it would grow for ever.
	comet.String("parent.clockChanged", comet.RemoveScripts()),
)

// live begins each stream with the next tick.
func live(*http.Request) (after enumerator.Position, last int, err error) { return }

// end snippet

// Handler serves the page, and the stream for its iframe.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /comet/clock", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "clock.html")
	})
	mux.Handle("GET /comet/clock/stream", httpadapter.Fanout(ticks, scripts, live,
		httpadapter.Comet(), httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
	))
	return mux
}
