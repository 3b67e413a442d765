package comet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// A Record is what a client gets for an [enumerator.Item], whatever the transport. As JSON
// it is a line for clients that read NDJSON or poll; [WithPosition] makes arguments of the
// same three, and package eventsource the fields of an event. docs/comet.md has the table.
type Record struct {
	Event string `json:"event,omitempty"` // empty for a message, [Gap] or [Reset]
	ID    string `json:"id"`              // the Position, from which the client goes on
	Data  any    `json:"data"`            // the message, a [Missed], or nil for a Reset
}

const (
	// Gap is the Event of a Record that says that messages were dropped.
	Gap = "gap"

	// Reset is the Event of a Record that says that what came before it is not known any
	// more: the client has to get the state of things anew.
	Reset = "reset"
)

// Missed is the Data of a [Gap].
type Missed struct {
	From  enumerator.Position `json:"from"`  // of the first message that was dropped
	Count uint64              `json:"count"` // of those messages
}

// RecordOf returns the Record of an Item. It is for enumeratee.Map, before an adapter that
// makes JSON.
func RecordOf[E any](i enumerator.Item[E]) Record {
	r := notice(i)
	if r.Event == "" {
		r.Data = i.Value
	}
	return r
}

// notice is the Record of an Item without the value.
func notice[E any](i enumerator.Item[E]) Record {
	switch {
	case i.Gap.N > 0:
		return Record{Gap, i.Position.String(), Missed{i.Gap.From, i.Gap.N}}
	case i.Reset:
		return Record{Reset, i.Position.String(), nil}
	}
	return Record{ID: i.Position.String()}
}

// WithPosition makes of an encoder for [Messages] one for Items: the callback is called with
// the message and, as a second argument, its Position as a string; see [Cursor]. A gap or a
// reset is a call with three arguments, Data, ID and Event of the [Record].
//
// encode must write one argument. An error of encode ends the run, unless [Recover] tells a gap in
// place of the message. WithPosition panics if encode is nil.
func WithPosition[E any](encode func(dst []byte, e E) ([]byte, error)) func([]byte, enumerator.Item[E]) ([]byte, error) {
	if encode == nil {
		panic("comet: WithPosition: encode must not be nil")
	}
	return func(dst []byte, i enumerator.Item[E]) ([]byte, error) {
		if i.Gap.N > 0 || i.Reset {
			r := notice(i)
			dst, err := AppendJSON(dst, r.Data)
			return fmt.Appendf(dst, ",'%s','%s'", r.ID, r.Event), err
		}
		dst, err := encode(dst, i.Value)
		if err != nil {
			return dst, err
		}
		dst, err = i.Position.AppendText(append(dst, ",'"...)) // which holds nothing to escape
		return append(dst, '\''), err
	}
}

// Cursor returns the Position after which a client wants to go on: the one in its header
// Last-Event-ID, which EventSource sends when it connects again, or else the one in the
// parameter lastEventId of its URL, for all other clients and for the first time. It is the
// zero Position if there is neither. What is not a Position gives one that no hub has, so
// that the client gets a Reset. The arguments are an http.Header and url.Values.
func Cursor(header, query interface{ Get(key string) string }) enumerator.Position {
	text := header.Get("Last-Event-ID")
	if text == "" {
		text = query.Get("lastEventId")
	}
	p, err := enumerator.ParsePosition(text)
	if err != nil {
		return enumerator.Position{Seq: 1} // of no epoch
	}
	return p
}

// LongPoll returns the Enumerator of the answer to a client that polls: what h has been
// pushed after the element at after and holds. If there is nothing, it waits for the next
// element, for as long as wait, and runs out empty if none has come. If there are many, it
// runs out with the last one that was there when the first was taken. It does not wait if
// the hub has ended.
//
// The client polls again with the Position of the last Item, or if there was none with the
// same as before, so nothing is lost in between. One without a Position, the zero one, is
// answered at once with a Reset that has one. LongPoll panics if wait is not positive.
func LongPoll[E any](h *enumerator.Hub[E], after enumerator.Position, wait time.Duration) enumerator.Enumerator[enumerator.Item[E]] {
	if wait <= 0 {
		panic(fmt.Sprintf("comet: LongPoll: wait must be positive, got %v", wait))
	}
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		if after == (enumerator.Position{}) {
			return sink.Next(enumerator.Item[E]{Position: h.Position(), Reset: true})
		}
		ctx, cancel := context.WithTimeoutCause(ctx, wait, errWaited)
		defer cancel()
		stop := new(iteratee.Stop).Step()
		var until enumerator.Position
		next := sink.Next
		sink.Batch, sink.Keep, sink.Kept = nil, nil, nil
		sink.Next = func(i enumerator.Item[E]) iteratee.Step {
			if until == (enumerator.Position{}) {
				until = h.Position()
			}
			if step := next(i); !step.IsCont() {
				return step
			}
			if i.Position.Seq >= until.Seq {
				return stop
			}
			return iteratee.StepCont
		}
		step := h.From(after).Into(ctx, sink)
		if step == stop || errors.Is(step.Err(), errWaited) {
			return iteratee.StepCont
		}
		return step
	})
}

var errWaited = errors.New("comet: LongPoll: waited long enough")
