package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/internal/progress"
	"github.com/halley-go/halley/comet/internal/unsent"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// Callback is the function that the scripts of a stream must call, for [comet.Messages] and
// [comet.Heartbeat]. It is a property of the iframe that contains the stream, so one page can
// have many streams open.
const Callback = "frameElement.halley"

// Handler returns the http.Handler of a stream for the script. The script asks for a transport in
// the query parameter transport: events, iframe, ndjson or poll. Without the parameter, the stream consists of
// server-sent events for any EventSource. Any other value is answered with 400. docs/comet.md has a table of the bytes
// that each transport carries.
//
// source returns the Items for one client: those after the Position after, such as hub.From(after). The
// Position comes from [comet.Cursor], and is the zero Position for a new client. If the Items come from
// several sources, source ignores it and resumes at the text that [comet.CursorText] returns. Each message is
// sent as JSON, so the page gets the same value over each transport. An answer to poll must end soon. So if
// clients use that transport, source must return a [comet.LongPoll] or a [comet.LongPollJoin] for it. An error of source is answered as
// in [httpadapter.Handler]. For the transports events, iframe and ndjson, the response begins before the
// first Item, so an error of the Enumerator breaks the connection.
//
// When the Items have run out or have sent EOF, Handler sends a [comet.End], after which the script does not
// connect again. It sends none if the stream ends otherwise, such as by an error or
// [httpadapter.MaxDuration]. For poll, comet.LongPoll sends the End.
//
// A message that cannot be encoded, or that panics while it is encoded, is skipped, and clients
// get a gap in its place. Handler logs the error to the [httpadapter.Logger], once for each
// Position.
//
// When nothing was sent for 15 s, Handler sends a heartbeat. The script can hear it; other clients get a
// comment. Except for poll, the first record of a stream for the script tells the time between heartbeats.
//
// Handler does not send all Bookmarks that follow one another. It sends one for each 64 elements that they pass
// over, and one after a second without an Item. A heartbeat carries the newest one that was not sent.
//
// The page in an iframe runs only the scripts of the stream, and removes each one as it runs. opts are
// applied after the options of the transport; [httpadapter.Heartbeat] with a nil chunk changes the time
// between heartbeats. Handler panics if source is nil.
func Handler[E any](source func(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[E]], error), opts ...httpadapter.Option) http.Handler {
	if source == nil {
		panic("comet/client: Handler: source must not be nil")
	}
	return newHandler(source, unsent.Report[E](httpadapter.LoggerOf(opts...)), opts)
}

// report takes the error of a message that cannot be encoded.
type report[E any] = func(context.Context, error, enumerator.Item[E]) error

func newHandler[E any](source func(*http.Request, enumerator.Position) (enumerator.Enumerator[enumerator.Item[E]], error), report report[E], opts []httpadapter.Option) http.Handler {
	every := intervalOf(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, ok := transportOf[E](r.URL.Query().Get("transport"), isFirefox(r), every)
		if !ok {
			http.Error(w, "transport must be events, iframe, ndjson or poll", http.StatusBadRequest)
			return
		}
		var progress progress.Tracker[E]
		options := append(t.options, httpadapter.HeartbeatFunc(heartbeat, func() []byte {
			if bookmark, ok := progress.Untold(); ok {
				return chunkOf(t.encode, bookmark)
			}
			return t.beat
		}))
		options = append(options, opts...)
		encode := t.stream(report)
		httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
			items, err := source(r, comet.Cursor(r.Header, r.URL.Query()))
			if t.name != "poll" {
				items = progress.Items(items)
			}
			return enumerator.Through(counted(r, items), encode), err
		}, options...).ServeHTTP(w, r)
	})
}

// intervalOf returns the time between heartbeats, or 0.
func intervalOf(opts []httpadapter.Option) time.Duration {
	return httpadapter.HeartbeatOf(append([]httpadapter.Option{httpadapter.EventStream(), httpadapter.Heartbeat(heartbeat, nil)}, opts...)...)
}

