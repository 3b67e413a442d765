package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

//go:generate go -C internal/minify run .
//go:embed halley.min.js
var script string

// Script returns the handler of the script, for a script element of a page. The script has a
// strong ETag, with which a browser asks each time whether it has changed.
func Script() http.Handler {
	sum := sha256.Sum256([]byte(script))
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "public, no-cache")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(script))
	})
}

// Callback is what the scripts of a stream call, for comet.Messages and comet.Heartbeat: a
// function of the frame that they are in, so that many streams can be open in one page.
const Callback = "frameElement.halley"

// Handler returns the http.Handler of a stream for the script, over the transport that it asks
// for in the parameter transport of the URL: events, iframe, ndjson or poll. Without one it is
// events, for an EventSource without the script. Any other is answered with 400.
//
// source returns what to send to the client of a request, which is to go on after a Position:
// hub.From(after) in the simplest case. The Position is that of comet.Cursor, the zero one for a
// client that has none. Each message is sent as JSON, and so reaches the page as the same value
// over each transport. A poll has to end soon: where clients use that transport, source
// returns a comet.LongPoll for it. Errors are those of httpadapter.Handler.
//
// A message that cannot be encoded, or that panics as it is encoded, costs that message: each
// client is told a gap in its place, and goes on after it. It is an error in the log of
// httpadapter.Logger, once for its Position.
//
// The heartbeat is one that the script hears, every 15 s. The page of a frame runs no scripts
// but those of the stream, which leave it when they have run. The options are added to this;
// httpadapter.Heartbeat with a nil chunk says how often. Handler panics if source is nil.
func Handler[E any](source func(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[E]], error), opts ...httpadapter.Option) http.Handler {
	if source == nil {
		panic("comet/client: Handler: source must not be nil")
	}
	var unsent reports
	report := func(ctx context.Context, err error, i enumerator.Item[E]) error {
		if unsent.isNew(i.Position) {
			httpadapter.LoggerOf(opts...).ErrorContext(ctx, "comet/client: a message cannot be sent, and clients are told a gap in its place",
				"position", i.Position.String(), "error", err)
		}
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		encode, how, ok := transport[E](r.URL.Query().Get("transport"))
		if !ok {
			http.Error(w, "transport must be events, iframe, ndjson or poll", http.StatusBadRequest)
			return
		}
		httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
			items, err := source(r, comet.Cursor(r.Header, r.URL.Query()))
			return enumerator.Through(items, comet.Recover(encode, report)), err
		}, append(how, opts...)...).ServeHTTP(w, r)
	})
}

// reports remembers which messages have been reported, so that each is reported once and not for
// each client.
type reports struct {
	mu   sync.Mutex
	done map[enumerator.Position]bool
}

// most is how many reports are remembered. After that a message can be reported again.
const most = 1024

// isNew reports whether it is called with that Position for the first time. The zero Position,
// which many messages can have, is always new.
func (r *reports) isNew(p enumerator.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done[p] {
		return false
	}
	if r.done == nil || len(r.done) == most {
		r.done = map[enumerator.Position]bool{}
	}
	r.done[p] = p != enumerator.Position{}
	return true
}

// every is the time between two heartbeats; the script waits a little longer.
const every = 15 * time.Second

// transport returns what makes chunks for the transport of that name, and how they are sent.
func transport[E any](name string) (encode enumeratee.Enumeratee[enumerator.Item[E], []byte], how []httpadapter.Option, ok bool) {
	switch name {
	case "", "events":
		encode = eventsource.Messages(eventsource.WithPosition(eventsource.FromJSON[E]))
		how = []httpadapter.Option{httpadapter.EventStream(), httpadapter.Heartbeat(every, []byte(eventsource.HeartbeatEvent))}
	case "iframe":
		nonce := rand.Text()
		script := []comet.Option{comet.RemoveScripts(), comet.Nonce(nonce)}
		beat := comet.Heartbeat(Callback, script...)
		encode = comet.Messages(Callback, comet.WithPosition(comet.AppendJSON[E]),
			append(script, comet.Preamble(comet.DefaultPreamble+string(beat)))...) // so the page hears at once that the stream is open
		how = []httpadapter.Option{
			httpadapter.Comet(), httpadapter.Heartbeat(every, beat),
			httpadapter.Header("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; frame-ancestors 'self'"),
		}
	case "ndjson", "poll":
		encode = enumeratee.Compose(enumeratee.Map(comet.RecordOf[E]), ndjson.Encode[comet.Record]())
		how = []httpadapter.Option{httpadapter.NDJSON()}
	default:
		return encode, nil, false
	}
	return encode, how, true
}
