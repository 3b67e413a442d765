package eventsource

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/halley-go/halley/enumeratee"
)

// Encode returns the adapter that makes a chunk of each event, as [Event.AppendText]
// writes it: memory of its own, which the consumer may keep and change. An event that
// cannot be sent ends the run; comet.Recover and enumeratee.Recover go on. If the consumer is done and leaves over a chunk, its event
// is left over.
//
// It is EventSource.flow of Play's Java.
func Encode() enumeratee.Enumeratee[Event, []byte] {
	return messages("Encode", func(e Event) (Event, error) { return e, nil })
}

// String is [Encode] for strings: each is the data of an event.
//
// It is Play's EventSource of stringEvents.
func String() enumeratee.Enumeratee[string, []byte] { return messages("String", FromString) }

// JSON is [Encode] for values of any type that encoding/json can marshal: the data of each
// event is the JSON of one, in one line. One that cannot be marshalled ends the run with
// an error that wraps that of encoding/json.
//
// It is Play's EventSource of jsonEvents.
func JSON[E any]() enumeratee.Enumeratee[E, []byte] { return messages("JSON", FromJSON[E]) }

// Messages is [Encode] for what event makes events of. An error of event ends the run,
// wrapped. Messages panics if event is nil.
//
// It is Play's EventSource with extractors of one's own for data, name and id.
func Messages[E any](event func(E) (Event, error)) enumeratee.Enumeratee[E, []byte] {
	if event == nil {
		panic("comet/eventsource: Messages: event must not be nil")
	}
	return messages("Messages", event)
}

// FromString returns the event with the data s, for [Messages]. It cannot fail.
func FromString(s string) (Event, error) { return Event{Data: s}, nil }

// FromJSON returns the event with the JSON of v as data, for [Messages]. What HTML would
// make something of is not escaped: no HTML parser gets to see it.
func FromJSON[E any](v E) (Event, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return Event{}, err
	}
	return Event{Data: string(text.Bytes()[:text.Len()-1])}, nil // without the LF
}

// maxScratch is how much memory an attachment keeps for the text of the next event.
const maxScratch = 64 << 10

func messages[E any](function string, event func(E) (Event, error)) enumeratee.Enumeratee[E, []byte] {
	return enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[E, []byte], error) {
		var scratch []byte // of this attachment
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
