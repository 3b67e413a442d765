package enumeratee

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// handover is where the goroutine of a source hands elements over to the one of their
// consumer, as far as there is room for their sizes. Unlike a channel it knows whether the
// consumer waits, hands over many elements at a time, and gives back what was not taken.
//
// An element for which the consumer waits takes no room. So with room for none, elements
// are handed over one by one.
type handover[E any] struct {
	stage    Stage
	consumer *running
	out      iteratee.Outlet[E]
	max      int

	// Of the source's goroutine.
	put, seen int         // the sizes of all that came, and of what was taken, as far as is known
	timer     *time.Timer // of offerFor
	failed    iteratee.Step
	late      iteratee.Input[E] // what was not handed over any more

	mu     sync.Mutex
	queue  []sized[E]
	idle   bool // the consumer waits, and queue is empty; batch is the source's
	closed bool // nothing more comes
	over   bool // nothing more is taken

	wake  chan struct{} // for the consumer
	room  chan struct{} // for the source, which sets waits before it waits
	waits atomic.Bool
	taken atomic.Int64 // the sizes of all that was taken

	// Of the consumer's goroutine.
	ctx   context.Context
	cork  func(bool)
	batch []sized[E]
	next  int // in batch
}

type sized[E any] struct {
	e    E
	size int
}

// mostRoom keeps sums of sizes from overflowing.
const mostRoom = math.MaxInt / 4

// mostIdle is for how many elements there is memory while none waits: a burst of small ones must not
// leave its own behind for as long as a stream lasts.
const mostIdle = 16 << 10

