package enumerator

import (
	"context"
	"sync"
	"sync/atomic"
)

// room is where pushes wait while a ring is full.
type room struct {
	waiting atomic.Int64  // the number of pushes that wait
	freed   chan struct{} // wakes one of them, now or when it looks next; holds one signal
}

func (r *room) init() { r.freed = make(chan struct{}, 1) }

// free wakes one push if any waits. That one wakes the next.
func (r *room) free() {
	if r.waiting.Load() > 0 {
		r.signal()
	}
}

func (r *room) signal() {
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// await returns nil when full returns false, or the cause of ctx or run if one of them ends first.
// The caller holds mu. await unlocks it while it waits.
func (r *room) await(ctx, run context.Context, mu *sync.Mutex, full func() bool) (err error) {
	r.waiting.Add(1)
	for err == nil && full() {
		mu.Unlock()
		select {
		case <-r.freed:
		case <-run.Done():
			err = context.Cause(run)
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		mu.Lock()
	}
	r.waiting.Add(-1)
	r.free() // there may be room for another
	return err
}