// isFirefox reports whether the client is Firefox, whose EventSource ignores the id of an event without data.
func isFirefox(r *http.Request) bool { return strings.Contains(r.UserAgent(), "Firefox/") }

// chunkOf returns what encode makes of e.
func chunkOf[E any](encode enumeratee.Enumeratee[E, []byte], e E) []byte {
	chunks, err := enumerator.Run(context.Background(), enumerator.Through(enumerator.Of(e), encode), iteratee.Collect[[]byte]())
	if err != nil {
		panic(err) // neither a Bookmark nor an interval can fail
	}
	return slices.Concat(chunks...)
}

// heartbeat is the time between two heartbeats. The script waits a little longer.
const heartbeat = 15 * time.Second

// A transport is a way to send Items.
type transport[E any] struct {
	name    string
	first   []byte // the first chunk, or nil
	encode  enumeratee.Enumeratee[enumerator.Item[E], []byte]
	beat    []byte // a heartbeat without a Position
	options []httpadapter.Option
}

// stream returns the adapter that makes all chunks of a response, except heartbeats.
func (t transport[E]) stream(report report[E]) enumeratee.Enumeratee[enumerator.Item[E], []byte] {
	encode := comet.Recover(t.encode, report)
	if t.first == nil {
		return encode
	}
	return enumeratee.Compose(encode, enumeratee.Heading(t.first))
}

// transportOf returns the transport with this name. Its first chunk tells the client the time between heartbeats. The
// transport iframe is for one response.
func transportOf[E any](name string, firefox bool, every time.Duration) (t transport[E], ok bool) {
	t.name = name
	interval := comet.Record{Event: comet.Beat, Data: every.Milliseconds()}
	switch t.name {
	case "":
		notice := eventsource.FromNotice
		if firefox {
			notice = bookmarksWithData
		}
		t.encode = eventsource.Messages(eventsource.WithNotices(eventsource.FromJSON[E], notice))
		t.beat = []byte(eventsource.Heartbeat)
		t.options = []httpadapter.Option{httpadapter.EventStream()}
	case "events":
		t.first = chunkOf(eventsource.Messages(eventsource.FromRecord), interval)
		t.encode = eventsource.Messages(eventsource.WithNotices(eventsource.FromJSON[E], eventsource.FromRecord))
		t.beat = []byte(eventsource.HeartbeatEvent)
		t.options = []httpadapter.Option{httpadapter.EventStream()}
	case "iframe":
		nonce := rand.Text()
		script := []comet.Option{comet.RemoveScripts(), comet.Nonce(nonce)}
		t.first = chunkOf(comet.Messages(Callback, appendBeat, script...), interval)
		t.encode = comet.Messages(Callback, comet.WithPosition(comet.AppendJSON[E]), append(script, comet.Preamble(""))...)
		t.beat = comet.Heartbeat(Callback, script...)
		t.options = []httpadapter.Option{
			httpadapter.Comet(),
			httpadapter.Header("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; frame-ancestors 'self'"),
		}
	case "ndjson", "poll":
		if t.name == "ndjson" {
			t.first = chunkOf(ndjson.Encode[comet.Record](), interval)
		}
		t.encode = enumeratee.Compose(enumeratee.Map(comet.RecordOf[E]), ndjson.Encode[comet.Record]())
		t.beat = []byte("\n")
		t.options = []httpadapter.Option{httpadapter.NDJSON()}
	default:
		return t, false
	}
	return t, true
}

// bookmarksWithData is [eventsource.FromNotice] for Firefox.
func bookmarksWithData(notice comet.Record) (eventsource.Event, error) {
	if notice.Event == comet.Bookmark {
		return eventsource.FromRecord(notice)
	}
	return eventsource.FromNotice(notice)
}

// appendBeat appends the arguments of the call that tells the time between heartbeats.
func appendBeat(dst []byte, beat comet.Record) ([]byte, error) {
	return fmt.Appendf(dst, "%v,'','%s'", beat.Data, beat.Event), nil
}
