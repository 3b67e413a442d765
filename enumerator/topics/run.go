package topics

import (
	"context"
	"errors"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// run is one run of a topic. It is also the Sink of the hub of a tail, and hands on the Items of the hub.
//
// The run begins in memory if the tail has its place. Otherwise it reads the store, batch by batch, until the tail
// has its place. When the tail has moved or has overtaken the run, this begins again.
type run[E any] struct {
	sink   iteratee.Sink[enumerator.Item[E]]
	topics *Topics[E]
	name   string
	start  Place
	live   bool // the run begins at the end of the topic, and start is not used
	finite bool // the run ends at the place where the topic ended when the run began

	at     enumerator.Position // the Position of the last Item; before it the place to begin, or zero if that is not known yet
	known  bool                // the store has confirmed that at is a place, and watch has not been lost since
	begun  bool                // the first notice was handed on
	target enumerator.Position // the end of the topic when the run began
	marked bool                // the run has reached target, and has handed on the Bookmark there
	pause  time.Duration       // after the last answer of a store that was behind

	tail     *tail[E]
	watch    *watch[E]     // the watch of the last tail
	attached bool          // the hub has accepted the place
	stop     iteratee.Stop // says that the run goes on elsewhere
}

// drive makes a run that goes on with the messages to come.
func (r *run[E]) drive(ctx context.Context) iteratee.Step {
	f := r.topics.join(r.name)
	defer r.topics.leave(f)
	for {
		l, err := f.attach(ctx)
		if err != nil {
			return iteratee.StepError(err)
		}
		if l.watch != r.watch { // the watch before was lost: the store may have been replaced
			r.watch, r.known = l.watch, false
		}
		r.aim(l.end())
		if r.find(f, l) {
			step := r.memory(ctx, l)
			switch {
			case errors.Is(step.Err(), errMoved):
				continue
			case step != r.stop.Step():
				return step
			}
		}
		switch moved, err := f.fill(ctx, l); {
		case err != nil:
			return iteratee.StepError(err)
		case moved:
			continue
		}
		if step := r.stored(ctx, l.end()); step != r.stop.Step() {
			return step
		}
	}
}

// read makes a run that ends where the topic ends now.
func (r *run[E]) read(ctx context.Context) iteratee.Step {
	end, err := r.topics.last(ctx, r.name)
	if err != nil {
		return iteratee.StepError(err)
	}
	r.finite = true
	r.aim(end)
	for !r.marked {
		if step := r.stored(ctx, end); step != r.stop.Step() {
			return step
		}
		if r.pause > 0 { // the store is behind, or does not have the target any longer
			if end, err = r.topics.last(ctx, r.name); err != nil {
				return iteratee.StepError(err)
			}
			r.aim(end)
		}
	}
	return iteratee.StepCont
}

// aim sets the target if the run has none, or if the store is another one or has lost its end.
func (r *run[E]) aim(end enumerator.Position) {
	if !r.marked && (r.target.Epoch != end.Epoch || end.Seq < r.target.Seq) {
		r.target = end
	}
}

// find reports whether the run may go on in memory.
func (r *run[E]) find(f *feed[E], l *tail[E]) (ok bool) {
	if !r.begun {
		r.at = r.start.After
		if n := r.start.Last; n > 0 {
			r.at, _ = f.has(l, n)
		}
	}
	return r.live || r.at != enumerator.Position{}
}

// memory hands on the Items of the hub of l. It returns the step of r.stop if the hub does not have the next message.
func (r *run[E]) memory(ctx context.Context, l *tail[E]) iteratee.Step {
	r.tail, r.attached = l, false
	source := l.hub.From(r.at)
	if last := l.hub.Position(); r.known && last.Epoch == r.at.Epoch && last.Seq < r.at.Seq { // the hub is behind the store
		source = l.hub.From(last)
	}
	step := source.Into(ctx, r)
	switch {
	case !step.IsCont(): // the hub has not ended
		return step
	case l.ended.Load() < r.at.Seq: // the topic has been deleted since, and the hub is behind
		return r.wait(ctx)
	}
	r.at.Seq = l.ended.Load()
	return r.reached()
}

// wait lets time pass for a store or a hub that is behind. It returns the step of r.stop.
func (r *run[E]) wait(ctx context.Context) iteratee.Step {
	r.pause = min(max(2*r.pause, shortest), longest)
	if err := r.topics.sleep(ctx, r.pause); err != nil {
		return iteratee.StepError(err)
	}
	return r.stop.Step()
}

// Next takes an Item of the hub.
func (r *run[E]) Next(item enumerator.Item[E]) iteratee.Step {
	switch {
	case item.Reset || item.Gap.N > 0:
		return r.stop.Step()
	case !r.attached:
		r.attached, r.known, r.live = true, true, false
		if r.at == (enumerator.Position{}) {
			r.at = item.Position
		}
		return r.begin(r.at, false)
	case item.Position.Seq <= r.at.Seq: // the run has read it in the store
		return iteratee.StepCont
	case r.tail.bad.has(item.Position.Seq):
		item.Gap = enumerator.Gap{From: item.Position, N: 1}
	case r.tail.blank.has(item.Position.Seq):
		item.Bookmark = true
	}
	if r.marked { // almost always true; this saves copies of item
		r.at = item.Position
		return r.sink.Next(item)
	}
	return r.hand(item)
}

func (r *run[E]) EOF() iteratee.Step { return r.sink.EOF() }
func (r *run[E]) Rest() iteratee.Input[enumerator.Item[E]] {
	return iteratee.Empty[enumerator.Item[E]]()
}

// begin sets the place of the run. It hands on a notice if this is the beginning, or if reset is set.
func (r *run[E]) begin(at enumerator.Position, reset bool) iteratee.Step {
	r.at, r.known = at, true
	if reset {
		r.topics.counts.resets.Add(1)
	}
	if !reset && r.begun {
		return r.reached()
	}
	if !r.begun && r.isAtTarget() {
		r.marked = true
	}
	r.begun = true
	return r.hand(enumerator.Item[E]{Position: at, Reset: reset, Bookmark: !reset})
}

// hand hands on item, and a Bookmark if the target is reached.
func (r *run[E]) hand(item enumerator.Item[E]) iteratee.Step {
	r.at = item.Position
	r.marked = r.marked || item.Bookmark && r.isAtTarget()
	if step := r.sink.Next(item); !step.IsCont() || r.marked {
		return step
	}
	return r.reached()
}

func (r *run[E]) isAtTarget() bool { return r.at.Epoch == r.target.Epoch && r.at.Seq >= r.target.Seq }

func (r *run[E]) reached() iteratee.Step {
	if r.marked || !r.isAtTarget() {
		return iteratee.StepCont
	}
	r.marked = true
	return r.sink.Next(enumerator.Item[E]{Position: r.at, Bookmark: true})
}

// stored hands on a batch of the store. end is an earlier end of the topic. stored returns the step of r.stop if
// there may be more.
func (r *run[E]) stored(ctx context.Context, end enumerator.Position) iteratee.Step {
	if !r.begun {
		r.at = r.start.After // has may have changed it
	}
	placed := r.at != enumerator.Position{}
	place := r.start
	if placed {
		place = Place{After: r.at}
	}
	entries, ok, err := r.topics.read(ctx, r.name, place)
	if err != nil {
		return iteratee.StepError(err)
	}
	at := r.at
	if !placed || !ok { // begin at the oldest entry, or at the end if no entry is kept
		at = end
		if len(entries) > 0 {
			at = entries[0].Position
			at.Seq--
		}
	}
	if step := r.begin(at, placed && !ok); !step.IsCont() {
		return step
	}
	if len(entries) == 0 && (at.Epoch != end.Epoch || at.Seq < end.Seq) { // the store is behind
		return r.wait(ctx)
	}
	r.pause = 0
	return r.handAll(ctx, entries)
}

// handAll hands on entries of the store.
func (r *run[E]) handAll(ctx context.Context, entries []Entry) iteratee.Step {
	cork := iteratee.Cork(ctx)
	defer cork(false)
	for i, e := range entries {
		if r.finite && r.marked {
			break
		}
		if e.Kind == Ended {
			r.at = e.Position
			return r.reached()
		}
		item := enumerator.Item[E]{Position: e.Position}
		if e.isBlank() {
			item.Bookmark = true
		} else if value, ok := r.topics.decode(e.Data); ok {
			item.Value = value
		} else {
			item.Gap = enumerator.Gap{From: e.Position, N: 1}
		}
		if i < len(entries)-1 {
			cork(true)
		}
		if step := r.hand(item); !step.IsCont() {
			return step
		}
		if step := iteratee.Cancelled(ctx); !step.IsCont() {
			return step
		}
	}
	return r.stop.Step()
}
