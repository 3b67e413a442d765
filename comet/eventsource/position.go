package eventsource

import (
	"cmp"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
)

// WithPosition turns event, a function of values for [Messages], into a function of Items. The ID of the
// Item replaces the ID of the event. A browser sends it when it connects again; see [comet.Cursor]. An event
// without a Name gets the Event of the Item as its Name.
//
// A notice, which is an Item that is not a message, becomes the event that [FromNotice] returns for its
// [comet.Record]. [WithNotices] changes that.
//
// If [comet.CheckName] refuses the Name of the event of a message, that is an error. An error ends the run,
// unless [comet.Recover] sends a gap in place of the message. WithPosition panics if event is nil.
func WithPosition[E any](event func(E) (Event, error)) func(enumerator.Item[E]) (Event, error) {
	return withNotices("WithPosition", event, FromNotice)
}

// WithNotices is [WithPosition] with notice in place of [FromNotice]. It is for pages whose library understands other
// events: [FromRecord], [Turbo], [HTMX] and [Datastar] are such functions, and [Refresh] makes others. WithNotices
// panics if event or notice is nil.
func WithNotices[E any](event func(E) (Event, error), notice func(comet.Record) (Event, error)) func(enumerator.Item[E]) (Event, error) {
	if notice == nil {
		panic("comet/eventsource: WithNotices: notice must not be nil")
	}
	return withNotices("WithNotices", event, notice)
}

func withNotices[E any](function string, event func(E) (Event, error), notice func(comet.Record) (Event, error)) func(enumerator.Item[E]) (Event, error) {
	if event == nil {
		panic("comet/eventsource: " + function + ": event must not be nil")
	}
	return func(item enumerator.Item[E]) (e Event, err error) {
		if item.IsMessage() {
			if e, err = event(item.Value); err == nil {
				e.Name = cmp.Or(e.Name, item.Event)
				err = comet.CheckName(e.Name)
			}
		} else {
			e, err = notice(comet.RecordOf(item))
		}
		e.ID, e.ResetID = item.ID(), false
		return e, err
	}
}

// FromNotice returns the event of a notice for any client, for [WithNotices]. A bookmark becomes an event without data,
// which changes the id of the client and calls no listener. But the EventSource of Firefox ignores the id of such an event.
// Any other notice becomes the event of [FromRecord]. An end has a retry of a day, because an EventSource connects again
// after the end of every stream.
func FromNotice(notice comet.Record) (Event, error) {
	if notice.Event == comet.Bookmark {
		return Event{ID: notice.ID, NoData: true}, nil
	}
	e, err := FromRecord(notice)
	if notice.Event == comet.End {
		e.Retry = 24 * time.Hour
	}
	return e, err
}

// FromRecord returns an event whose name is the Event of record, and whose data is the JSON of its Data. With
// [WithNotices] it lets a page hear bookmarks as well. The script of package client expects these events.
func FromRecord(record comet.Record) (Event, error) {
	e, err := FromJSON(record.Data)
	e.Name, e.ID = record.Event, record.ID
	return e, err
}

// Refresh returns a function for [WithNotices] that sends e in place of a gap and of a reset. e makes the page load its
// state anew. An end becomes the event of [FromNotice]. A bookmark becomes the event of [FromRecord]: it has data, so that
// Firefox takes its id, and a name to which the page does not listen.
func Refresh(e Event) func(notice comet.Record) (Event, error) {
	return func(notice comet.Record) (Event, error) {
		switch notice.Event {
		case comet.Gap, comet.Reset:
			return e, nil
		case comet.Bookmark:
			return FromRecord(notice)
		}
		return FromNotice(notice)
	}
}

// Turbo is [Refresh] for pages with Turbo 8. A gap or a reset becomes the action refresh. Turbo morphs the
// page if the page asks for that.
func Turbo(notice comet.Record) (Event, error) {
	return Refresh(Event{Data: `<turbo-stream action="refresh"></turbo-stream>`})(notice)
}

// HTMX is [Refresh] for pages with htmx 2 whose stream has sse-swap="message". A gap or a reset becomes a
// script that loads the page again. The Content-Security-Policy must allow inline scripts. The attribute
// sse-close="end" closes a stream that is complete.
func HTMX(notice comet.Record) (Event, error) {
	return Refresh(Event{Data: `<script>location.reload()</script>`})(notice)
}

// Datastar is [Refresh] for pages with Datastar 1. A gap or a reset becomes a script that loads the page again. The
// Content-Security-Policy must allow inline scripts.
func Datastar(notice comet.Record) (Event, error) {
	return Refresh(Event{
		Name: "datastar-patch-elements",
		Data: "selector body\nmode append\nelements <script>location.reload()</script>",
	})(notice)
}
