package enumerator

import (
	"sync"
	"sync/atomic"
)

// waiters are the runs that wait for news of a hub. ring wakes one of them, and each one that wakes up
// wakes two more, so ring takes the same time for any number of waiters. ring does not wait for the
// lock either: the goroutine that holds the lock does the waking when it unlocks.
type waiters struct {
	n    atomic.Int64 // the number of waiters in group
	rung atomic.Bool  // ring was called and not answered yet

	mu    sync.Mutex // guards the fields below
	group *group     // nil if there are no waiters
}

// waiter is one waiting run. Its bell wakes it.
type waiter struct {
	bell  chan bool // holds one signal: true for news, false if the waiter has left
	left  bool
	group *group
	at    int // the index in group
}

// group is a set of waiters that wake up together. They form a binary heap: waiter i wakes 2i+1 and
// 2i+2.
type group struct {
	waiters []*waiter
	asleep  atomic.Int64
}

var groups = sync.Pool{New: func() any { return new(group) }}

// add makes the bell of w ring once, when there is news or w leaves. News that came before add may not
// ring it. add returns false if w has left.
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

// leave removes w for good: a pending wait returns false, and later calls of add fail. Any goroutine may
// call leave.
func (ws *waiters) leave(w *waiter) {
	ws.mu.Lock()
	defer ws.unlock()
	w.left = true
	g := ws.group
	if g == nil || w.at >= len(g.waiters) || g.waiters[w.at] != w {
		return // w does not wait, or is about to be woken
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

// ring wakes all waiters.
func (ws *waiters) ring() {
	if ws.n.Load() > 0 {
		ws.rung.Store(true)
		ws.answer()
	}
}

// answer wakes the waiters if ring was called, unless another goroutine holds the lock.
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

// wait returns when the bell rings. It returns true if there is news, after waking others, and false if
// w has left.
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
