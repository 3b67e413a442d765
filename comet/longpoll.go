package comet

import (
	"context"
	"errors"
	"time"

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
// a single Bookmark with the Position of source, without waiting: no element can have been lost.
//
// The client polls again with the ID of the last Item, or with the same ID as before if the answer was empty.
// So it misses nothing between polls. LongPoll panics if wait is not positive.
func LongPoll[E any](source enumerator.Source[E], after enumerator.Position, wait time.Duration) enumerator.Enumerator[enumerator.Item[E]] {
	check.Positive("comet: LongPoll: wait", wait)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		if after == (enumerator.Position{}) {
			return sink.Next(enumerator.Item[E]{Position: source.Position(), Bookmark: true})
		}
		poll := &polling[E]{Sink: sink, source: source, stop: new(iteratee.Stop).Step(), last: enumerator.Item[E]{Position: after}}
		waiting, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		poll.timer = time.AfterFunc(wait, func() { cancel(errWaited) })
		defer poll.timer.Stop()
		step := source.From(after).Into(waiting, poll)
		if step.IsCont() { // source has run out, or hides that it was interrupted
			if step = iteratee.Cancelled(waiting); step.IsCont() {
				return poll.end()
			}
		}
		switch {
		case step != poll.stop && !errors.Is(step.Err(), errWaited):
			return step
		case poll.last.Bookmark && poll.last.Position != after:
			return sink.Next(poll.last)
		}
		return iteratee.StepCont
	})
}

// grace is the time for the next element after the first one. It is there already, unless it was filtered.
const grace = 100 * time.Millisecond

var errWaited = errors.New("comet: LongPoll: the time to wait has passed")

// polling is the consumer of a LongPoll. It answers stop when it has all elements that were there when the
// first one came.
type polling[E any] struct {
	iteratee.Sink[enumerator.Item[E]]
	source enumerator.Source[E]
	timer  *time.Timer // stops source
	stop   iteratee.Step
	until  enumerator.Position // that of the source when the first element came
	last   enumerator.Item[E]  // if it is a Bookmark, it has not been handed on
}

func (p *polling[E]) Next(item enumerator.Item[E]) iteratee.Step {
	p.last = item
	if !item.Bookmark {
		p.timer.Stop() // the time that the client takes does not count
		defer p.timer.Reset(grace)
		if p.until == (enumerator.Position{}) {
			p.until = p.source.Position()
		}
		if step := p.Sink.Next(item); !step.IsCont() {
			return step
		}
	}
	if item.End || p.until != (enumerator.Position{}) && item.Position.Seq >= p.until.Seq {
		return p.stop
	}
	return iteratee.StepCont
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
