package httpadapter

import "sync"

// A turn is a lock that goroutines get in the order in which they ask for it. A run that always has
// another chunk would keep a sync.Mutex from the timer. Besides, waiting for a sync.Mutex holds up the
// clock of a synctest bubble, and waiting for a sync.Cond does not.
type turn struct {
	mu   sync.Mutex
	next uint32     // the number of the next goroutine that asks
	now  uint32     // the number of the goroutine that has the lock, or of the next one to get it
	free *sync.Cond // nil if no goroutine has had to wait yet
}

func (t *turn) lock() {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.next
	t.next++
	for mine != t.now {
		if t.free == nil {
			t.free = sync.NewCond(&t.mu)
		}
		t.free.Wait()
	}
}

func (t *turn) unlock() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now++
	if t.free != nil {
		t.free.Broadcast()
	}
}
