package items

import (
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// every is the number of messages that are dropped in a row before a Bookmark takes the place of the last.
const every = 64

// Filter returns the adapter that hands on the messages whose Values keep accepts. In all other respects
// Filter behaves like [FilterMap].
//
// ReactiveX calls it filter.
func Filter[E any](keep func(E) bool) enumeratee.Enumeratee[enumerator.Item[E], enumerator.Item[E]] {
	return FilterMap(func(e E) (E, bool) { return e, keep(e) })
}

// Map returns the adapter that replaces the Value of each message with the result of f. In all other respects
// Map behaves like [FilterMap].
//
// ReactiveX calls it map.
func Map[From, To any](f func(From) To) enumeratee.Enumeratee[enumerator.Item[From], enumerator.Item[To]] {
	return FilterMap(func(e From) (To, bool) { return f(e), true })
}

// FilterMap returns the adapter that calls f with the Value of each message. If f returns true, the adapter
// hands on the message with the value that f returns. Otherwise it drops the message. It hands on all
// notices.
//
// If 64 messages in a row are dropped, a Bookmark with the Position of the last one takes their place. The
// same happens at EOF if the last messages were dropped. So the Position of a client is at most 63 messages
// behind the run. If the [enumerator.Capacity] of the hub is much more than 64, a client that comes back does
// not get a Reset merely because messages were dropped.
//
// The leftovers are those of [enumeratee.Map]. The Bookmark at EOF is not left over.
//
// Play calls it Enumeratee.collect.
func FilterMap[From, To any](f func(From) (To, bool)) enumeratee.Enumeratee[enumerator.Item[From], enumerator.Item[To]] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[enumerator.Item[To]]) (iteratee.Sink[enumerator.Item[From]], iteratee.Step) {
		return &filterMap[From, To]{Stage: stage, out: out, f: f}, iteratee.StepCont
	})
}

type filterMap[From, To any] struct {
	enumeratee.Stage
	out     iteratee.Outlet[enumerator.Item[To]]
	f       func(From) (To, bool)
	dropped int                   // the number of messages since the last Item that was handed on
	at      enumerator.Item[To]   // the Bookmark in place of the last dropped message
	last    enumerator.Item[From] // the Item on which out has ended
	made    bool                  // out was handed a Bookmark at EOF
	end     iteratee.Step
}

func (m *filterMap[From, To]) Next(item enumerator.Item[From]) iteratee.Step {
	var none To
	if !item.IsMessage() {
		return m.handOn(item, with(item, none))
	}
	if value, ok := m.f(item.Value); ok {
		return m.handOn(item, with(item, value))
	}
	m.at = with(item, none)
	m.at.Event, m.at.Bookmark = "", true
	if m.dropped++; m.dropped == every {
		return m.handOn(item, m.at)
	}
	return m.end
}

// handOn hands on to in place of item.
func (m *filterMap[From, To]) handOn(item enumerator.Item[From], to enumerator.Item[To]) iteratee.Step {
	m.dropped = 0
	step := m.out.Next(to)
	if !step.IsCont() && m.end.IsCont() {
		m.last, m.end = item, step
	}
	return step
}

func (m *filterMap[From, To]) EOF() iteratee.Step {
	if m.dropped > 0 && m.end.IsCont() {
		m.dropped, m.made = 0, true
		m.end = m.out.Next(m.at)
	}
	if m.end.IsCont() {
		m.end = m.Stop()
	}
	return m.end
}

func (m *filterMap[From, To]) Rest() iteratee.Input[enumerator.Item[From]] {
	if _, ok := m.out.Rest().El(); ok && !m.made {
		return iteratee.El(m.last)
	}
	return iteratee.Empty[enumerator.Item[From]]()
}

// with returns item with another Value.
func with[To, From any](item enumerator.Item[From], value To) enumerator.Item[To] {
	return enumerator.Item[To]{
		Value: value, Position: item.Position, Event: item.Event, Cursor: item.Cursor,
		Gap: item.Gap, Reset: item.Reset, Bookmark: item.Bookmark, End: item.End,
	}
}
