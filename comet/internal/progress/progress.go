// Package progress tells the client of a stream how far the stream is.
package progress

import (
	"context"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

const (
	most  = 64          // Bookmarks or elements in a row, after which a Bookmark is handed on
	pause = time.Second // without an Item, after which a Bookmark is handed on
)

// A Tracker holds back Bookmarks that follow one another closely, so that a stream of which nearly everything is filtered
// does not consist of Bookmarks. A heartbeat sends the newest one. A Tracker is for one stream. Its zero value is ready.
type Tracker[E any] struct {
	mu     sync.Mutex
	untold enumerator.Item[E]  // the newest Bookmark, if it was held back
	held   int                 // the number of Bookmarks that were held back since the last Item that was handed on
	told   enumerator.Position // that of the last Item that was handed on
	at     time.Time           // when that was
}

// Items returns source without the Bookmarks that are held back. When source has run out or sends EOF, an
// Item with End follows, unless the run was interrupted or source has sent an End itself. It has the Position
// and the Cursor of the Item before it.
func (t *Tracker[E]) Items(source enumerator.Enumerator[enumerator.Item[E]]) enumerator.Enumerator[enumerator.Item[E]] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		consumer := &tracking[E]{Sink: sink, ctx: ctx, t: t}
		step := source.Into(ctx, consumer)
		if step.IsCont() {
			step = consumer.end()
		}
		return step
	})
}

// Untold returns the newest Bookmark if it was held back, and false if the client knows of it. The caller must send it
// before any Item that comes later. So it must call Untold under the lock that its writes take.
func (t *Tracker[E]) Untold() (enumerator.Item[E], bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bookmark := t.untold
	if bookmark.Bookmark {
		t.tell(bookmark)
	}
	return bookmark, bookmark.Bookmark
}

// tell notes that the client gets item, which makes all Bookmarks before it obsolete.
func (t *Tracker[E]) tell(item enumerator.Item[E]) {
	t.untold, t.held, t.told, t.at = enumerator.Item[E]{}, 0, item.Position, time.Now()
}

// holds reports whether item is held back. If not, the caller hands it on after holds has forgotten the Bookmark
// before it. In the other order a heartbeat between the two could move the client back.
func (t *Tracker[E]) holds(item enumerator.Item[E]) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	far := item.Position.Epoch == t.told.Epoch && item.Position.Seq >= t.told.Seq+most
	if item.Bookmark && !far && t.held < most-1 && time.Since(t.at) < pause {
		t.untold = item
		t.held++
		return true
	}
	t.tell(item)
	return false
}

type tracking[E any] struct {
	iteratee.Sink[enumerator.Item[E]]
	ctx  context.Context
	t    *Tracker[E]
	last enumerator.Item[E]
}

func (c *tracking[E]) Next(item enumerator.Item[E]) iteratee.Step {
	c.last = item
	if c.t.holds(item) {
		return iteratee.StepCont
	}
	return c.Sink.Next(item)
}

func (c *tracking[E]) EOF() iteratee.Step {
	if step := c.end(); !step.IsCont() {
		return step
	}
	return c.Sink.EOF()
}

// end hands on the End.
func (c *tracking[E]) end() iteratee.Step {
	if step := iteratee.Cancelled(c.ctx); !step.IsCont() || c.last.End {
		return step
	}
	return c.Next(enumerator.Item[E]{Position: c.last.Position, Cursor: c.last.Cursor, End: true})
}
