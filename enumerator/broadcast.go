package enumerator

import (
	"context"
	"errors"
	"fmt"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// A Hub hands each element that is pushed into it to any number of runs, which come and go at any time.
// Several goroutines may call its methods at once, and its Enumerators can be run any number of times.
// [Broadcast] makes a Hub. The zero Hub is not usable.
//
// A Hub holds the last elements that were pushed, as many as [Capacity] says, in a ring. Each run reads
// the ring at its own place. [CapacityFunc] limits the sizes of these elements as well. A push takes the same
// time for any number of runs: runs that wait wake one another. The ring is kept up to date even if no
// run is attached, for runs that begin later.
//
// A run is a full ring behind if it has not taken an element that must leave the ring at the next push. Then
// the policy of the hub applies. It is [DropOldest] unless [WhenFull] sets another:
//
//   - Block: the push waits until each run has taken the elements that must leave.
//   - DropOldest: the run continues with the oldest element that is held.
//   - DropNewest: pushed elements are dropped for all runs until no run is a full ring behind.
//   - FailSlow: the run fails with [ErrSlow].
//
// No drop is silent: a run that has lost elements gets an [Item] in their place that says so.
//
// The Enumerators of a Hub differ in their first element. [Hub.Live] begins with the first element that is
// pushed after the run has begun. [Hub.Last] begins with elements that are held, for a run that comes late.
// [Hub.From] continues where an earlier run has ended, for a client that comes back: it begins with the
// element after a Position. [Hub.FromOrLast] serves both kinds of clients. No element is lost or repeated
// between the elements that are held and the new ones.
//
// Each run gets a notice before its first element. It is a Bookmark with the Position where the run begins, so
// a client can come back to this place even if it has got no element yet. It is a Reset if the hub no longer
// knows which elements came after the Position given to From. [Values] leaves out these notices.
//
// A hub numbers its elements itself, and its history is gone when the process ends. Package topics has named hubs
// over a store. A store can outlast the process, and many processes can share it.
//
// When the hub has ended, each run gets the elements that were pushed before, then the end. A run that
// begins later gets its first notice and the end.
type Hub[E any] struct {
	ring[E]
	waiters waiters
}

// Broadcast returns a new Hub. A Hub need not be closed.
//
// Play calls it Concurrent.broadcast, and returns the Enumerator and the Channel as two values.
func Broadcast[E any](opts ...PushOption) *Hub[E] {
	return newHub[E]("Broadcast", configOf(DropOldest, opts))
}

func newHub[E any](function string, config pushConfig) *Hub[E] {
	h := new(Hub[E])
	h.init(function, config)
	return h
}

// Push hands e to all runs. After the end it returns [ErrEnded].
//
// Under the policy [Block], Push waits until no run is a full ring behind. If ctx ends first, Push
// returns the cause of ctx and e is not pushed. A consumer must not push into a hub that waits for that
// consumer. Under the other policies Push does not wait, and a drop is not an error.
func (h *Hub[E]) Push(ctx context.Context, e E) error {
	return h.push(ctx, nil, e)
}

// PushAt is like [Hub.Push], but the caller chooses the Position of e, such as its number in a log that many hubs
// read. p must have the Epoch of the hub and come after [Hub.Position]; otherwise PushAt returns an error, and e is
// not pushed. A new hub has an Epoch of its own; [Hub.Reset] changes it.
//
// Such Positions may skip numbers. So after the first PushAt or Reset, [Hub.From] continues only at the Position of
// an element that is held, of the last element that was dropped, or of the last Reset. PushAt panics if the policy
// is [DropNewest], which counts dropped elements by their numbers.
func (h *Hub[E]) PushAt(ctx context.Context, p Position, e E) error {
	if h.policy == DropNewest {
		panic("enumerator: PushAt: the policy of the hub must not be DropNewest")
	}
	return h.push(ctx, &p, e)
}

func (h *Hub[E]) push(ctx context.Context, p *Position, e E) error {
	err := h.ring.push(ctx, p, e)
	if err == nil {
		h.waiters.ring()
	}
	return err
}

// Reset drops the elements that are held. The hub continues after p, with the Epoch of p. Each attached run gets a
// Reset at p, and does not get the dropped elements. Reset is for a hub whose elements come from a log: call it when
// the hub begins, and when it may have missed elements. After the end Reset has no effect.
func (h *Hub[E]) Reset(p Position) {
	h.ring.reset(p)
	h.waiters.ring()
}

// End makes each run run out when it has got the elements that were pushed before. The consumers stay
// open for another source. Only the first of several ends counts.
func (h *Hub[E]) End() { h.finish(&ending{}) }

// EOFAndEnd is [Hub.End], but each run sends EOF, so no source can follow.
func (h *Hub[E]) EOFAndEnd() { h.finish(&ending{eof: true}) }

// EndWithError is [Hub.End], but each run fails with err. It panics if err is nil.
func (h *Hub[E]) EndWithError(err error) { h.finish(failing(err)) }

func (h *Hub[E]) finish(end *ending) {
	h.ring.finish(end)
	h.waiters.ring()
}

// Runs returns the number of attached runs.
func (h *Hub[E]) Runs() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs
}

