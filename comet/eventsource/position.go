package eventsource

import (
	"fmt"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
)

// WithPosition turns event, a function of values for [Messages], into a function of Items. The
// Position replaces the ID of the event. A browser sends it when it connects again; see
// [comet.Cursor]. A Gap or a Reset becomes an event whose name is the Event of its [comet.Record]
// and whose data is the JSON of the Record's Data.
//
// A message whose event is named gap or reset is an error. An error ends the run, unless
// [comet.Recover] sends a gap in place of the message. WithPosition panics if event is nil.
func WithPosition[E any](event func(E) (Event, error)) func(enumerator.Item[E]) (Event, error) {
	if event == nil {
		panic("comet/eventsource: WithPosition: event must not be nil")
	}
	return func(item enumerator.Item[E]) (e Event, err error) {
		if item.Gap.N > 0 || item.Reset {
			r := comet.RecordOf(item)
			e, err = FromJSON(r.Data)
			e.Name = r.Event
		} else if e, err = event(item.Value); e.Name == comet.Gap || e.Name == comet.Reset {
			err = fmt.Errorf("a message must not have the name %s", e.Name)
		}
		e.ID, e.ResetID = item.Position.String(), false
		return e, err
	}
}
