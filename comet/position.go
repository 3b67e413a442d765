package comet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// A Record is an [enumerator.Item] as a client gets it. Its JSON is a line for clients that
// read NDJSON or poll. Over other transports the same three values are the arguments of a call
// (see [WithPosition]) or the fields of an event (see package eventsource). docs/comet.md has
// a table of them.
type Record struct {
	Event string `json:"event,omitempty"` // empty for a message, otherwise [Gap] or [Reset]
	ID    string `json:"id"`              // the Position after which the client resumes
	Data  any    `json:"data"`            // the message, a [Missed] for a Gap, nil for a Reset
}

const (
	// Gap is the Event of a Record for messages that were dropped.
	Gap = "gap"

	// Reset is the Event of a Record for a client whose Position is unknown or too old. The
	// client must load its state anew.
	Reset = "reset"
)

// Missed is the Data of a [Gap].
type Missed struct {
	From  enumerator.Position `json:"from"`  // the Position of the first dropped message
	Count uint64              `json:"count"` // the number of dropped messages
}

// RecordOf returns the Record of item. It is for enumeratee.Map, before an adapter that makes
// JSON.
func RecordOf[E any](item enumerator.Item[E]) Record {
	r := notice(item)
	if r.Event == "" {
		r.Data = item.Value
	}
	return r
}

// notice returns the Record of item without its value.
func notice[E any](item enumerator.Item[E]) Record {
	switch {
	case item.Gap.N > 0:
		return Record{Gap, item.Position.String(), Missed{item.Gap.From, item.Gap.N}}
	case item.Reset:
		return Record{Reset, item.Position.String(), nil}
	}
	return Record{ID: item.Position.String()}
}

// WithPosition turns encode, an encoder of values for [Messages], into an encoder of Items. The
// callback gets the message and, as a second argument, its Position as a string, which the
// client sends back when it connects again (see [Cursor]). For a gap or a reset the callback
// gets three arguments: Data, ID and Event of the [Record].
//
// encode must append exactly one argument. An error of encode ends the run, unless [Recover]
// sends a gap in place of the message. WithPosition panics if encode is nil.
func WithPosition[E any](encode func(dst []byte, e E) ([]byte, error)) func([]byte, enumerator.Item[E]) ([]byte, error) {
	if encode == nil {
		panic("comet: WithPosition: encode must not be nil")
	}
	return func(dst []byte, item enumerator.Item[E]) ([]byte, error) {
		if item.Gap.N > 0 || item.Reset {
			r := notice(item)
			dst, err := AppendJSON(dst, r.Data)
			return fmt.Appendf(dst, ",'%s','%s'", r.ID, r.Event), err
		}
		dst, err := encode(dst, item.Value)
		if err != nil {
			return dst, err
		}
		dst, err = item.Position.AppendText(append(dst, ",'"...)) // nothing in it needs an escape
		return append(dst, '\''), err
	}
}

// Cursor returns the Position after which a client wants to resume. It is in the header
// Last-Event-ID, which EventSource sends when it connects again. Without that header it is in
// the query parameter lastEventId, which all other clients send, and which the first request
// of an EventSource may have. header is an http.Header, and query is url.Values.
//
// Without the header and the parameter, Cursor returns the zero Position. If the text is not a Position,
// Cursor returns one that no hub has, so that the client gets a Reset.
func Cursor(header, query interface{ Get(key string) string }) enumerator.Position {
	text := header.Get("Last-Event-ID")
	if text == "" {
		text = query.Get("lastEventId")
	}
	p, err := enumerator.ParsePosition(text)
	if err != nil {
		return enumerator.Position{Seq: 1} // no hub has the epoch 0
	}
	return p
}

// LongPoll returns the Enumerator of the answer to a client that polls: the elements of hub after the
// Position after. If there are no such elements, LongPoll waits for the next one, and runs out without an
// Item when wait has passed. It runs out after the last element that hub held when the first was handed
// on. So the answer ends even while more elements are pushed. If hub has ended, LongPoll does not wait. If
// after is the zero Position, the answer is a single Reset with the hub's current Position, without
// waiting.
//
// The client polls again with the Position of the last Item, or with the same Position if the
// answer was empty. So it misses nothing between polls. LongPoll panics if wait is not
// positive.
func LongPoll[E any](hub *enumerator.Hub[E], after enumerator.Position, wait time.Duration) enumerator.Enumerator[enumerator.Item[E]] {
	check.Positive("comet: LongPoll: wait", wait)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		if after == (enumerator.Position{}) {
			return sink.Next(enumerator.Item[E]{Position: hub.Position(), Reset: true})
		}
		ctx, cancel := context.WithTimeoutCause(ctx, wait, errWaited)
		defer cancel()
		stop := new(iteratee.Stop).Step()
		step := hub.From(after).Into(ctx, &polling[E]{Sink: sink, hub: hub, stop: stop})
		if step == stop || errors.Is(step.Err(), errWaited) {
			return iteratee.StepCont
		}
		return step
	})
}

var errWaited = errors.New("comet: LongPoll: the time to wait has passed")

// polling is the consumer of a LongPoll. It answers stop when it has all elements that were there when the
// first one came.
type polling[E any] struct {
	iteratee.Sink[enumerator.Item[E]]
	hub   *enumerator.Hub[E]
	stop  iteratee.Step
	until enumerator.Position
}

func (p *polling[E]) Next(item enumerator.Item[E]) iteratee.Step {
	if item.Bookmark {
		return iteratee.StepCont
	}
	if p.until == (enumerator.Position{}) {
		p.until = p.hub.Position()
	}
	if step := p.Sink.Next(item); !step.IsCont() {
		return step
	}
	if item.Position.Seq >= p.until.Seq {
		return p.stop
	}
	return iteratee.StepCont
}
