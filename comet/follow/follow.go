package follow

import (
	"context"
	"net/http"
	"slices"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
)

// Events returns the Enumerator of the events of an event stream, such as that of another service or of
// [eventsource.Encode]. A run calls request for each attempt, with a context that ends with the attempt, so
// each attempt can have a new token. An error of request is a failure of the attempt, and a
// [backoff.Permanent] error ends the run. The request may have a body; if request returns the same request
// again, its GetBody must be set. Events sets the headers Accept and Cache-Control of the request, unless
// they are set, and Last-Event-ID once there is an id.
//
// Each event has the ID and the Retry that the server has set last, also in an earlier response. To continue
// in a later run or another program, store the ID of an event and pass it to [After]. An event with NoData
// tells only a new ID or Retry, as in [eventsource.DecodeAll].
//
// The documentation of the package says how the run ends. An event of the name end does not end it. The run
// also ends when its context ends or the consumer is done. It closes the response before it ends, and stays
// in the goroutine of the caller. Events panics if request is nil.
func Events(request func(context.Context) (*http.Request, error), opts ...Option) enumerator.Enumerator[eventsource.Event] {
	return follow("Events", request, opts, []string{eventsource.ContentType}, func(r *run) enumeratee.Enumeratee[eventsource.Event, eventsource.Event] {
		return enumeratee.Map(r.track)
	})
}

// Items returns the Enumerator of the Items of a stream of client.Handler, whose messages are JSON values that
// fit an E. The query parameter transport of the request can be absent, events or ndjson. The Items are those
// that the source of the handler gives: messages, gaps, resets and bookmarks, and one with End set before an end in good
// order. An id that is the text of a Position becomes the Position of the Item, and any other id its Cursor. A
// Bookmark that does not move the cursor is left out.
//
// To continue in a later run or another program, store the [enumerator.Item.ID] of an Item and pass it to
// [After]. In all other respects Items behaves like [Events].
func Items[E any](request func(context.Context) (*http.Request, error), opts ...Option) enumerator.Enumerator[enumerator.Item[E]] {
	return follow("Items", request, opts, append(ndjson.MediaTypes(), eventsource.ContentType), items[E])
}

// Get returns a function for [Events] and [Items] that makes a GET request for url.
func Get(url string) func(context.Context) (*http.Request, error) {
	return func(ctx context.Context) (*http.Request, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, backoff.Permanent(err)
		}
		return request, nil
	}
}

// follow is Events if convert makes events of events.
func follow[E any](function string, request func(context.Context) (*http.Request, error), opts []Option, mediaTypes []string, convert func(*run) enumeratee.Enumeratee[eventsource.Event, E]) enumerator.Enumerator[E] {
	if request == nil {
		panic("comet/follow: " + function + ": request must not be nil")
	}
	c := newConfig(opts)
	signs := enumerator.Defer(func(context.Context) (enumerator.Enumerator[sign[E]], error) {
		r := &run{config: c, request: request, mediaTypes: mediaTypes}
		attempt := attempt(r, enumeratee.Compose(convert(r), enumeratee.Map(func(e E) sign[E] { return sign[E]{e, true} })))
		return retry.Resume(
			func(context.Context, sign[E], bool) enumerator.Enumerator[sign[E]] { return attempt },
			slices.Concat([]retry.Option{retry.Pace(r.newPace)}, c.retries)...,
		), nil
	})
	return enumerator.Through(signs, enumeratee.FilterMap(func(s sign[E]) (E, bool) { return s.e, s.ok }))
}

// A sign shows that an attempt makes progress. It is an element if ok is set, and otherwise tells that bytes have
// come.
type sign[E any] struct {
	e  E
	ok bool
}
