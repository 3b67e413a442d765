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

// Script returns the handler that serves the script, for a script element of a page. The
// response has a strong ETag, so that a browser can ask each time whether the script has
// changed.
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

// Callback is the function that the scripts of a stream must call, for [comet.Messages] and
// [comet.Heartbeat]. It is a property of the iframe that contains the stream, so one page can
// have many streams open.
const Callback = "frameElement.halley"

// Handler returns the http.Handler of a stream for the script. The script asks for a transport in
// the query parameter transport: events, iframe, ndjson or poll. Without the parameter the
// transport is events, so an EventSource can read the stream without the script. Any other value is
// answered with 400.
//
// source returns the Items for one client, after the Position after, such as hub.From(after). The
// Position comes from [comet.Cursor], and is the zero Position for a new client. Each message is
// sent as JSON, so the page gets the same value over each transport. An answer to poll must end
// soon. So if clients use that transport, source must return a [comet.LongPoll] for it. An error of
// source is answered as in [httpadapter.Handler].
//
// A message that cannot be encoded, or that panics while it is encoded, is skipped, and clients
// get a gap in its place. Handler logs the error to the [httpadapter.Logger], once for each
// Position.
//
// Every 15 s Handler sends a heartbeat that the script can hear. The page in an iframe runs only
// the scripts of the stream, and removes each one as it runs. opts are applied after the
// options of the transport; [httpadapter.Heartbeat] with a nil chunk changes the time between
// heartbeats. Handler panics if source is nil.
func Handler[E any](source func(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[E]], error), opts ...httpadapter.Option) http.Handler {
	if source == nil {
		panic("comet/client: Handler: source must not be nil")
	}
	var unsent reports
	report := func(ctx context.Context, err error, item enumerator.Item[E]) error {
		if unsent.isNew(item.Position) {
			httpadapter.LoggerOf(opts...).ErrorContext(ctx, "comet/client: cannot encode a message; clients get a gap in its place",
				"position", item.Position.String(), "error", err)
		}
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		encode, options, ok := transport[E](r.URL.Query().Get("transport"))
		if !ok {
			http.Error(w, "transport must be events, iframe, ndjson or poll", http.StatusBadRequest)
			return
		}
		httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
			items, err := source(r, comet.Cursor(r.Header, r.URL.Query()))
			return enumerator.Through(counted(r, items), comet.Recover(encode, report)), err
		}, append(options, opts...)...).ServeHTTP(w, r)
	})
}

// reports remembers the messages that have been reported, so that each one is reported once and
// not for each client.
type reports struct {
	mu   sync.Mutex
	done map[enumerator.Position]bool
}

// maxReports is the number of reports that are remembered. After that, a message may be reported
// again.
const maxReports = 1024

// isNew reports whether p is new, and remembers p. The zero Position, which many messages can
// have, is always new.
func (r *reports) isNew(p enumerator.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done[p] {
		return false
	}
	if r.done == nil || len(r.done) == maxReports {
		r.done = map[enumerator.Position]bool{}
	}
	r.done[p] = p != enumerator.Position{}
	return true
}

// heartbeat is the time between two heartbeats. The script waits a little longer.
const heartbeat = 15 * time.Second

// transport returns the encoder and the options of the transport with that name.
func transport[E any](name string) (encode enumeratee.Enumeratee[enumerator.Item[E], []byte], opts []httpadapter.Option, ok bool) {
	switch name {
	case "", "events":
		encode = eventsource.Messages(eventsource.WithPosition(eventsource.FromJSON[E]))
		opts = []httpadapter.Option{httpadapter.EventStream(), httpadapter.Heartbeat(heartbeat, []byte(eventsource.HeartbeatEvent))}
	case "iframe":
		nonce := rand.Text()
		script := []comet.Option{comet.RemoveScripts(), comet.Nonce(nonce)}
		beat := comet.Heartbeat(Callback, script...)
		encode = comet.Messages(Callback, comet.WithPosition(comet.AppendJSON[E]),
			append(script, comet.Preamble(comet.DefaultPreamble+string(beat)))...) // the beat tells the page at once that the stream is open
		opts = []httpadapter.Option{
			httpadapter.Comet(), httpadapter.Heartbeat(heartbeat, beat),
			httpadapter.Header("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; frame-ancestors 'self'"),
		}
	case "ndjson", "poll":
		encode = enumeratee.Compose(enumeratee.Map(comet.RecordOf[E]), ndjson.Encode[comet.Record]())
		opts = []httpadapter.Option{httpadapter.NDJSON()}
	default:
		return encode, nil, false
	}
	return encode, opts, true
}
