package answers

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// From returns an Enumerator of the elements of an answer after the one at p. It runs out at the end of the answer. If
// p is the zero Position, it begins with the first element. The Items are those of [topics.Topic.From]. If the answer
// has ended for another reason than [Complete], the last Item is the message for that Reason.
//
// A run begins with a Reset if p is not a Position of the answer, or if the Store has dropped the first elements. If the
// answer is replaced while it is read, the run gets a Reset, and goes on with the new answer.
//
// The run fails with [ErrUnknown] if no answer with this id is kept. It takes place in the goroutine of the caller.
func (a *Answers[E]) From(id string, p enumerator.Position) enumerator.Enumerator[enumerator.Item[E]] {
	return enumerator.Defer(func(ctx context.Context) (none enumerator.Enumerator[enumerator.Item[E]], err error) {
		last, err := a.at(ctx, id, atLast)
		if err != nil {
			return none, err
		}
		return a.after(id, p, last), nil
	})
}

// after implements From. last is an entry of the answer.
func (a *Answers[E]) after(id string, p enumerator.Position, last mark) enumerator.Enumerator[enumerator.Item[E]] {
	if last.isEnd && p == last.Position { // nothing will follow
		return enumerator.Of(enumerator.Item[E]{Position: p, Bookmark: true})
	}
	source := a.topic(id).Beginning()
	if p != (enumerator.Position{}) {
		source = a.topic(id).From(p)
	}
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		r := &reading[E]{Sink: sink, answers: a, id: id, cancel: cancel, seen: true, whole: p == enumerator.Position{}}
		defer r.watch()()
		step := source.Into(ctx, r)
		switch {
		case step == r.stop.Step():
			return iteratee.StepCont
		case errors.Is(step.Err(), topics.ErrClosed):
			return iteratee.StepError(ErrClosed)
		}
		return step
	})
}

// reading is the Sink of one run, for the entries of the topic.
type reading[E any] struct {
	iteratee.Sink[enumerator.Item[E]]
	answers *Answers[E]
	id      string
	cancel  context.CancelCauseFunc
	stop    iteratee.Stop // says that the answer has ended
	whole   bool          // the next entry must be the start

	mu   sync.Mutex // guards the fields below
	at   enumerator.Position
	seen bool // the answer was there after the last Reset
	over bool
	bell *time.Timer // rings after two beats of silence
}

func (*reading[E]) Rest() iteratee.Input[enumerator.Item[entry[E]]] {
	return iteratee.Empty[enumerator.Item[entry[E]]]()
}

func (r *reading[E]) Next(item enumerator.Item[entry[E]]) iteratee.Step {
	before := r.heard(item)
	out := enumerator.Item[E]{Position: item.Position, Gap: item.Gap, Reset: item.Reset, Bookmark: item.Bookmark}
	if !item.IsMessage() {
		r.whole = r.whole && item.Bookmark
		return r.Sink.Next(out)
	}
	if r.whole && !item.Value.Start {
		if step := r.Sink.Next(enumerator.Item[E]{Position: before, Reset: true}); !step.IsCont() {
			return step
		}
	}
	r.whole = false
	step := iteratee.StepCont
	switch e := item.Value; {
	case len(e.Value) > 0:
		out.Value = e.Value[0]
		step = r.Sink.Next(out)
	case e.End == "": // a start or a beat
		out.Bookmark = true
		step = r.Sink.Next(out)
	}
	if step.IsCont() && item.Value.End != "" {
		return r.stop.Step()
	}
	return step
}

// heard notes that item has come. It returns the Position of the Item before it.
func (r *reading[E]) heard(item enumerator.Item[entry[E]]) (before enumerator.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.at = r.at, item.Position
	r.seen = !item.Reset && (r.seen || item.IsMessage())
	r.bell.Reset(2 * r.answers.beat)
	return before
}

// watch begins to listen for silence, and returns the function that ends it.
func (r *reading[E]) watch() (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bell = time.AfterFunc(2*r.answers.beat, r.silent)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
		r.bell.Stop()
	}
}

// silent is called after two beats without an entry.
func (r *reading[E]) silent() {
	r.mu.Lock()
	at, seen, over := r.at, r.seen, r.over
	if !over {
		r.bell.Reset(2 * r.answers.beat)
	}
	r.mu.Unlock()
	switch {
	case over:
	case seen:
		r.answers.bury(r.id, at)
	default: // the answer was deleted, and no other has taken its place
		r.cancel(ErrUnknown)
	}
}

// bury ends an answer as Lost if the entry at p is the last one in the Store, and still is a beat later.
func (a *Answers[E]) bury(id string, p enumerator.Position) {
	if !a.work() {
		return
	}
	defer a.working.Done()
	a.mu.Lock()
	busy := a.seeking[id] // for another reader
	a.seeking[id] = true
	a.mu.Unlock()
	if busy {
		return
	}
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.seeking, id)
	}()
	first, err := a.at(a.open, id, atFirst)
	if err != nil {
		return
	}
	if last, err := a.at(a.open, id, atLast); err != nil || last.Position != p {
		return
	}
	if !sleep(a.open, a.beat) {
		return
	}
	if _, err := a.topic(id).PublishAfter(a.open, endKey(first.Position), p, a.end(Lost)); err != nil {
		return // something has come, or the readers will ask again
	}
	a.logger.WarnContext(a.open, "answers: the process that generated an answer is silent", "id", id)
	a.keep(id, first.Position)
}
