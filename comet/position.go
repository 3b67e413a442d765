package comet

import (
	"cmp"
	"fmt"

	"github.com/halley-go/halley/enumerator"
)

// A Record is an [enumerator.Item] as a client gets it. Its JSON is a line for clients that
// read NDJSON or poll. Over other transports the same three values are the arguments of a call
// (see [WithPosition]) or the fields of an event (see package eventsource). docs/comet.md has
// a table of them.
type Record struct {
	Event string `json:"event,omitempty"` // the name of a message, if it has one, or one of the constants
	ID    string `json:"id"`              // the text with which the client resumes after the Record
	Data  any    `json:"data"`            // the message, or the data that the constants describe
}

// These are the Events of Records that are not messages. A message must not have one of these names.
const (
	// Gap is the Event of a Record for messages that were dropped. Its Data is a [Missed].
	Gap = "gap"

	// Reset is the Event of a Record for a client whose Position is unknown or too old. The
	// client must load its state anew. Its Data is nil or, if the stream has several sources, a [Stale].
	Reset = "reset"

	// Bookmark is the Event of a Record that tells the client that it has all messages up to ID. Its Data is nil.
	Bookmark = "bookmark"

	// End is the Event of the last Record of a stream that is complete. The client should not connect again. Its
	// Data is nil.
	End = "end"

	// Beat is the Event of a heartbeat. Its ID is empty, so it does not change the ID of the client. Its Data is
	// nil, or the time between two heartbeats in milliseconds.
	Beat = "heartbeat"
)

// Missed is the Data of a [Gap].
type Missed struct {
	From   enumerator.Position `json:"from"`             // the Position of the first dropped message
	Count  uint64              `json:"count"`            // the number of dropped messages
	Source string              `json:"source,omitempty"` // the Event of the Item: the source of the messages, if there are several
}

// Stale is the Data of a [Reset] if the stream has several sources.
type Stale struct {
	Source string `json:"source"` // the source whose messages are missing
}

// CheckName returns an error if a message must not have the name, because it is the Event of other Records,
// such as [Gap]. Encoders call it.
func CheckName(name string) error {
	switch name {
	case Gap, Reset, Bookmark, End, Beat:
		return fmt.Errorf("comet: a message must not have the name %s, which has a meaning of its own", name)
	}
	return nil
}

// RecordOf returns the Record of item. Use it with enumeratee.Map, before an adapter that makes JSON. If the
// message has the name of another Record, such as [Gap], the Record cannot be marshalled.
func RecordOf[E any](item enumerator.Item[E]) Record {
	r := Record{ID: item.ID()}
	switch {
	case item.Gap.N > 0:
		r.Event, r.Data = Gap, Missed{item.Gap.From, item.Gap.N, item.Event}
	case item.Reset && item.Event != "":
		r.Event, r.Data = Reset, Stale{item.Event}
	case item.Reset:
		r.Event = Reset
	case item.Bookmark:
		r.Event = Bookmark
	case item.End:
		r.Event = End
	default:
		r.Event, r.Data = item.Event, item.Value
		if CheckName(item.Event) != nil {
			r.Data = refused(item.Event)
		}
	}
	return r
}

// refused is the Data of a message with a reserved name.
type refused string

func (name refused) MarshalJSON() ([]byte, error) { return nil, CheckName(string(name)) }

// WithPosition turns encode, an encoder of values for [Messages], into an encoder of Items. The
// callback gets the message and, as a second argument, the ID of the Item as a string, which the
// client sends back when it connects again (see [Cursor]). If the Item has an Event, it is the third
// argument. For any other Item the callback gets Data, ID and Event of its [Record].
//
// encode must append exactly one argument. An error of encode ends the run, unless [Recover]
// sends a gap in place of the message. An Event for which [CheckName] returns an error counts as an error of encode.
// WithPosition panics if encode is nil.
func WithPosition[E any](encode func(dst []byte, e E) ([]byte, error)) func([]byte, enumerator.Item[E]) ([]byte, error) {
	if encode == nil {
		panic("comet: WithPosition: encode must not be nil")
	}
	return func(dst []byte, item enumerator.Item[E]) ([]byte, error) {
		event := item.Event
		var err error
		if item.IsMessage() {
			if err = CheckName(event); err == nil {
				dst, err = encode(dst, item.Value)
			}
		} else {
			r := RecordOf(item)
			event = r.Event
			dst, err = AppendJSON(dst, r.Data)
		}
		if err != nil {
			return dst, err
		}
		dst = append(dst, ',')
		if item.Cursor != "" {
			dst, _ = AppendString(dst, item.Cursor)
		} else { // nothing in a Position needs an escape
			dst, _ = item.Position.AppendText(append(dst, '\''))
			dst = append(dst, '\'')
		}
		if event != "" {
			dst, _ = AppendString(append(dst, ','), event)
		}
		return dst, nil
	}
}

// Cursor returns the Position after which a client wants to resume, from the text that [CursorText] returns.
//
// Cursor returns the zero Position if the text is empty. If the text is not a Position, Cursor returns
// one that no hub has, so that the client gets a Reset.
func Cursor(header, query interface{ Get(key string) string }) enumerator.Position {
	p, err := enumerator.ParsePosition(CursorText(header, query))
	if err != nil {
		return enumerator.Position{Seq: 1} // no hub has the epoch 0
	}
	return p
}

// CursorText returns the ID of the last [Record] that a client has received, which is the cursor of a stream with
// several sources. It is in the header Last-Event-ID, which EventSource sends when it connects again. Without that
// header it is in the query parameter lastEventId, which all other clients send, and which the first
// request of an EventSource may have. Without either, the text is empty. header is an http.Header, and query
// is url.Values.
func CursorText(header, query interface{ Get(key string) string }) string {
	return cmp.Or(header.Get("Last-Event-ID"), query.Get("lastEventId"))
}