func newHandover[E any](room int) *handover[E] {
	return &handover[E]{max: min(room, mostRoom), idle: true, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// start starts the goroutine of the consumer.
func (h *handover[E]) start(stage Stage, out iteratee.Outlet[E]) *handover[E] {
	h.stage, h.out = stage, out
	h.cork = iteratee.Cork(stage.Context())
	h.consumer = goRun(stage, h.run)
	return h
}

// intake is the side of the source, where next takes each element.
type intake[E any] struct {
	*handover[E]
	next func(E) iteratee.Step
}

func (i intake[E]) Next(e E) iteratee.Step {
	if !i.failed.IsCont() {
		return i.failed
	}
	return i.next(e)
}

// hand hands e over and waits until there is room for it, or the consumer has taken it.
func (h *handover[E]) hand(e E, size int) iteratee.Step {
	h.mu.Lock()
	switch {
	case h.over:
		h.mu.Unlock()
		return h.refuse(e, nil)
	case h.idle:
		h.handTo(e)
	default:
		h.append(e, size)
	}
	h.mu.Unlock()
	return h.awaitRoom()
}

// handAll is hand of several elements, each of size 1.
func (h *handover[E]) handAll(es []E, ended *fast.Flag) (n int, step iteratee.Step) {
	for n < len(es) && step.IsCont() && !ended.Load() {
		h.fits(len(es))
		room := h.max - (h.put - h.seen) + 1 // the last has to wait
		h.mu.Lock()
		if h.over {
			h.mu.Unlock()
			return n + 1, h.refuse(es[n], nil)
		}
		if h.idle {
			h.handTo(es[n])
			n++
		}
		for ; n < len(es) && room > 0; room-- {
			h.append(es[n], 1)
			n++
		}
		h.mu.Unlock()
		step = h.awaitRoom()
	}
	return n, step
}

// handTo hands e to the consumer, which is idle.
func (h *handover[E]) handTo(e E) {
	h.idle = false
	h.batch, h.next = append(h.batch[:0], sized[E]{e, 0}), 0
	signal(h.wake)
}

func (h *handover[E]) append(e E, size int) {
	h.queue = append(h.queue, sized[E]{e, size})
	h.put += size
}

// fits reports whether there is room for size more.
func (h *handover[E]) fits(size int) bool {
	if size > h.max-(h.put-h.seen) {
		h.seen = int(h.taken.Load())
	}
	return size <= h.max-(h.put-h.seen)
}

func (h *handover[E]) awaitRoom() iteratee.Step {
	for !h.fits(0) {
		h.waits.Store(true) // whoever makes room from now on tells
		if h.fits(0) {
			break
		}
		select {
		case <-h.room:
		case <-h.consumer.over:
			return h.consumer.answer()
		}
	}
	return iteratee.StepCont
}

// offer hands e over, of size 1, if there is room for it or the consumer waits.
func (h *handover[E]) offer(e E) bool {
	fits := h.fits(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.over:
		return false
	case h.idle:
		h.handTo(e)
	case fits:
		h.append(e, 1)
	default:
		return false
	}
	return true
}

// offerFor is offer, again and again until d has passed.
func (h *handover[E]) offerFor(d time.Duration, e E) bool {
	ok := h.offer(e)
	if ok || d == 0 {
		return ok
	}
	if h.timer == nil {
		h.timer = time.NewTimer(d)
	}
	h.timer.Reset(d)
	defer h.timer.Stop()
	for {
		h.waits.Store(true)
		if h.offer(e) {
			return true
		}
		select {
		case <-h.room:
		case <-h.timer.C:
			return false
		case <-h.consumer.over:
			return false
		}
	}
}

// takeBack takes back the element that came last, if it has not been taken.
func (h *handover[E]) takeBack() (e E, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := len(h.queue) - 1
	if last < 0 || h.over {
		return e, false
	}
	back := h.queue[last]
	h.queue = h.queue[:last]
	h.put -= back.size
	return back.e, true
}

// refuse answers for e, which was not handed over: how the consumer has ended, or else err.
func (h *handover[E]) refuse(e E, err error) iteratee.Step {
	if h.late.IsEmpty() {
		h.late = iteratee.El(e)
	}
	if err == nil || h.ended() {
		return h.consumer.answer()
	}
	h.failed = iteratee.StepError(err)
	h.stage.fail(err)
	return h.failed
}

// ended reports whether the consumer takes no more.
func (h *handover[E]) ended() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

func (h *handover[E]) EOF() iteratee.Step {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	signal(h.wake)
	return h.consumer.answer()
}

func (h *handover[E]) Rest() iteratee.Input[E] {
	if !h.failed.IsCont() {
		h.consumer.stop()
	}
	if !h.consumer.isOver() {
		return iteratee.Empty[E]()
	}
	var es []E
	for _, left := range [][]sized[E]{h.batch[h.next:], h.queue} {
		for _, x := range left {
			es = append(es, x.e)
		}
	}
	return h.out.Rest().Then(iteratee.Els(es...)).Then(h.late)
}

// run is the goroutine of the consumer.
func (h *handover[E]) run(ctx context.Context) iteratee.Step {
	h.ctx = ctx
	defer h.cork(false)
	defer func() {
		h.mu.Lock()
		h.over, h.idle = true, false
		h.mu.Unlock()
	}()
	for h.take() {
		for h.next < len(h.batch) {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
			x := h.batch[h.next]
			h.batch[h.next] = sized[E]{}
			h.next++
			if x.size > 0 {
				h.taken.Add(int64(x.size))
				h.tellRoom()
			}
			if h.next < len(h.batch) {
				h.cork(true)
			}
			if step := h.out.Next(x.e); !step.IsCont() {
				return step
			}
		}
	}
	return iteratee.Cancelled(ctx)
}

// take makes a batch of all that waits, or waits until handTo has made one. It returns
// false if nothing more comes.
func (h *handover[E]) take() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next < len(h.batch) {
		return true // made before the goroutine had begun
	}
	if len(h.queue) > 0 {
		h.queue, h.batch, h.next = h.batch[:0], h.queue, 0
		return true
	}
	if cap(h.queue)+cap(h.batch) > mostIdle {
		h.queue, h.batch, h.next = nil, nil, 0
	}
	for h.idle = true; h.idle; {
		if h.closed {
			return false
		}
		h.mu.Unlock()
		h.tellRoom()
		h.cork(false)
		select {
		case <-h.wake:
		case <-h.ctx.Done():
		}
		h.mu.Lock()
		if h.ctx.Err() != nil {
			return false
		}
	}
	return true
}

func (h *handover[E]) tellRoom() {
	if h.waits.Load() && h.waits.Swap(false) {
		signal(h.room)
	}
}

// signal wakes whoever waits for ch, or will next.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
