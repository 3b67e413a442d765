package topics

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// batch is the number of entries that a run reads from the store at once.
const batch = 256

// errMoved ends the hub of a tail when its runs must go on elsewhere.
var errMoved = errors.New("topics: the runs go on elsewhere")

// errLost is the error of a watch that was lost before it began.
var errLost = errors.New("topics: the watch was lost")

// feed is a topic that has runs.
type feed[E any] struct {
	topics *Topics[E]
	name   string
	runs   int           // guarded by topics.mu
	turn   chan struct{} // holds a signal while a run attaches or fills

	mu    sync.Mutex // guards the fields below
	watch *watch[E]  // nil if the feed is not attached
	tail  *tail[E]   // nil if the feed is not attached
}

// tail is the end of a topic, in memory. It begins somewhere in the topic, and new entries are added while it is
// the tail of its feed.
type tail[E any] struct {
	watch  *watch[E] // the watch that adds to the tail
	hub    *enumerator.Hub[E]
	ended  atomic.Uint64 // the Seq of the Ended, stored before the hub ends
	added  int           // the number of messages that were added
	filled bool          // the tail begins as far back as it should
	whole  bool          // the store had nothing before the tail when the tail began

	// The hub has zero values in the places of these entries.
	bad   marks // messages that could not be decoded
	blank marks // entries that are not messages
}

// marks are the Seqs of some entries, in order.
type marks struct{ atomic.Pointer[[]uint64] }

// newsMost is the greatest number of new entries that a fill keeps while it reads. If more come, the fill does not
// change the tail.
const newsMost = 1 << 12

// marksMost is the greatest number of marks in a tail. The next one begins a new tail.
const marksMost = 1 << 10

// watch is one call of Store.Watch.
type watch[E any] struct {
	feed *feed[E]

	// The fields below are guarded by feed.mu.
	stop    func()
	keeping bool    // new entries are added to news
	news    []Entry // since keeping was set
}

func (f *feed[E]) newTail(at enumerator.Position) *tail[E] {
	l := &tail[E]{watch: f.watch, hub: enumerator.Broadcast[E](f.topics.opts...)}
	l.hub.Reset(at)
	return l
}

// end returns the Position of the last entry.
func (l *tail[E]) end() enumerator.Position {
	p := l.hub.Position()
	p.Seq = max(p.Seq, l.ended.Load())
	return p
}

func (f *feed[E]) current() *tail[E] {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tail
}

