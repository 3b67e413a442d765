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

// Unicast returns the Enumerator of what is pushed into a [Channel]. f gets the channel of the
// run; it may push itself, or hand the channel to others, from any number of goroutines. The
// order of one goroutine's pushes is kept.
//
// The source runs out when one of them calls End: that f returns does not end it. Elements
// pushed before are delivered first. It holds at most [Capacity] elements, and no more than
// [CapacityFunc] says, besides the one that the consumer is busy with; then the policy applies, which
// is [Block] unless [WhenFull] says otherwise.
//
// f is called once per run, in a goroutine of its own, which has ended when the run of this
// source is over: when the consumer is done or has failed, or the context has ended, the
// context of the channel ends, and f should return. A panic of f ends the run at once, with the
// context of the consumer, and reaches its caller. Unicast panics if f is nil.
//
// It is Play's Concurrent.unicast with a bound. What Play's onComplete and onError are told
// is the cause of the channel's context.
func Unicast[E any](f func(Channel[E]), opts ...PushOption) Enumerator[E] {
	if f == nil {
		panic("enumerator: Unicast: f must not be nil")
	}
	config := configOf(Block, opts)
	size := 1
	for size < config.capacity {
		size *= 2
	}
	new(sizes[E]).init("Unicast", config, 0) // or the first run would panic
	return New(func(ctx context.Context, sink iteratee.Sink[E]) (last iteratee.Step) {
		cork, run := iteratee.Cork(ctx), ctx
		ctx, cancel := context.WithCancelCause(scope.Apart(ctx, nil)) // for the goroutine of f
		u := &unicast[E]{
			pushConfig: config,
			ctx:        ctx,
			bell:       make(chan struct{}, 1),
			ring:       make([]E, size),
		}
		u.sizes.init("Unicast", config, size)
		u.room.init()
		panicked := make(chan any, 1) // of f, with nil if it has returned
		go guard.Run("enumerator: Unicast: the function", func() { f(Channel[E]{u}) }, func(v any) {
			if v != nil {
				cancel(errUnicastPanic)
				scope.Fail(run, errUnicastPanic) // the consumer may wait for its context
			}
			panicked <- v
		})

		over := false // and no panic is on its way
		defer func() {
			cause := last.Err()
			if cause == nil {
				cause = ErrStopped
			}
			cancel(cause)
			u.leave()
			if v := <-panicked; v != nil && over {
				panic(v)
			}
		}()
		last = u.drain(sink, cork)
		over = true
		return last
	})
}

var errUnicastPanic = errors.New("enumerator: Unicast: the function has panicked")

// A Channel is where the elements of one run of [Unicast] are pushed. Its methods may be called
// by several goroutines at once, and when the run is over. Channels are compared with ==.
//
// It is Play's Channel.
type Channel[E any] struct{ u *unicast[E] }

// Context ends when nothing that is pushed can be delivered any more: the run is over. Its cause
// is then the error of the run or, if it has none, [ErrStopped].
func (c Channel[E]) Context() context.Context { return c.u.ctx }

// Push hands over e. An error says that e will not be delivered: [ErrEnded] after the end, the
// cause of [Channel.Context] when the consumer has gone, [ErrSlow] under the policy [FailSlow]
// if there is no room, which ends the run with ErrSlow as well. If the consumer goes later, it
// may not get what it was pushed.
//
// Under the policy [Block], Push waits for room until the run is over or ended, or ctx ends: then
// its cause is returned. The consumer must not push into its own run under this policy: it would
// wait for itself. Under the others Push does not wait; [Channel.Dropped] counts what they drop.
func (c Channel[E]) Push(ctx context.Context, e E) error { return c.u.push(ctx, e) }

// Dropped returns how many elements have been dropped by the policy.
func (c Channel[E]) Dropped() uint64 {
	c.u.mu.Lock()
	defer c.u.mu.Unlock()
	return c.u.dropped
}

// End lets the source run out when what was pushed before has been delivered. The consumer stays
// open for what follows. Only the first of several ends counts.
func (c Channel[E]) End() { c.u.finish(&ending{}) }

// EOFAndEnd is End, and has the source send EOF, so that nothing can follow it.
func (c Channel[E]) EOFAndEnd() { c.u.finish(&ending{eof: true}) }

// EndWithError is End, and has the source fail with err. It panics if err is nil.
func (c Channel[E]) EndWithError(err error) { c.u.finish(failing(err)) }

// unicast is a ring. Elements from taken up to pushed are in it. The consumer claims those that
// are there, and takes them without the lock; only if the policy can drop them it takes each with
// the lock.
type unicast[E any] struct {
	pushConfig
	sizes sizes[E] // their sum is that of all that were pushed
	ctx   context.Context
	bell  chan struct{} // wakes the consumer
	room  room

	claimed uint64 // the consumer's own
	taken   atomic.Uint64
	sized   atomic.Int64 // the sizes of all that was taken

	mu      sync.Mutex // for what follows
	ring    []E        // a power of two long, for the sake of the modulo; nil when the consumer has gone
	pushed  uint64
	seen    uint64 // what taken was when it was last looked at
	waits   bool   // the consumer does
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

// makeRoom does what the policy says if there is no room. It returns why e cannot be delivered.
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

// full reports whether there is no room for one more.
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
	held := u.sizes.sum - int(u.sized.Load()) // an element that is being taken counts still
	return held > 0 && size > u.most-held
}

// pass notes that the oldest element, at i, has left the ring.
func (u *unicast[E]) pass(i uint64) {
	if !u.sizes.count() {
		u.taken.Store(i + 1)
		return
	}
	size := *u.sizes.at(i)
	u.taken.Store(i + 1) // from now on its place can be taken
	u.sized.Add(int64(size))
}

// await waits, without the lock, until there is room or the stream has ended. It fails when that
// cannot be any more, or ctx ends.
func (u *unicast[E]) await(ctx context.Context, size int) error {
	return u.room.await(ctx, u.ctx, &u.mu, func() bool { return u.open() && u.full(size) })
}

// unlock wakes the consumer if there is something for which it waits.
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

func (u *unicast[E]) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ring = nil // the channel may be kept for long
}

// drain is the consumer's side.
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

// take returns the next element, if there is one; if there will be none, how it has ended. If
// neither, the bell will ring.
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

func (u *unicast[E]) claim() *ending {
	u.claimed = u.pushed
	u.waits = u.claimed == u.taken.Load() && u.end == nil
	return u.end
}
