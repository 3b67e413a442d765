package eventsource

import (
	"fmt"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
)

// WithPosition makes of a function for [Messages] one for Items: each event has its Position
// as ID, whatever the function has set, and a browser that connects again sends that; see
// comet.Cursor. A gap or a reset is an event of the name that is the Event of its
// [comet.Record], whose Data is sent as JSON. So a message with one of these names is an
// error. An error ends the run, unless comet.Recover tells a gap in place of the message.
// WithPosition panics if event is nil.
func WithPosition[E any](event func(E) (Event, error)) func(enumerator.Item[E]) (Event, error) {
	if event == nil {
		panic("comet/eventsource: WithPosition: event must not be nil")
	}
	return func(i enumerator.Item[E]) (e Event, err error) {
		if i.Gap.N > 0 || i.Reset {
			r := comet.RecordOf(i)
			e, err = FromJSON(r.Data)
			e.Name = r.Event
		} else if e, err = event(i.Value); e.Name == comet.Gap || e.Name == comet.Reset {
			err = fmt.Errorf("a message must not have the name %s", e.Name)
		}
		e.ID, e.ResetID = i.Position.String(), false
		return e, err
	}
}
