package enumerator

import (
	"context"
	"errors"
	"fmt"

	"github.com/halley-go/halley/iteratee"
)

// A Hub hands what is pushed into it to any number of runs, which come and go at any time.
// Its methods may be called by several goroutines at once, and what it returns run any number of
// times. The zero Hub is not usable; [Broadcast] makes one.
//
// It holds the last elements that were pushed, [Capacity] of them, in a ring that all runs read,
// each at its own place. [CapacityFunc] bounds the ring by the sizes of elements as well. A push takes the same time however many runs there are; those that wait
// wake one another. With no run attached, the ring goes on to hold the last elements, for those
// who come later.
//
// A run is a full ring behind if it has not taken an element that must leave for the next one. It
// meets the policy of the hub, [DropOldest] unless [WhenFull] says otherwise:
//
//   - Block: a push waits until each run has taken what must leave.
//   - DropOldest: the run goes on with the oldest element that is held.
//   - DropNewest: as long as one run is a full ring behind, what is pushed is dropped for all.
//   - FailSlow: the run fails with [ErrSlow].
//
// No drop is silent: a run that has lost elements is told by an [Item], in their place.
//
// What different runs see: [Hub.Live] begins with what is pushed after the run has begun.
// [Hub.Last] begins with elements that are held, for one that comes late. [Hub.From] goes on where
// another run has ended, for a client that comes again: with the element after that Position, or
// with a Reset if the hub cannot tell any more what came after it. None of them loses or repeats
// anything between what is held and what is new.
//
// When the hub has ended, each run gets what was pushed before, and then the end; so does one that
// begins later.
type Hub[E any] struct {
	ring[E]
	waiters waiters
}

// Broadcast returns a new Hub, which holds nothing that has to be closed.
//
// It is Play's Concurrent.broadcast, in which the slowest consumer holds up all others, and which
// holds nothing for those who come late. The two parts that Play returns are one.
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
// Under the policy [Block], it waits until no run is a full ring behind, or until ctx ends: then
// its cause is returned and e is not pushed. Under the others it does not wait, and what is dropped
// is no error. A consumer must not push into a hub that waits for it.
func (h *Hub[E]) Push(ctx context.Context, e E) error {
	err := h.ring.push(ctx, e)
	if err == nil {
		h.waiters.ring()
	}
	return err
}

// End lets all runs run out, each when it has got what was pushed before. The consumers stay open
// for what follows. Only the first of several ends counts.
func (h *Hub[E]) End() { h.finish(&ending{}) }

// EOFAndEnd is End, and has each run send EOF, so that nothing can follow it.
func (h *Hub[E]) EOFAndEnd() { h.finish(&ending{eof: true}) }

// EndWithError is End, and has all runs fail with err. It panics if err is nil.
func (h *Hub[E]) EndWithError(err error) { h.finish(failing(err)) }

func (h *Hub[E]) finish(end *ending) {
	h.ring.finish(end)
	h.waiters.ring()
}

// Runs returns how many runs are attached.
func (h *Hub[E]) Runs() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs
}

// Position returns that of the last element that was pushed. A client that is given the state of
// things as of this Position, and then the run From it, misses nothing.
func (h *Hub[E]) Position() Position { return h.position(h.last.Load()) }

// Live returns the Enumerator of what is pushed after a run has begun.
func (h *Hub[E]) Live() Enumerator[Item[E]] { return h.items(h.live) }

// Last returns the Enumerator of the last n elements that are held when a run begins, fewer if
// there are not as many, and of what is pushed after that. It panics if n is negative.
//
// It is a replay subject of ReactiveX.
func (h *Hub[E]) Last(n int) Enumerator[Item[E]] { return h.items(h.lastN(n)) }

// From returns the Enumerator of what was and is pushed after the element at p. If elements after
// p are not held any more when a run begins, or if p is not one of this hub, the run begins with a
// Reset and with the oldest element that is held. From the zero Position it is Live.
func (h *Hub[E]) From(p Position) Enumerator[Item[E]] { return h.items(h.from(p)) }

func (h *Hub[E]) items(start start) Enumerator[Item[E]] {
	return New(func(ctx context.Context, sink iteratee.Sink[Item[E]]) iteratee.Step {
		c := h.attach(start)
		defer h.detach(c)
		return h.drive(ctx, sink, c)
	})
}

// drive is a run, which reads at c.
func (h *Hub[E]) drive(ctx context.Context, sink iteratee.Sink[Item[E]], c *cursor) iteratee.Step {
	me := waiter{bell: make(chan bool, 1)}
	// A select of the bell and the context would cost each element more than this the run.
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

// wait returns when there may be something to read at c, or false if me has left.
func (h *Hub[E]) wait(me *waiter, c *cursor) bool {
	if !h.waiters.add(me) {
		return false
	}
	if h.hasNews(c) { // it came before me
		h.waiters.ring()
	}
	return me.wait()
}

// An Item is a value, or what a run is told instead of one.
type Item[E any] struct {
	Value E

	// Position is where to go on after this Item: see [Hub.From].
	Position Position

	// Gap is not zero if elements were dropped. There is no Value then.
	Gap Gap

	// Reset says that the Position from which the run was to go on is not held any more, or is
	// not one of this hub. There is no Value then. All elements that are held follow, so whatever
	// was made of earlier ones has to be made anew.
	Reset bool
}

// A Gap is N elements that were dropped, the first of them at From.
type Gap struct {
	From Position
	N    uint64
}

// ErrLost is the error of a run of [Values] that has not seen all elements.
var ErrLost = errors.New("enumerator: elements were lost")

// Lost returns nil for a value. For a Gap or Reset it returns an error that wraps ErrLost and
// says how many elements were lost.
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

// Values returns the Enumerator of the values of items. lost is called with each Item that is
// a Gap or a Reset; an error that it returns ends the run. If it is nil, that is the error of
// [Item.Lost].
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
	if i.Gap.N == 0 && !i.Reset {
		return v.sink.Next(i.Value)
	}
	if err := v.lost(i); err != nil {
		return iteratee.StepError(err)
	}
	return iteratee.StepCont
}

func (v *valuesOf[E]) EOF() iteratee.Step            { return v.sink.EOF() }
func (v *valuesOf[E]) Rest() iteratee.Input[Item[E]] { return iteratee.Empty[Item[E]]() }
