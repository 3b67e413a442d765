package follow

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// items returns the adapter that makes Items of the events of one attempt of r.
func items[E any](r *run) enumeratee.Enumeratee[eventsource.Event, enumerator.Item[E]] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[enumerator.Item[E]]) (iteratee.Sink[eventsource.Event], iteratee.Step) {
		return &itemsOf[E]{Stage: stage, run: r, out: out}, iteratee.StepCont
	})
}

type itemsOf[E any] struct {
	enumeratee.Stage
	run  *run
	out  iteratee.Outlet[enumerator.Item[E]]
	step iteratee.Step
}

func (s *itemsOf[E]) Next(e eventsource.Event) iteratee.Step {
	if !s.step.IsCont() {
		return s.step
	}
	before := s.run.id
	e = s.run.track(e)
	if e.Name == "heartbeat" {
		s.run.hear(e.Data)
		return s.step
	}
	item, err := itemOf[E](e)
	if err != nil {
		s.step = iteratee.StepError(backoff.Permanent(fmt.Errorf("comet/follow: Items: the event %q with id %.40q: %w", e.Name, e.ID, err)))
		return s.step
	}
	if item.Bookmark && e.ID == before {
		return s.step
	}
	if s.step = s.out.Next(item); s.step.IsCont() && item.End {
		s.run.ended = true
		s.step = s.Stop()
	}
	return s.step
}

func (s *itemsOf[E]) Rest() iteratee.Input[eventsource.Event] {
	return iteratee.Empty[eventsource.Event]()
}

// hear sets the time that the server may be silent to a little more than the interval of its heartbeats. The interval is 0
// if it sends none.
func (r *run) hear(interval string) {
	ms, err := strconv.ParseInt(interval, 10, 64)
	switch {
	case err != nil || ms < 0 || !r.told:
	case ms == 0:
		r.silence = math.MaxInt64
	default:
		r.silence = time.Duration(min(ms, time.Hour.Milliseconds()))*time.Millisecond*4/3 + time.Second
	}
}

// itemOf returns the Item of an event that is not a heartbeat.
func itemOf[E any](e eventsource.Event) (item enumerator.Item[E], err error) {
	if item.Position, err = enumerator.ParsePosition(e.ID); err != nil {
		item.Cursor = e.ID // a compound one
	}
	name := e.Name
	if e.NoData {
		name = "bookmark"
	}
	switch name {
	case "bookmark":
		item.Bookmark = true
		return item, nil
	case "end":
		item.End = true
		return item, nil
	case comet.Gap, comet.Reset:
		item.Reset = name == comet.Reset
		return item, notice(&item, e.Data)
	case "message":
		name = ""
	}
	item.Event = name
	return item, json.Unmarshal([]byte(e.Data), &item.Value)
}

// notice sets the fields of item, a gap or a reset, that data tells.
func notice[E any](item *enumerator.Item[E], data string) error {
	var missed struct {
		Source string `json:"source"`
		From   string `json:"from"`
		Count  uint64 `json:"count"`
	}
	if err := json.Unmarshal([]byte(data), &missed); err != nil {
		return err
	}
	item.Event = missed.Source
	if item.Reset {
		return nil
	}
	if missed.Count == 0 {
		return fmt.Errorf("a gap must have a count, got %.100s", data)
	}
	item.Gap.N = missed.Count
	item.Gap.From, _ = enumerator.ParsePosition(missed.From) // zero if it is another text
	return nil
}
