package enumerator

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Unicast returns an Enumerator of the elements that are pushed into a [Channel]. Each run calls f once,
// with the channel of the run. f may push elements itself, or hand the channel to any number of
// goroutines. The elements of each goroutine keep their order.
//
// The source runs out when End is called, not when f returns. Elements that were pushed before are
// delivered first. Besides the element that the consumer is busy with, Unicast holds as many elements
// as [Capacity] and [CapacityFunc] allow. Then the policy applies, which is [Block] unless [WhenFull]
// sets another.
//
// f runs in a goroutine of its own. When the consumer is done or has failed, or the context has ended,
// the context of the channel ends. f should return then, because the run waits for it. A panic of f
// ends the run and the context of the consumer at once, and reaches the caller of the run. Unicast
// panics if f is nil.
//
// Play calls it Concurrent.unicast.
func Unicast[E any](f func(Channel[E]), opts ...PushOption) Enumerator[E] {
	if f == nil {
		panic("enumerator: Unicast: f must not be nil")
	}
	config := configOf(Block, opts)
	size := 1
	for size < config.capacity {
		size *= 2
	}
	new(sizes[E]).init("Unicast", config, 0) // panics here rather than in the first run
	return New(func(ctx context.Context, sink iteratee.Sink[E]) (last iteratee.Step) {
		cork, run := iteratee.Cork(ctx), ctx
		ctx, cancel := context.WithCancelCause(scope.Apart(ctx, nil)) // the context of f
		u := &unicast[E]{
			pushConfig: config,
			ctx:        ctx,
			bell:       make(chan struct{}, 1),
			ring:       make([]E, size),
		}
		u.sizes.init("Unicast", config, size)
		u.room.init()
		panicked := make(chan any, 1) // receives the panic value of f, or nil if f has returned
		go guard.Run("enumerator: Unicast: the function", func() { f(Channel[E]{u}) }, func(v any) {
			if v != nil {
				cancel(errUnicastPanic)
				scope.Fail(run, errUnicastPanic) // the consumer may be waiting for its context
			}
			panicked <- v
		})

		over := false // the run has ended without a panic
		defer func() {
			cause := last.Err()
			if cause == nil {
				cause = ErrStopped
			}
			u.leave(func() { cancel(cause) })
			if v := <-panicked; v != nil && over {
				panic(v)
			}
		}()
		last = u.drain(sink, cork)
		over = true
		return last
	})
}

var errUnicastPanic = errors.New("enumerator: Unicast: the function panicked")

// A Channel takes the elements of one run of [Unicast]. Several goroutines may call its methods at once,
// also when the run is over. Channels can be compared with ==.
//
// Play calls it Channel too.
type Channel[E any] struct{ u *unicast[E] }

// Context returns a context that ends when the run is over. Elements that are pushed later cannot be
// delivered. The cause is the error of the run, or [ErrStopped] if there is none.
func (c Channel[E]) Context() context.Context { return c.u.ctx }

// Push hands over e. If it returns an error, e will not be delivered. If it returns nil, e can still be
// lost when the run ends before the consumer has got e.
//
// After the end, Push returns [ErrEnded]. After the run, it returns the cause of [Channel.Context]. If
// there is no room, the policy decides:
//
//   - Block: Push waits until there is room, the stream is ended, the run is over or ctx ends. In the
//     last case it returns the cause of ctx. The consumer must not push into its own run, because it
//     would wait for itself.
//   - DropOldest, DropNewest: Push returns nil, and [Channel.Dropped] counts the dropped elements.
//   - FailSlow: Push returns [ErrSlow], and the run fails with ErrSlow as well.
func (c Channel[E]) Push(ctx context.Context, e E) error { return c.u.push(ctx, e) }

// Dropped returns the number of elements that the policy has dropped.
func (c Channel[E]) Dropped() uint64 {
	c.u.mu.Lock()
	defer c.u.mu.Unlock()
	return c.u.dropped
}

// End makes the source run out when the elements that were pushed before have been delivered. The
// consumer stays open for another source. Only the first of several ends counts.
func (c Channel[E]) End() { c.u.finish(&ending{}) }

// EOFAndEnd is [Channel.End], but the source sends EOF, so no source can follow.
func (c Channel[E]) EOFAndEnd() { c.u.finish(&ending{eof: true}) }

// EndWithError is [Channel.End], but the source fails with err. It panics if err is nil.
func (c Channel[E]) EndWithError(err error) { c.u.finish(failing(err)) }

// unicast is a ring that holds the elements from taken up to pushed. The consumer claims all of them
// at once and then takes them without the lock. Under the policy DropOldest, a push can drop elements
// of the ring, so the consumer takes each element with the lock.
type unicast[E any] struct {
	pushConfig
	sizes sizes[E] // their sum counts all elements that were pushed
	ctx   context.Context
	bell  chan struct{} // wakes the consumer
	room  room

	claimed uint64 // the consumer writes it, with the lock
	taken   atomic.Uint64
	sized   atomic.Int64 // the sum of the sizes of all elements that were taken

	mu      sync.Mutex // guards the fields below
	ring    []E        // its length is a power of two, for a fast modulo; nil when the run is over
	pushed  uint64
	seen    uint64 // the value of taken when push last read it
	waits   bool   // the consumer waits
	end     *ending
	dropped uint64
}

