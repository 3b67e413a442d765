package eventsource

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/halley-go/halley/enumeratee"
)

// Encode returns the adapter that makes a chunk of each event, in the format of
// [Event.AppendText]. Each chunk is a new slice, which the consumer may keep and change. An
// event that cannot be sent ends the run with an error; [comet.Recover] and
// [enumeratee.Recover] continue. If the consumer leaves over a chunk, its event is left over.
//
// Play calls it EventSource.flow in its Java API.
func Encode() enumeratee.Enumeratee[Event, []byte] {
	return messages("Encode", func(e Event) (Event, error) { return e, nil })
}

// String is [Encode] for strings. Each string is the data of an event.
//
// Play calls it EventSource of stringEvents.
func String() enumeratee.Enumeratee[string, []byte] { return messages("String", FromString) }

// JSON is [Encode] for values of any type that encoding/json can marshal. The data of an event
// is the JSON of a value, in one line. A value that cannot be marshalled ends the run with an
// error that wraps the error of encoding/json.
//
// Play calls it EventSource of jsonEvents.
func JSON[E any]() enumeratee.Enumeratee[E, []byte] { return messages("JSON", FromJSON[E]) }

// Messages is [Encode] for elements of any type. event returns the event of an element. An
// error of event ends the run, wrapped. Messages panics if event is nil.
//
// Play calls it EventSource with extractors for data, name and id.
func Messages[E any](event func(E) (Event, error)) enumeratee.Enumeratee[E, []byte] {
	if event == nil {
		panic("comet/eventsource: Messages: event must not be nil")
	}
	return messages("Messages", event)
}

// FromString returns an event with the data s, for [Messages]. Its error is always nil.
func FromString(s string) (Event, error) { return Event{Data: s}, nil }

// FromJSON returns an event with the JSON of v as data, for [Messages]. It does not escape <, >
// and &, since no HTML parser reads an event stream.
func FromJSON[E any](v E) (Event, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return Event{}, err
	}
	return Event{Data: string(text.Bytes()[:text.Len()-1])}, nil // without the LF
}

// maxScratch is the size of the largest buffer that is kept for the next event.
const maxScratch = 64 << 10

func messages[E any](function string, event func(E) (Event, error)) enumeratee.Enumeratee[E, []byte] {
	return enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[E, []byte], error) {
		var scratch []byte // belongs to this attachment
		return enumeratee.MapM(func(_ context.Context, e E) ([]byte, error) {
			made, err := event(e)
			if err != nil {
				return nil, fmt.Errorf("comet/eventsource: %s: %w", function, err)
			}
			text, err := made.AppendText(scratch[:0])
			if err != nil {
				return nil, err
			}
			if cap(text) <= maxScratch {
				scratch = text
			}
			return slices.Clone(text), nil
		}), nil
	})
}