// take waits for the turn to attach or to fill.
func (f *feed[E]) take(ctx context.Context) error {
	select {
	case f.turn <- struct{}{}:
		return nil
	case <-f.topics.open.Done():
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *feed[E]) give() { <-f.turn }

// attach returns the tail. It watches the topic if no other run has done so.
func (f *feed[E]) attach(ctx context.Context) (*tail[E], error) {
	if l := f.current(); l != nil {
		return l, nil
	}
	if err := f.take(ctx); err != nil {
		return nil, err
	}
	defer f.give()
	l := f.current()
	if l != nil {
		return l, nil
	}
	err := f.topics.ask(ctx, func(ctx context.Context) (err error) {
		l, err = f.begin(ctx)
		return err
	})
	return l, err
}

// begin watches the topic.
func (f *feed[E]) begin(ctx context.Context) (*tail[E], error) {
	w := &watch[E]{feed: f, keeping: true}
	f.mu.Lock()
	f.watch = w
	f.mu.Unlock()
	last, stop, err := f.topics.store.Watch(ctx, f.name, w.next, w.lost)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	if f.watch != w || f.topics.open.Err() != nil { // lost, or closed: Close may have come before the watch
		f.mu.Unlock()
		stop()
		return nil, errLost
	}
	defer f.mu.Unlock()
	w.stop = stop
	f.tail = f.newTail(last)
	f.tail.whole = last.Seq == 0
	f.add(w.keep(false)...)
	return f.tail, nil
}

// keep begins or ends keeping, and returns what was kept.
func (w *watch[E]) keep(on bool) (news []Entry) {
	news, w.news, w.keeping = w.news, nil, on
	return news
}

// detach ends the watch w and lets the hub end with err, if w is the current watch or nil.
func (f *feed[E]) detach(w *watch[E], err error) {
	f.mu.Lock()
	if w == nil {
		w = f.watch
	}
	if w == nil || w != f.watch {
		f.mu.Unlock()
		return
	}
	f.watch = nil
	f.move(nil, err)
	f.mu.Unlock()
	if w.stop != nil {
		w.stop() // not with the lock, which next needs
	}
}

// move makes l the tail.
func (f *feed[E]) move(l *tail[E], err error) {
	if f.tail != nil {
		f.tail.hub.EndWithError(err)
	}
	f.tail = l
}

func (w *watch[E]) next(e Entry) {
	f := w.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watch != w {
		return
	}
	if w.keeping {
		w.news = append(w.news, e)
	}
	if f.tail == nil {
		return
	}
	if len(w.news) > newsMost {
		w.keep(false)
	}
	if e.Position.Seq > f.tail.hub.Position().Seq { // the end may come a second time
		f.topics.counts.lag.Store(int64(time.Since(e.Time)))
	}
	f.add(e)
}

func (w *watch[E]) lost(error) { w.feed.detach(w, errMoved) }

// add adds entries to the tail, unless it has them.
func (f *feed[E]) add(entries ...Entry) {
	for _, e := range entries {
		l := f.tail
		switch last := l.hub.Position().Seq; {
		case e.Kind == Ended && e.Position.Seq >= last: // it may be the one after which the watch has begun
			l.ended.Store(e.Position.Seq)
			l.hub.End()
		case e.Position.Seq <= last:
		case e.Kind == Deleted:
			f.move(f.newTail(e.Position), errMoved)
			f.tail.filled, f.tail.whole = true, true
		default:
			f.push(e)
		}
	}
}

func (f *feed[E]) push(e Entry) {
	l := f.tail
	var value E
	ok := true
	if e.isBlank() {
		ok = l.blank.add(e.Position.Seq)
	} else if value, ok = f.topics.decode(e.Data); !ok {
		ok = l.bad.add(e.Position.Seq)
	}
	if ok {
		ok = l.push(e.Position, value)
	}
	if !ok { // runs get it from the store
		f.move(f.newTail(e.Position), errMoved)
		f.tail.filled = true
		return
	}
	l.added++
}

// push returns false if the hub does not take the message. The function of [enumerator.CapacityFunc] may panic, and the
// goroutine may be one of the store.
func (l *tail[E]) push(p enumerator.Position, value E) (ok bool) {
	defer func() {
		if !ok {
			_ = recover()
		}
	}()
	return l.hub.PushAt(context.Background(), p, value) == nil
}

// add returns false if there are too many marks.
func (m *marks) add(seq uint64) bool {
	var all []uint64
	if old := m.Load(); old != nil {
		all = slices.Clone(*old)
	}
	all = append(all, seq)
	m.Store(&all)
	return len(all) <= marksMost
}

func (m *marks) has(seq uint64) bool {
	all := m.Load()
	if all == nil {
		return false
	}
	_, found := slices.BinarySearch(*all, seq)
	return found
}

// has returns the place before the last n messages, and reports whether l holds them. If the topic has fewer than n
// messages, l must hold all of them.
func (f *feed[E]) has(l *tail[E], n int) (p enumerator.Position, ok bool) {
	f.mu.Lock() // nothing is added meanwhile
	defer f.mu.Unlock()
	if held := l.hub.Held(); held < n && !(l.whole && held == l.added) {
		return p, false
	}
	var stop iteratee.Stop
	l.hub.Last(n).Into(context.Background(), first[E](func(item enumerator.Item[E]) iteratee.Step {
		p = item.Position
		return stop.Step()
	}))
	return p, true
}

// first is a Sink for one Item.
type first[E any] func(enumerator.Item[E]) iteratee.Step

func (f first[E]) Next(item enumerator.Item[E]) iteratee.Step { return f(item) }
func (first[E]) EOF() iteratee.Step                           { return iteratee.StepCont }
func (first[E]) Rest() iteratee.Input[enumerator.Item[E]] {
	return iteratee.Empty[enumerator.Item[E]]()
}

// fill replaces the tail l with one that begins a batch further back. A tail is filled once. fill returns true if l is
// no longer the tail.
func (f *feed[E]) fill(ctx context.Context, l *tail[E]) (moved bool, err error) {
	if err := f.take(ctx); err != nil {
		return false, err
	}
	defer f.give()
	f.mu.Lock()
	w, last := f.watch, l.end()
	if f.tail != l || l.filled || l.added >= batch {
		defer f.mu.Unlock()
		return f.tail != l, nil
	}
	w.keep(true)
	f.mu.Unlock()
	entries, whole, err := f.lastBatch(ctx, last)
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := w.keeping
	news := w.keep(false)
	if err != nil || f.tail != l {
		return f.tail != l, err
	}
	l.filled = true
	l.whole = l.whole || len(entries) == 0
	if len(entries) == 0 || !kept {
		return false, nil
	}
	before := entries[0].Position
	if before.Epoch != last.Epoch || entries[len(entries)-1].Position.Seq < last.Seq { // the watch is about to be lost
		return false, nil
	}
	before.Seq--
	longer := f.newTail(before)
	longer.filled, longer.whole = true, whole
	f.move(longer, errMoved)
	f.add(entries...)
	f.add(news...)
	return true, nil
}

// lastBatch returns the last entries without gaps, at least up to last, and reports whether they are all that are
// kept.
func (f *feed[E]) lastBatch(ctx context.Context, last enumerator.Position) (entries []Entry, whole bool, err error) {
	const most = batch - 1 // an Ended may come after the messages
	place := Place{Last: most}
	for {
		more, ok, err := f.topics.read(ctx, f.name, place)
		if err != nil {
			return nil, false, err
		}
		if !ok { // there is a gap between entries and more
			entries = nil
		}
		if entries = append(entries, more...); len(more) == 0 || more[len(more)-1].Position.Seq >= last.Seq {
			return entries, len(entries) < most, nil
		}
		place = Place{After: more[len(more)-1].Position}
	}
}
