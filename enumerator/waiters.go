package enumerator

import (
	"sync"
	"sync/atomic"
)

// waiters are the runs that wait for news of a hub. Whoever has news rings: that wakes one of
// them, and each that is woken wakes two more, so that ringing takes the same time however many
// there are. It never waits for the lock either: who holds that answers in its place.
type waiters struct {
	n    atomic.Int64 // how many there are
	rung atomic.Bool  // and not answered yet

	mu    sync.Mutex // for what follows
	group *group     // nil if there are none
}

// waiter is one of them. It is told by its bell; one without a goroutine of its own could be
// told by a function.
type waiter struct {
	bell  chan struct{} // holds one signal
	group *group
	at    int // in the group
}

// group is woken together. Its waiters form a binary heap: those after i are 2i+1 and 2i+2.
type group struct {
	waiters []*waiter
	asleep  atomic.Int64
}

var groups = sync.Pool{New: func() any { return new(group) }}

// add has the bell of w rung once, when there are news. Those that came before it was added
// may not ring it.
func (ws *waiters) add(w *waiter) {
	ws.mu.Lock()
	defer ws.unlock()
	if ws.group == nil {
		ws.group = groups.Get().(*group)
	}
	w.group, w.at = ws.group, len(ws.group.waiters)
	w.group.waiters = append(w.group.waiters, w)
	ws.n.Add(1)
}

// remove reports whether it came before the bell of w was rung, or is about to be.
func (ws *waiters) remove(w *waiter) bool {
	ws.mu.Lock()
	defer ws.unlock()
	if w.group != ws.group {
		return false
	}
	last := len(w.group.waiters) - 1
	moved := w.group.waiters[last]
	w.group.waiters[w.at], moved.at = moved, w.at
	w.group.waiters[last] = nil
	w.group.waiters = w.group.waiters[:last]
	ws.n.Add(-1)
	return true
}

func (ws *waiters) unlock() {
	ws.mu.Unlock()
	ws.answer()
}

// ring wakes all.
func (ws *waiters) ring() {
	if ws.n.Load() > 0 {
		ws.rung.Store(true)
		ws.answer()
	}
}

func (ws *waiters) answer() {
	for ws.rung.Load() && ws.mu.TryLock() {
		ws.rung.Store(false)
		g := ws.group
		ws.group = nil
		ws.n.Store(0)
		ws.mu.Unlock()
		if g != nil {
			g.asleep.Store(int64(len(g.waiters)))
			g.wake(0)
		}
	}
}

// wakeOthers is what each calls that was woken.
func (w *waiter) wakeOthers() {
	g := w.group
	g.wake(2*w.at + 1)
	g.wake(2*w.at + 2)
	if g.asleep.Add(-1) == 0 {
		clear(g.waiters)
		g.waiters = g.waiters[:0]
		groups.Put(g)
	}
}

func (g *group) wake(i int) {
	if i < len(g.waiters) {
		g.waiters[i].bell <- struct{}{}
	}
}
