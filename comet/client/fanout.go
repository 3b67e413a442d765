package client

import (
	"net/http"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/internal/progress"
	"github.com/halley-go/halley/comet/internal/unsent"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/check"
)

// Fanout is [Handler] for sources that have many clients. It sends the records of Handler to the script and to all other
// clients. Over the transports events and ndjson, and without a transport, it sends them by [httpadapter.FanoutFunc]: a
// stream that waits takes less than a KiB and no goroutine, and each message is encoded once for all clients of a source
// and a transport. The doc of httpadapter.Fanout lists the streams that stay with net/http. Streams over the transports
// iframe and poll always stay there.
//
// f returns the source for a request, such as a hub or a topic. A client that comes back gets the elements after its
// Position. A new client gets the newest elements, at most last of them, and then the following ones. Requests with equal
// sources share one run, so f must not make a new source for each request. An error of f is answered like an error of the
// function of Handler. The first answer to a poll has the newest elements that come within a second.
//
// A heartbeat that carries a Bookmark is repeated until another Item comes. Handler sends it once.
//
// Fanout panics if f is nil. A request for which f returns a nil source and no error panics.
func Fanout[E any](f func(r *http.Request) (source enumerator.Source[E], last int, err error), opts ...httpadapter.Option) http.Handler {
	if f == nil {
		panic("comet/client: Fanout: f must not be nil")
	}
	report := unsent.Report[E](httpadapter.LoggerOf(opts...))
	every := intervalOf(opts)
	fanout := func(name string, firefox bool) http.Handler {
		t, _ := transportOf[E](name, firefox, every)
		options := append(t.options, httpadapter.HeartbeatFunc(heartbeat, func() []byte { return t.beat }))
		return httpadapter.FanoutFunc(func(r *http.Request) (enumerator.Source[E], enumerator.Position, int, error) {
			source, last, err := f(r)
			if err == nil {
				check.NotNil("comet/client: Fanout: source", source)
			}
			return source, comet.Cursor(r.Header, r.URL.Query()), last, err
		}, enumeratee.Compose(progress.Items[E](), t.stream(report)), append(options, opts...)...)
	}
	native, firefox, events, ndjson := fanout("", false), fanout("", true), fanout("events", false), fanout("ndjson", false)
	others := newHandler(func(r *http.Request, after enumerator.Position) (none enumerator.Enumerator[enumerator.Item[E]], err error) {
		source, last, err := f(r)
		if err != nil {
			return none, err
		}
		check.NotNil("comet/client: Fanout: source", source)
		return itemsOf(source, after, last, r.URL.Query().Get("transport") == "poll"), nil
	}, report, opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := others
		switch r.URL.Query().Get("transport") {
		case "":
			if h = native; isFirefox(r) {
				h = firefox
			}
		case "events":
			h = events
		case "ndjson":
			h = ndjson
		}
		h.ServeHTTP(w, r)
	})
}

const (
	pollWait  = 25 * time.Second // until a poll is answered without elements
	firstPoll = time.Second      // for the newest elements of a client that polls for the first time
)

// itemsOf returns the Items of a stream in an iframe, or of the answer to a poll.
func itemsOf[E any](source enumerator.Source[E], after enumerator.Position, last int, poll bool) enumerator.Enumerator[enumerator.Item[E]] {
	isNew := after == enumerator.Position{}
	switch {
	case poll && isNew && last > 0:
		return enumerator.TakeUntil(source.Last(last), enumerator.Interval(firstPoll))
	case poll:
		return comet.LongPoll(source, after, pollWait)
	case isNew:
		return source.Last(last)
	}
	return source.From(after)
}
