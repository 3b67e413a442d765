package enumeratee

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/iteratee"
)

// handover is where the goroutine of a source hands elements over to the one of their
// consumer, as far as there is room. Unlike a channel it can tell whether the consumer
// waits, knows sizes, and gives back what was not taken; and the consumer takes all that
// waits in one go.
//
// An element for which the consumer waits goes past the room: with room for none, or for
// less than its size, it is handed over when the consumer is ready and nothing waits
// before it.
type handover[E any] struct {
	consumer *running
	inner    iteratee.Sink[E]
	max      int

	// Of the source's goroutine.
	put, seen int // the sizes of all that came in, and of what was taken out, when last seen
	late      iteratee.Input[E]
	failed    iteratee.Step
	timer     *time.Timer // of awaitFor

	mu     sync.Mutex
	queue  []waiting[E]
	idle   bool // the consumer waits, and nothing is in the queue; batch is the source's
	closed bool // nothing more comes
	over   bool // nothing more is taken

	wake  chan struct{} // the consumer
	room  chan struct{} // is for the source, which has set waits
	waits atomic.Bool
	taken atomic.Int64 // the sizes of all that was taken out

	// Of the consumer's goroutine.
	ctx   context.Context
	batch []waiting[E]
	next  int // in batch
}

type waiting[E any] struct {
	e    E
	size int
}

func newHandover[E any](max int) *handover[E] {
	return &handover[E]{max: max, idle: true, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// start starts the goroutine of the consumer.
func (h *handover[E]) start(stage Stage, inner iteratee.Sink[E]) *handover[E] {
	h.inner = inner
	h.consumer = goRun(stage, h.run)
	return h
}

// sink is the source's side. Its next calls offer or await, and refused after those.
func (h *handover[E]) sink(next func(E) iteratee.Step) (iteratee.Sink[E], iteratee.Step) {
	return iteratee.Sink[E]{
		Next: func(e E) iteratee.Step {
			if !h.failed.IsCont() {
				return h.failed
			}
			return next(e)
		},
		EOF:  h.eof,
		Rest: h.rest,
	}, iteratee.StepCont
}

// offer hands e over, if there is room or the consumer waits.
func (h *handover[E]) offer(e E, size int) bool {
	fits := size <= h.max-(h.put-h.seen)
	if !fits {
		h.seen = int(h.taken.Load())
		fits = size <= h.max-(h.put-h.seen)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.over:
		return false
	case h.idle:
		h.idle = false
		h.batch, h.next = append(h.batch[:0], waiting[E]{e, 0}), 0
		signal(h.wake)
	case fits:
		h.queue = append(h.queue, waiting[E]{e, size})
		h.put += size
	default:
		return false
	}
	return true
}

// await is offer, but waits for room until then, or until the consumer is over.
func (h *handover[E]) await(e E, size int, until <-chan time.Time) bool {
	for !h.offer(e, size) {
		h.waits.Store(true) // whoever makes room from now on tells
		if h.offer(e, size) {
			break
		}
		select {
		case <-h.room:
		case <-until:
			return false
		case <-h.consumer.over:
			return false
		}
	}
	return true
}

// awaitFor is offer, but waits for the consumer for as long as d.
func (h *handover[E]) awaitFor(e E, d time.Duration) bool {
	ok := h.offer(e, 1)
	if ok || d == 0 {
		return ok
	}
	if h.timer == nil {
		h.timer = time.NewTimer(d)
	}
	h.timer.Reset(d)
	defer h.timer.Stop()
	return h.await(e, 1, h.timer.C)
}

// takeBack takes back what waits, the last that came.
func (h *handover[E]) takeBack() (e E, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := len(h.queue) - 1
	if last < 0 || h.over {
		return e, false
	}
	w := h.queue[last]
	h.queue = h.queue[:last]
	h.put -= w.size
	return w.e, true
}

// refused answers for e, which was not handed over: how the consumer has ended, or else err.
func (h *handover[E]) refused(e E, err error) iteratee.Step {
	if h.late.IsEmpty() {
		h.late = iteratee.El(e)
	}
	if h.consumer.isOver() {
		return h.consumer.answer()
	}
	h.failed = iteratee.StepError(err)
	return h.failed
}

func (h *handover[E]) eof() iteratee.Step {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	signal(h.wake)
	return h.consumer.answer()
}

func (h *handover[E]) rest() iteratee.Input[E] {
	if !h.failed.IsCont() {
		h.consumer.stop()
	}
	if !h.consumer.isOver() {
		return iteratee.Empty[E]()
	}
	var es []E
	for _, queue := range [][]waiting[E]{h.batch[h.next:], h.queue} {
		for _, w := range queue {
			es = append(es, w.e)
		}
	}
	return h.inner.Rest().Then(iteratee.Els(es...)).Then(h.late)
}

// run is the goroutine of the consumer.
func (h *handover[E]) run(ctx context.Context) iteratee.Step {
	h.ctx = ctx
	defer func() {
		h.mu.Lock()
		h.over, h.idle = true, false
		h.mu.Unlock()
	}()
	for h.take(ctx) {
		for h.next < len(h.batch) {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
			w := &h.batch[h.next]
			e, size := w.e, w.size
			*w = waiting[E]{}
			h.next++
			if size > 0 {
				h.taken.Add(int64(size))
				h.tellRoom()
			}
			if step := h.inner.Next(e); !step.IsCont() {
				return step
			}
		}
	}
	return iteratee.Cancelled(ctx)
}

// take takes all that waits as the next batch, or waits until offer has made one. It
// returns false if nothing more comes.
func (h *handover[E]) take(ctx context.Context) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next < len(h.batch) {
		return true // made before the goroutine had begun
	}
	if len(h.queue) > 0 {
		h.queue, h.batch, h.next = h.batch[:0], h.queue, 0
		return true
	}
	for h.idle = true; h.idle; {
		if h.closed {
			return false
		}
		h.mu.Unlock()
		h.tellRoom()
		select {
		case <-h.wake:
		case <-ctx.Done():
		}
		h.mu.Lock()
		if ctx.Err() != nil {
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
