// Package progress tells the client of a stream how far the stream is.
package progress

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

const (
	most  = 64          // elements without a message, after which a Bookmark is handed on
	pause = time.Second // without an Item, after which a Bookmark is handed on
)

// A Tracker holds back Bookmarks that follow one another closely, so that a stream of which nearly everything is filtered
// does not consist of Bookmarks. A heartbeat sends the newest one. A Bookmark is not held back if its Cursor is the first
// that has a place in one of several sources. A Tracker is for one stream. Its zero value is ready.
type Tracker[E any] struct {
	mu     sync.Mutex
	untold enumerator.Item[E] // the newest Bookmark, if it was held back
	held   uint64             // the number of elements that the client does not know of
	parts  int                // the number of sources in which the client has a place, if there are several
	seqs   map[uint64]uint64  // the newest Seq of each epoch: a stream can have several sources
	at     time.Time          // when that was
}

// Items returns source without the Bookmarks that are held back. When source has run out or sends EOF, an Item with End
// follows, unless the run was interrupted or source has sent an End itself. It has the Position and the Cursor of the
// last Item that has one of them.
func (t *Tracker[E]) Items(source enumerator.Enumerator[enumerator.Item[E]]) enumerator.Enumerator[enumerator.Item[E]] {
	return enumerator.Through(source, t.adapter())
}

// Items returns an adapter that changes a source as [Tracker.Items] does. Each run has a Tracker of its own. The adapter
// is for streams that need no Tracker to know whether a Bookmark was held back.
func Items[E any]() enumeratee.Enumeratee[enumerator.Item[E], enumerator.Item[E]] {
	return enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[enumerator.Item[E], enumerator.Item[E]], error) {
		return new(Tracker[E]).adapter(), nil
	})
}

func (t *Tracker[E]) adapter() enumeratee.Enumeratee[enumerator.Item[E], enumerator.Item[E]] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[enumerator.Item[E]]) (iteratee.Sink[enumerator.Item[E]], iteratee.Step) {
		return &tracking[E]{stage: stage, Outlet: out, t: t}, iteratee.StepCont
	})
}

// Untold returns the newest Bookmark if it was held back, and false if the client knows of it. The caller must send it
// before any Item that comes later. So it must call Untold under the lock that its writes take.
func (t *Tracker[E]) Untold() (enumerator.Item[E], bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bookmark := t.untold
	if bookmark.Bookmark {
		t.tell()
	}
	return bookmark, bookmark.Bookmark
}

// tell notes that the client gets an Item, which makes all Bookmarks before it obsolete.
func (t *Tracker[E]) tell() {
	t.untold, t.held, t.at = enumerator.Item[E]{}, 0, time.Now()
}

// holds reports whether item is held back. If not, the caller hands it on after holds has forgotten the Bookmark
// before it. In the other order a heartbeat between the two could move the client back.
func (t *Tracker[E]) holds(item enumerator.Item[E]) bool {
	if item.ID() == "" { // it does not move the client
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := item.Position
	passed := uint64(1)
	if seq, ok := t.seqs[p.Epoch]; ok && p.Seq > seq {
		passed = p.Seq - seq // a filter hands on one Bookmark for many elements
	}
	if t.seqs == nil {
		t.seqs = map[uint64]uint64{}
	}
	t.seqs[p.Epoch] = p.Seq
	parts := strings.Count(item.Cursor, ":")
	if item.Bookmark && parts <= t.parts && t.held+passed < most && time.Since(t.at) < pause {
		t.untold = item
		t.held += passed
		return true
	}
	t.parts = parts
	t.tell()
	return false
}

type tracking[E any] struct {
	iteratee.Outlet[enumerator.Item[E]]
	stage enumeratee.Stage
	t     *Tracker[E]
	last  enumerator.Item[E] // the last Item with a Position or a Cursor

	ended  bool // the last Item was an End
	closed bool // EOF has come
	step   iteratee.Step
}

func (c *tracking[E]) Next(item enumerator.Item[E]) iteratee.Step {
	c.ended = item.End
	if item.ID() != "" {
		c.last = item
	}
	if c.step.IsCont() && !c.t.holds(item) {
		c.step = c.Outlet.Next(item)
	}
	return c.step
}

// EOF hands on the End.
func (c *tracking[E]) EOF() iteratee.Step {
	if c.closed || !c.step.IsCont() {
		return c.step
	}
	c.closed = true
	if step := iteratee.Cancelled(c.stage.Context()); !step.IsCont() {
		c.step = step
	} else if !c.ended {
		c.Next(enumerator.Item[E]{Position: c.last.Position, Cursor: c.last.Cursor, End: true})
	}
	if c.step.IsCont() {
		c.step = c.stage.Stop()
	}
	return c.step
}

func (c *tracking[E]) Rest() iteratee.Input[enumerator.Item[E]] {
	if c.closed {
		return iteratee.Empty[enumerator.Item[E]]()
	}
	return c.Outlet.Rest()
}
