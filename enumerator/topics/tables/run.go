package tables

import (
	"context"
	"encoding/json"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// batch is the number of rows that a run reads from the Store at once.
const batch = 256

// From returns an Enumerator of the changes after p, and then of the changes to come. If p is the zero Position, or if
// the Store no longer knows the changes after p, a run begins with all rows, in the order of their last changes.
//
// A run hands on these notices:
//
//   - A Reset says that all rows follow. The reader must forget the rows that it has.
//   - A Bookmark says that the reader has the state of the table. It comes after the rows that follow a Reset, or after
//     the changes between p and the beginning of the run.
//   - A Gap of 1 takes the place of a row that could not be decoded, or of an entry of the topic that is not a row.
//
// A row that has changed several times may be handed on only once, with its last value. A reader can stop after any
// Item, even before the Bookmark, and go on from the Position of the Item.
//
// A run runs out when the topic has ended. It waits while the Store does not answer. It fails with [topics.ErrName] if the name
// of the table is not valid, and with [topics.ErrClosed] when the [Tables] is closed. A run takes place in the goroutine of
// the caller.
func (t Table[V]) From(p enumerator.Position) enumerator.Enumerator[enumerator.Item[Change[V]]] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[Change[V]]]) iteratee.Step {
		r := &run[V]{table: t, Sink: sink, at: p}
		for {
			if step := r.state(ctx); !step.IsCont() {
				return step
			}
			if step := t.topic().From(r.end).Into(ctx, r); step != r.stop.Step() {
				return step
			}
		}
	})
}

// Last returns From of the zero Position. It ignores n: a reader that comes for the first time needs all rows.
func (t Table[V]) Last(int) enumerator.Enumerator[enumerator.Item[Change[V]]] {
	return t.From(enumerator.Position{})
}

// Rows returns an Enumerator of a Reset, all rows, and a Bookmark. Then it runs out. A run waits and fails like a run
// of [Table.From]. Because of the Reset, [enumerator.Values] needs a function that returns nil for a Reset.
func (t Table[V]) Rows() enumerator.Enumerator[enumerator.Item[Change[V]]] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[Change[V]]]) iteratee.Step {
		return (&run[V]{table: t, Sink: sink}).state(ctx)
	})
}

// run is one run of a table. It is also the Sink of the run of the topic that follows the state.
type run[V any] struct {
	iteratee.Sink[enumerator.Item[Change[V]]]
	table Table[V]
	at    enumerator.Position // the Position of the last Item
	end   enumerator.Position // the last Position of the topic before the state was read
	stop  iteratee.Stop       // says that changes were lost, so that the run reads the state again
}

// Next takes an Item of the topic.
func (r *run[V]) Next(item enumerator.Item[Change[V]]) iteratee.Step {
	switch {
	case item.Reset:
		return r.stop.Step()
	case item.Bookmark, item.Position.Epoch == r.at.Epoch && item.Position.Seq <= r.at.Seq: // the state has it
		return iteratee.StepCont
	}
	return r.hand(item)
}

func (r *run[V]) hand(item enumerator.Item[Change[V]]) iteratee.Step {
	r.at = item.Position
	return r.Sink.Next(item)
}

// state hands on the changes since r.at, or all rows, and then a Bookmark.
func (r *run[V]) state(ctx context.Context) iteratee.Step {
	t := r.table
	var err error
	if r.at != (enumerator.Position{}) {
		if r.end, err = t.topic().LastPosition(ctx); err != nil {
			return iteratee.StepError(err)
		}
		if r.at == r.end { // nothing has changed
			return r.hand(enumerator.Item[Change[V]]{Position: r.at, Bookmark: true})
		}
	}
	if r.end, err = t.last(ctx); err != nil {
		return iteratee.StepError(err)
	}
	cork := iteratee.Cork(ctx)
	defer cork(false)
	cork(true)
	place := topics.Place{State: true, After: r.at}
	for first := true; ; first = false {
		entries, ok, err := t.read(ctx, place)
		switch {
		case err != nil:
			return iteratee.StepError(err)
		case !ok && !first: // the topic was deleted
			r.at = enumerator.Position{}
			return r.state(ctx)
		case !ok || r.at == enumerator.Position{}:
			// A reader that stops here has nothing, so it goes on from the beginning.
			none := enumerator.Position{Epoch: r.end.Epoch}
			if step := r.hand(enumerator.Item[Change[V]]{Position: none, Reset: true}); !step.IsCont() {
				return step
			}
			place.Began = r.end
		case first:
			place.Began = r.at
		}
		for _, e := range entries {
			place.After = e.Position
			if e.Kind == topics.Removed && place.Began == r.end && e.Position.Seq <= r.end.Seq { // before the rows were read
				continue
			}
			if step := r.hand(itemOf[V](e)); !step.IsCont() {
				return step
			}
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
		}
		// The run of the topic has later entries, so a reader does not wait until the table is at rest.
		if last := place.After; len(entries) == 0 || last.Epoch == r.end.Epoch && last.Seq >= r.end.Seq {
			break
		}
	}
	cork(false)
	if r.at.Epoch != r.end.Epoch || r.at.Seq < r.end.Seq {
		r.at = r.end
	}
	return r.hand(enumerator.Item[Change[V]]{Position: r.at, Bookmark: true})
}

func itemOf[V any](e topics.Entry) enumerator.Item[Change[V]] {
	item := enumerator.Item[Change[V]]{Position: e.Position}
	if err := json.Unmarshal(changeOf(e).Data, &item.Value); err != nil {
		item.Value, item.Gap = Change[V]{}, enumerator.Gap{From: e.Position, N: 1}
	}
	return item
}

// last asks the Store for the last Position of the table.
func (t Table[V]) last(ctx context.Context) (p enumerator.Position, err error) {
	err = t.tables.ask(ctx, func(ctx context.Context) error {
		last, stop, err := t.tables.store.Watch(ctx, t.name, func(topics.Entry) {}, func(error) {})
		if err == nil {
			p = last
			stop()
		}
		return err
	})
	return p, err
}

func (t Table[V]) read(ctx context.Context, place topics.Place) (entries []topics.Entry, ok bool, err error) {
	err = t.tables.ask(ctx, func(ctx context.Context) (err error) {
		entries, ok, err = t.tables.store.Read(ctx, t.name, place, batch)
		return err
	})
	return entries, ok, err
}

// getting is a Sink that finds a row.
type getting[V any] struct {
	key  string
	last enumerator.Item[Change[V]]
	ok   bool
}

func (g *getting[V]) Next(item enumerator.Item[Change[V]]) iteratee.Step {
	switch {
	case item.Reset:
		g.last, g.ok = enumerator.Item[Change[V]]{}, false
	case item.Value.Key == g.key && !item.Bookmark:
		g.last, g.ok = item, !item.Value.Deleted
		if !g.ok {
			g.last = enumerator.Item[Change[V]]{}
		}
	}
	return iteratee.StepCont
}

func (g *getting[V]) EOF() iteratee.Step { return iteratee.StepCont }
func (g *getting[V]) Rest() iteratee.Input[enumerator.Item[Change[V]]] {
	return iteratee.Empty[enumerator.Item[Change[V]]]()
}
