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

// handover is the queue between the goroutine of a source and that of its consumer. The sizes of the elements
// in it add up to max at most. Unlike a channel, it knows whether the consumer waits, hands over several
// elements at a time, and gives back the elements that the consumer did not take.
//
// An element for which the consumer waits takes no room. So a queue without room hands elements over one by
// one.
type handover[E any] struct {
	stage    Stage
	consumer *running
	out      iteratee.Outlet[E]
	max      int

	// These belong to the goroutine of the source.
	put    int         // the size of all elements that came
	seen   int         // the value of taken when the source last read it
	timer  *time.Timer // of offerFor
	failed iteratee.Step
	late   iteratee.Input[E] // the first element that was refused

	mu     sync.Mutex
	queue  []sized[E]
	idle   bool // the consumer waits, and queue is empty; batch belongs to the source then
	closed bool // the source has ended
	over   bool // the consumer has ended

	wake  chan struct{} // wakes the consumer
	room  chan struct{} // wakes the source, which sets waits before it waits
	waits atomic.Bool
	taken atomic.Int64 // the size of all elements that the consumer has taken

	// These belong to the goroutine of the consumer.
	ctx   context.Context
	cork  func(bool)
	batch []sized[E]
	next  int // index in batch
}

type sized[E any] struct {
	e    E
	size int
}

// mostRoom keeps sums of sizes from overflowing.
const mostRoom = math.MaxInt / 4

// mostIdle is the largest capacity that an empty queue keeps. Without a limit, the memory of a long burst
// would stay until the stream ends.
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

// intake is the Sink that the source feeds. It calls next with each element.
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

// hand hands over e, and waits until the sizes of the elements in the queue add up to max at most.
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

// handAll does the same as hand for several elements of size 1.
func (h *handover[E]) handAll(es []E, ended *fast.Flag) (n int, step iteratee.Step) {
	for n < len(es) && step.IsCont() && !ended.Load() {
		h.fits(len(es))
		room := h.max - (h.put - h.seen) + 1 // awaitRoom waits with the last
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

// fits reports whether there is room for another element of this size.
func (h *handover[E]) fits(size int) bool {
	if size > h.max-(h.put-h.seen) {
		h.seen = int(h.taken.Load())
	}
	return size <= h.max-(h.put-h.seen)
}

func (h *handover[E]) awaitRoom() iteratee.Step {
	for !h.fits(0) {
		h.waits.Store(true) // from now on the consumer signals room
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

// offer hands over e, of size 1, if there is room for it or the consumer waits.
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

// offerFor repeats offer until it succeeds or d has passed.
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

// takeBack removes the element that came last and returns it, unless the consumer has taken it.
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

// refuse returns the answer to e, which was not handed over. It is the last answer of the consumer, if that
// has ended, otherwise err.
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

// ended reports whether the consumer has ended.
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

// take makes a batch of all elements in the queue, or waits until handTo has made one. It returns false if no
// more elements come.
func (h *handover[E]) take() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next < len(h.batch) {
		return true // handTo made it before the goroutine began
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

// signal wakes the goroutine that waits for ch, or the next one that will.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
