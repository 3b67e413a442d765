package comet

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// LongPoll returns the Enumerator of the answer to a client that polls: the elements of source after the Position
// after. If there are no such elements, LongPoll waits for the next one. It runs out after the last element that source
// had when the first was handed on. So the answer ends even while more elements are pushed. If the last ones are
// filtered, LongPoll runs out 100 ms after an element. When wait has passed without an element, it runs out too.
//
// A Bookmark is not an element, so LongPoll does not hand on the one at the beginning. If source has moved on without
// elements, because they were filtered, LongPoll hands on the newest Bookmark last. If source has ended, LongPoll does
// not wait, and hands on an Item with End after the last elements. If after is the zero Position, the answer is
// a single Bookmark with the Position of source, without waiting: no element can have been lost. If source does not
// know its Position, the answer is the first Item of source.From(after).
//
// The client polls again with the ID of the last Item, or with the same ID as before if the answer was empty.
// So it misses nothing between polls. LongPoll panics if wait is not positive.
func LongPoll[E any](source enumerator.Source[E], after enumerator.Position, wait time.Duration) enumerator.Enumerator[enumerator.Item[E]] {
	check.Positive("comet: LongPoll: wait", wait)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		poll := &polling[E]{
			Sink:    sink,
			sources: map[string]enumerator.Source[E]{"": source},
			places: func(item enumerator.Item[E]) map[string]enumerator.Position {
				return map[string]enumerator.Position{"": item.Position}
			},
			name: func(enumerator.Item[E]) string { return "" },
			last: enumerator.Item[E]{Position: after},
		}
		if after == (enumerator.Position{}) {
			if at := source.Position(); at != after {
				return sink.Next(enumerator.Item[E]{Position: at, Bookmark: true})
			}
			poll.ahead = map[string]enumerator.Position{} // nothing is ahead of the first Item
		}
		return poll.run(ctx, source.From(after), wait)
	})
}

// LongPollJoin is [LongPoll] for several sources. The Items are those of [items.Join] with the same cursor, sources and
// n. LongPollJoin runs out after the last elements that all sources had when the first was handed on. If the last
// elements of some sources are filtered, it runs out 100 ms after an element of one of these sources.
//
// If cursor is empty, the answer consists of the last n elements of each source, without waiting for others. It is a
// single Bookmark if there are no such elements.
//
// LongPollJoin panics if wait is not positive, and as items.Join does.
func LongPollJoin[E any](cursor string, sources map[string]enumerator.Source[E], n int, wait time.Duration) enumerator.Enumerator[enumerator.Item[E]] {
	check.Positive("comet: LongPollJoin: wait", wait)
	sources = maps.Clone(sources)
	join := items.Join(cursor, sources, n)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		poll := &polling[E]{
			Sink:    sink,
			sources: sources,
			places: func(item enumerator.Item[E]) map[string]enumerator.Position {
				places, _ := items.ParseCursor(item.Cursor) // made by Join
				return places
			},
			name: func(item enumerator.Item[E]) string { return item.Event },
			last: enumerator.Item[E]{Cursor: cursor},
		}
		if cursor == "" && len(sources) > 0 {
			poll.ahead = map[string]enumerator.Position{}
			for name := range sources {
				poll.ahead[name] = enumerator.Position{} // until it begins
			}
		}
		return poll.run(ctx, join, wait)
	})
}

// grace is the time for the next element after the first one. It is there already, unless it was filtered.
const grace = 100 * time.Millisecond

var errWaited = errors.New("comet: LongPoll: the time to wait has passed")

// polling is the consumer of a LongPoll. It answers stop when it has all elements that were there when the
// first one came.
type polling[E any] struct {
	iteratee.Sink[enumerator.Item[E]]
	sources map[string]enumerator.Source[E]
	places  func(enumerator.Item[E]) map[string]enumerator.Position // of all sources, after the Item
	name    func(enumerator.Item[E]) string                         // of the source of the element
	timer   *time.Timer                                             // stops the sources
	stop    iteratee.Step
	ahead   map[string]enumerator.Position // of the sources when the first element came, if the run is not there yet
	begun   bool                           // the run has a place in each source
	last    enumerator.Item[E]             // if it is a Bookmark, it has not been handed on
}

func (p *polling[E]) run(ctx context.Context, source enumerator.Enumerator[enumerator.Item[E]], wait time.Duration) iteratee.Step {
	id := p.last.ID()
	p.stop = new(iteratee.Stop).Step()
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.timer = time.AfterFunc(wait, func() { cancel(errWaited) })
	defer p.timer.Stop()
	step := source.Into(waiting, p)
	if step.IsCont() { // source has run out, or hides that it was interrupted
		if step = iteratee.Cancelled(waiting); step.IsCont() {
			return p.end()
		}
	}
	switch {
	case step != p.stop && !errors.Is(step.Err(), errWaited):
		return step
	case p.last.Bookmark && p.last.ID() != id:
		return p.Sink.Next(p.last)
	}
	return iteratee.StepCont
}

// begin notes the elements that are there. If the Position of a source is not known yet, reached notes it later.
func (p *polling[E]) begin() {
	p.ahead = map[string]enumerator.Position{}
	for name, source := range p.sources {
		p.ahead[name] = source.Position()
	}
}

func (p *polling[E]) Next(item enumerator.Item[E]) iteratee.Step {
	p.last = item
	if !item.Bookmark {
		if p.ahead == nil {
			p.begin()
		}
		if _, ok := p.ahead[p.name(item)]; ok { // an element that has come later gives the others no time
			p.timer.Stop() // the time that the client takes does not count
			defer p.timer.Reset(grace)
		}
		if step := p.Sink.Next(item); !step.IsCont() {
			return step
		}
	}
	if item.End || p.ahead != nil && p.reached(p.places(item)) {
		return p.stop
	}
	return iteratee.StepCont
}

// reached reports whether the run has come to the last elements that were there, when it is at places.
func (p *polling[E]) reached(places map[string]enumerator.Position) bool {
	if !p.begun && len(places) == len(p.sources) {
		p.begun = true
		p.timer.Reset(grace)
	}
	for name, at := range places {
		until, ok := p.ahead[name]
		if ok && until == (enumerator.Position{}) {
			until = p.sources[name].Position()
			p.ahead[name] = until
		}
		if ok && at.Epoch == until.Epoch && at.Seq >= until.Seq {
			delete(p.ahead, name)
		}
	}
	return len(p.ahead) == 0
}

func (p *polling[E]) EOF() iteratee.Step {
	if step := p.end(); !step.IsCont() {
		return step
	}
	return p.Sink.EOF()
}

// end hands on the End.
func (p *polling[E]) end() iteratee.Step {
	if p.last.End {
		return iteratee.StepCont
	}
	p.last = enumerator.Item[E]{Position: p.last.Position, Cursor: p.last.Cursor, End: true}
	return p.Sink.Next(p.last)
}