// Held returns the number of elements that are held.
func (h *Hub[E]) Held() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int(h.held())
}

// Policy returns the policy of the hub. A function that gets the options from its caller can check it.
func (h *Hub[E]) Policy() Policy { return h.policy }

// Position returns the Position of the last element that was pushed. A client that first gets the state of
// the application as of this Position, and then a run of [Hub.From] with the Position, misses nothing.
func (h *Hub[E]) Position() Position { return h.position() }

// Live returns an Enumerator of the elements that are pushed after a run has begun.
func (h *Hub[E]) Live() Enumerator[Item[E]] { return h.items(h.live) }

// Last returns an Enumerator of the last n elements that are held when a run begins, or of all if fewer
// are held, and then of the elements that are pushed after that. It panics if n is negative.
//
// ReactiveX calls it a replay subject.
func (h *Hub[E]) Last(n int) Enumerator[Item[E]] { return h.items(h.lastN(n)) }

// From returns an Enumerator of the elements that were pushed, and will be pushed, after the element at p. If
// the hub no longer holds all elements after p, or if p belongs to another hub, the run begins with a Reset
// and the oldest element that is held. With the zero Position, From is the same as [Hub.Live].
func (h *Hub[E]) From(p Position) Enumerator[Item[E]] { return h.items(h.from(p)) }

// FromOrLast returns From(p), or Last(n) if p is the zero Position. It serves clients that come back and clients
// that come for the first time. It panics if n is negative.
func (h *Hub[E]) FromOrLast(p Position, n int) Enumerator[Item[E]] {
	check.NotNegative("enumerator: FromOrLast: n", n)
	if p == (Position{}) {
		return h.Last(n)
	}
	return h.From(p)
}

func (h *Hub[E]) items(start start) Enumerator[Item[E]] {
	return New(func(ctx context.Context, sink iteratee.Sink[Item[E]]) iteratee.Step {
		c := h.attach(start)
		defer h.detach(c)
		return h.drive(ctx, sink, c)
	})
}

// drive is a run that reads at c.
func (h *Hub[E]) drive(ctx context.Context, sink iteratee.Sink[Item[E]], c *cursor) iteratee.Step {
	me := waiter{bell: make(chan bool, 1)}
	// This costs a run less than a select of the bell and the context would cost each element.
	defer context.AfterFunc(ctx, func() { h.waiters.leave(&me) })()
	cork := iteratee.Cork(ctx)
	defer cork(false)
	for {
		item, ok, end := h.read(c)
		if step := iteratee.Cancelled(ctx); !step.IsCont() {
			return step
		}
		switch {
		case ok && h.policy == FailSlow && item.Gap.N > 0:
			return iteratee.StepError(item.slow())
		case ok:
			if h.hasNews(c) {
				cork(true)
			}
			if step := sink.Next(item); !step.IsCont() {
				return step
			}
		case end != nil:
			return answerEnd(end, sink)
		default:
			cork(false)
			if !h.wait(&me, c) {
				return iteratee.Cancelled(ctx)
			}
		}
	}
}

// wait returns true when there may be something to read at c, and false if me has left.
func (h *Hub[E]) wait(me *waiter, c *cursor) bool {
	if !h.waiters.add(me) {
		return false
	}
	if h.hasNews(c) { // it came before me was added
		h.waiters.ring()
	}
	return me.wait()
}

