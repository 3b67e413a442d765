package topicstest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// watcher records the calls of a watch.
type watcher struct {
	last    enumerator.Position
	stop    func()
	calls   atomic.Int64 // the number of calls of next and lost now
	overlap atomic.Bool

	mu    sync.Mutex // guards the fields below
	got   []topics.Entry
	losts int
	err   error
	late  int // the number of calls after lost
}

func (w *watcher) enter() func() {
	if w.calls.Add(1) > 1 {
		w.overlap.Store(true)
	}
	return func() { w.calls.Add(-1) }
}

func (w *watcher) next(e topics.Entry) {
	defer w.enter()()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, e)
	if w.losts > 0 {
		w.late++
	}
}

func (w *watcher) lost(err error) {
	defer w.enter()()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losts++
	w.err = err
}

// end returns the last Position that the watcher knows.
func (w *watcher) end() enumerator.Position {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got) == 0 {
		return w.last
	}
	return w.got[len(w.got)-1].Position
}

func (c *check) watchOf(s topics.Store, name string) *watcher {
	w := &watcher{}
	last, stop, err := s.Watch(c.ctx, name, w.next, w.lost)
	c.that(err == nil, "Watch of %.40q fails: %v", name, err)
	w.last, w.stop = last, stop
	return w
}

// wait waits until done, which is called with the lock of w, returns true.
func (c *check) wait(w *watcher, what string, done func() bool) {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		ok, late := done(), time.Now().After(end)
		got := list(w.got)
		w.mu.Unlock()
		if ok {
			return
		}
		if late {
			c.wrong("a watcher waits for %s, and has got %s", what, got)
		}
	}
}

// wants checks that w gets these entries, and no others.
func (c *check) wants(w *watcher, want ...enumerator.Position) {
	c.wait(w, fmt.Sprint(want), func() bool { return len(w.got) >= len(want) || w.losts > 0 })
	w.mu.Lock()
	defer w.mu.Unlock()
	c.that(w.losts == 0, "a watcher is told that entries are lost: %v", w.err)
	c.that(slices.Equal(positionsOf(w.got), want), "a watcher gets %s, and should get %v", list(w.got), want)
	c.that(!w.overlap.Load(), "a watcher is called while it is called")
}

// watch begins watches while both programs append.
func (c *check) watch() {
	const appends, watches, writers = 50, 12, 4
	c.new(10_000)
	empty := c.watchOf(c.one, "a")
	c.gives(c.one, "a", topics.Place{After: empty.last}, nil, true)
	var appending, watching sync.WaitGroup
	var count atomic.Int64
	var failure atomic.Pointer[error]
	for i := range writers {
		appending.Go(func() {
			for n := range appends {
				s, name := c.both[(i+n)%2], "a"
				if n%5 == 0 {
					name = "b"
				}
				if _, err := s.Append(c.ctx, name, message(fmt.Sprint(i, n))); err != nil {
					failure.Store(&err)
				}
				count.Add(1)
			}
		})
	}
	all := make([]*watcher, watches)
	for i := range all {
		watching.Go(func() {
			for at := int64(i * appends * writers / watches); count.Load() < at && failure.Load() == nil; {
				time.Sleep(100 * time.Microsecond)
			}
			w := &watcher{}
			last, stop, err := c.both[i%2].Watch(c.ctx, "a", w.next, w.lost)
			if err != nil {
				failure.Store(&err)
			}
			w.last, w.stop = last, stop
			all[i] = w
		})
	}
	appending.Wait()
	watching.Wait()
	if err := failure.Load(); err != nil {
		c.wrong("an Append or Watch at the same time as others fails: %v", *err)
	}
	entries := c.readAll(c.one, "a", topics.Place{}, 64)
	c.that(len(entries) == appends*writers*4/5, "%d Appends give %d entries", appends*writers*4/5, len(entries))
	others := c.readAll(c.other, "a", topics.Place{}, 64)
	c.that(slices.Equal(positionsOf(entries), positionsOf(others)), "the programs read %s and %s, and should read the same", list(entries), list(others))
	for i, w := range append(all, empty) {
		after := slices.IndexFunc(entries, func(e topics.Entry) bool { return e.Position.Seq > w.last.Seq })
		if after < 0 {
			after = len(entries)
		}
		if i < watches && after > 0 {
			c.that(entries[after-1].Position == w.last, "Watch returns %v, which is not the Position of an entry", w.last)
		}
		c.wants(w, positionsOf(entries[after:])...)
		for j, e := range w.got {
			c.that(string(e.Data) == string(entries[after+j].Data) && e.Time.Equal(entries[after+j].Time), "a watcher gets %s and Read gives %s", list(w.got[j:j+1]), list(entries[after+j:after+j+1]))
		}
		w.stop()
	}
}

// stop stops watches, one of them in next.
func (c *check) stop() {
	c.new(100)
	stopped, other := c.watchOf(c.one, "a"), c.watchOf(c.other, "a")
	var got atomic.Int64
	var stop atomic.Pointer[func()]
	_, end, err := c.one.Watch(c.ctx, "a", func(topics.Entry) {
		got.Add(1)
		(*stop.Load())()
	}, func(error) {})
	c.that(err == nil, "Watch fails: %v", err)
	stop.Store(&end)
	first := c.append(c.other, "a", message("1"))
	c.wants(stopped, first)
	stopped.stop()
	stopped.stop()
	var all = []enumerator.Position{first}
	for range 10 {
		all = append(all, c.append(c.one, "a", message("x")))
	}
	c.wants(other, all...)
	c.wants(stopped, first)
	c.that(got.Load() == 1, "a watcher that stops in its first call of next is called %d times", got.Load())
	other.stop()
}