func (u *unicast[E]) push(ctx context.Context, e E) error {
	size, err := u.sizes.of(e)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.unlock()
	full := u.full(size)
	if full && u.open() && u.policy != DropNewest {
		if err := u.makeRoom(ctx, size); err != nil {
			return err
		}
		full = false
	}
	switch {
	case u.ring == nil:
		return context.Cause(u.ctx)
	case u.end != nil:
		return ErrEnded
	case full: // drop the newest
		u.dropped++
		return nil
	}
	*u.at(u.pushed) = e
	if u.sizes.count() {
		u.sizes.add(u.pushed, size)
	}
	u.pushed++
	return nil
}

// makeRoom applies the policy when there is no room. It returns an error if the element cannot be
// delivered.
func (u *unicast[E]) makeRoom(ctx context.Context, size int) error {
	switch u.policy {
	case Block:
		return u.await(ctx, size)
	case DropOldest:
		for u.full(size) {
			var zero E
			oldest := u.taken.Load()
			*u.at(oldest) = zero
			u.pass(oldest)
			u.dropped++
		}
	case FailSlow:
		u.end = &ending{err: ErrSlow}
		return ErrSlow
	}
	return nil
}

func (u *unicast[E]) at(i uint64) *E { return &u.ring[i&uint64(len(u.ring)-1)] }

func (u *unicast[E]) open() bool { return u.ring != nil && u.end == nil }

// full reports whether there is no room for one more element.
func (u *unicast[E]) full(size int) bool {
	if u.sizes.count() && u.fullFor(size) {
		return true
	}
	if u.pushed-u.seen < uint64(u.capacity) {
		return false
	}
	u.seen = u.taken.Load()
	return u.pushed-u.seen >= uint64(u.capacity)
}

func (u *unicast[E]) fullFor(size int) bool {
	held := u.sizes.sum - int(u.sized.Load()) // an element that is being taken still counts
	return held > 0 && size > u.most-held
}

// pass notes that the oldest element, whose index is i, has left the ring.
func (u *unicast[E]) pass(i uint64) {
	if !u.sizes.count() {
		u.taken.Store(i + 1)
		return
	}
	size := *u.sizes.at(i)
	u.taken.Store(i + 1) // from now on a push can use the place
	u.sized.Add(int64(size))
}

// await waits, without the lock, until there is room or the stream has ended. It returns an error if
// the run or ctx ends first.
func (u *unicast[E]) await(ctx context.Context, size int) error {
	return u.room.await(ctx, u.ctx, &u.mu, func() bool { return u.open() && u.full(size) })
}

// unlock releases the lock and wakes the consumer if it waits and there is something to take.
func (u *unicast[E]) unlock() {
	wake := u.waits && (u.pushed != u.claimed || u.end != nil)
	u.waits = u.waits && !wake
	u.mu.Unlock()
	if wake {
		u.bell <- struct{}{}
	}
}

func (u *unicast[E]) finish(end *ending) {
	u.mu.Lock()
	defer u.unlock()
	if u.end == nil {
		u.end = end
	}
	u.room.free()
}

// leave ends the run. No push comes between the end of the context and the end of the ring.
func (u *unicast[E]) leave(cancel func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	cancel()
	u.ring = nil // the channel may outlive the run
}

// drain runs the consumer.
func (u *unicast[E]) drain(sink iteratee.Sink[E], cork func(bool)) iteratee.Step {
	defer cork(false)
	corked := false
	for {
		e, ok, end := u.take()
		switch {
		case ok:
			u.room.free()
			if !corked && u.taken.Load() != u.claimed {
				corked = true
				cork(true)
			}
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
			if step := iteratee.Cancelled(u.ctx); !step.IsCont() {
				return step
			}
		case end != nil:
			return answerEnd(end, sink)
		default:
			corked = false
			cork(false)
			select {
			case <-u.bell:
			case <-u.ctx.Done():
				return iteratee.Cancelled(u.ctx)
			}
		}
	}
}

// take returns the next element if there is one, or the ending if there will be none. Otherwise the bell
// will ring.
func (u *unicast[E]) take() (e E, ok bool, end *ending) {
	if u.policy == DropOldest {
		u.mu.Lock()
		defer u.mu.Unlock()
		end = u.claim()
	} else if u.taken.Load() == u.claimed {
		u.mu.Lock()
		end = u.claim()
		u.mu.Unlock()
	}
	i := u.taken.Load()
	if i == u.claimed {
		return e, false, end
	}
	var zero E
	at := u.at(i)
	e, *at = *at, zero
	u.pass(i)
	return e, true, nil
}

// claim claims all elements that are there, and returns the ending, if any.
func (u *unicast[E]) claim() *ending {
	u.claimed = u.pushed
	u.waits = u.claimed == u.taken.Load() && u.end == nil
	return u.end
}