// An Item is a message, which is an element of a [Hub], or a notice about messages. At most one of Gap, Reset,
// Bookmark and End is set. If one of them is set, the Item is a notice and Value is zero.
type Item[E any] struct {
	Value E

	// Position is the Position with which [Hub.From] continues after this Item.
	Position Position

	// Event is the name that a program gives to the Item. If items.Join has merged several sources, Event is
	// the name of the source of the Item.
	Event string

	// Cursor is the text with which a client resumes after this Item, if that is not the text of Position.
	// items.Join sets it.
	Cursor string

	// Gap is not zero if elements were dropped.
	Gap Gap

	// Reset is true if the hub cannot continue at the Position that was given to [Hub.From], and after a call of
	// [Hub.Reset]. All elements that are held follow, so state built from earlier elements must be built anew.
	Reset bool

	// Bookmark is true if the Item says only that the run is at Position: no message up to Position is still to
	// come. A run of a [Hub] begins with a Bookmark, unless it begins with a Reset. An adapter that drops
	// messages sends Bookmarks, so that clients know how far the run is.
	Bookmark bool

	// End is true if the source has ended for good. There is nothing to resume after it.
	End bool
}

// IsMessage reports whether i is a message, and not a notice.
func (i Item[E]) IsMessage() bool { return i.Gap.N == 0 && !i.Reset && !i.Bookmark && !i.End }

// ID returns the text with which a client resumes after i: Cursor or, if that is empty, the text of Position.
func (i Item[E]) ID() string {
	if i.Cursor != "" {
		return i.Cursor
	}
	return i.Position.String()
}

// A Source is a sequence of elements with Positions, such as a [Hub].
type Source[E any] interface {
	// From returns an Enumerator of the elements after the one at p, as [Hub.From] does.
	From(p Position) Enumerator[Item[E]]

	// Last returns an Enumerator of the last n elements and of those that come after them, as [Hub.Last] does.
	Last(n int) Enumerator[Item[E]]

	// Position returns the Position of the last element. It is the zero Position if the Source does not know it. A Source
	// that has to ask a server waits for the answer: a topic waits for up to two seconds while its Store is down.
	Position() Position
}

// A Gap is a sequence of N elements that were dropped. The first of them is at From. If the hub gets its Positions
// from [Hub.PushAt], the first of them can be after From.
type Gap struct {
	From Position
	N    uint64
}

// ErrLost is the error of a run of [Values] that has lost elements.
var ErrLost = errors.New("enumerator: elements were lost")

// Lost returns an error if i is a Gap or a Reset. The error wraps [ErrLost] and says which elements were lost.
// Otherwise Lost returns nil.
func (i Item[E]) Lost() error {
	switch {
	case i.Gap.N > 0:
		return fmt.Errorf("%w: %d from %v on", ErrLost, i.Gap.N, i.Gap.From)
	case i.Reset:
		return fmt.Errorf("%w: all up to %v", ErrLost, i.Position)
	}
	return nil
}

func (i Item[E]) slow() error { return fmt.Errorf("%w: %w", ErrSlow, i.Lost()) }

// Values returns an Enumerator of the Values of items. It calls lost with each Item that is a Gap or a
// Reset. An error of lost ends the run. If lost is nil, the error of [Item.Lost] ends the run. Bookmarks and Ends
// are left out.
func Values[E any](items Enumerator[Item[E]], lost func(Item[E]) error) Enumerator[E] {
	if lost == nil {
		lost = Item[E].Lost
	}
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		return items.driver()(ctx, &valuesOf[E]{sink, lost})
	})
}

type valuesOf[E any] struct {
	sink iteratee.Sink[E]
	lost func(Item[E]) error
}

func (v *valuesOf[E]) Next(i Item[E]) iteratee.Step {
	switch {
	case i.IsMessage():
		return v.sink.Next(i.Value)
	case i.Gap.N > 0 || i.Reset:
		if err := v.lost(i); err != nil {
			return iteratee.StepError(err)
		}
	}
	return iteratee.StepCont
}

func (v *valuesOf[E]) EOF() iteratee.Step            { return v.sink.EOF() }
func (v *valuesOf[E]) Rest() iteratee.Input[Item[E]] { return iteratee.Empty[Item[E]]() }
