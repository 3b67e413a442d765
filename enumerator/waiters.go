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
	bell  chan bool // holds one signal: whether there are news, or the waiter has left
	left  bool
	group *group
	at    int // in the group
}

// group is woken together. Its waiters form a binary heap: those after i are 2i+1 and 2i+2.
type group struct {
	waiters []*waiter
	asleep  atomic.Int64
}

var groups = sync.Pool{New: func() any { return new(group) }}

// add has the bell of w rung once, when there are news or w leaves. Those that came before it
// was added may not ring it. It returns false if w has left.
func (ws *waiters) add(w *waiter) bool {
	ws.mu.Lock()
	defer ws.unlock()
	if w.left {
		return false
	}
	if ws.group == nil {
		ws.group = groups.Get().(*group)
	}
	w.group, w.at = ws.group, len(ws.group.waiters)
	w.group.waiters = append(w.group.waiters, w)
	ws.n.Add(1)
	return true
}

// leave has w wait no longer, now and in future. It can be called by any goroutine.
func (ws *waiters) leave(w *waiter) {
	ws.mu.Lock()
	defer ws.unlock()
	w.left = true
	g := ws.group
	if g == nil || w.at >= len(g.waiters) || g.waiters[w.at] != w {
		return // it does not wait, or is about to be woken
	}
	last := len(g.waiters) - 1
	moved := g.waiters[last]
	g.waiters[w.at], moved.at = moved, w.at
	g.waiters[last] = nil
	g.waiters = g.waiters[:last]
	ws.n.Add(-1)
	w.bell <- false
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

// wait returns when the bell has been rung, and whether that is because of news. If so, others
// are woken as well.
func (w *waiter) wait() bool {
	if !<-w.bell {
		return false
	}
	g := w.group
	g.wake(2*w.at + 1)
	g.wake(2*w.at + 2)
	if g.asleep.Add(-1) == 0 {
		clear(g.waiters)
		g.waiters = g.waiters[:0]
		groups.Put(g)
	}
	return true
}

func (g *group) wake(i int) {
	if i < len(g.waiters) {
		g.waiters[i].bell <- true
	}
}
