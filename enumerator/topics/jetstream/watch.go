package jetstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// feed serves all watches of a store. It ends with the last of them.
type feed struct {
	*store
	ctx    context.Context
	cancel context.CancelFunc
	news   chan *nats.Msg // the entries that the stream republishes
	fills  chan struct{}  // holds a token for each fill that reads

	// generation counts how often the connection was made again. The chain of a topic is not trusted across two
	// generations.
	generation atomic.Uint64

	mu      sync.Mutex
	watches map[*nats.Subscription]*watch
	topics  map[string][]*watch // the same watches, by the subject of the entries
	fresh   []*watch            // the watches that no audit has compared
}

// watch is a call of Watch that was not stopped.
type watch struct {
	*feed
	subject string // of the entries
	next    func(topics.Entry)
	lost    func(error)
	sub     *nats.Subscription
	ended   atomic.Bool // stopped or lost

	mu         sync.Mutex
	attached   bool // last is known
	filling    bool
	last       enumerator.Position
	deleted    bool // last is the Position of a deletion
	generation uint64
	want       uint64 // the greatest known number of an entry of the topic
}

// Watch implements [topics.Store].
func (s *store) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
	none := enumerator.Position{}
	token, err := token(name)
	if err != nil {
		return none, nil, err
	}
	w := &watch{subject: s.entrySubject(token), next: next, lost: lost}
	if err := s.enter(w, s.prefix+"stored."+token); err != nil {
		return none, nil, s.failed(ctx, err)
	}
	// An entry that is stored after the answer is republished to the subscription.
	last, _, err := s.get(ctx, query{LastFor: w.subject})
	if err != nil {
		w.stop()
		return none, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := last.Position
	if number(p) == 0 {
		p = s.position(0, "")
	}
	w.last, w.deleted, w.attached = p, last.Kind == topics.Deleted, true
	if last.Kind == topics.Ended {
		w.tell(last.Entry)
	}
	w.catchUp()
	return p, w.stop, nil
}

// enter adds w to the feed and subscribes to subject. It starts the feed if there is none.
func (s *store) enter(w *watch, subject string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.feed
	if f == nil {
		const waiting, fills = 1 << 16, 16
		f = &feed{store: s, news: make(chan *nats.Msg, waiting), fills: make(chan struct{}, fills),
			watches: map[*nats.Subscription]*watch{}, topics: map[string][]*watch{}}
	}
	f.mu.Lock() // until w is in watches, where its first message is looked up
	defer f.mu.Unlock()
	sub, err := s.nc.ChanSubscribe(subject, f.news)
	if err != nil {
		return err
	}
	w.feed, w.sub, w.generation = f, sub, f.generation.Load()
	f.watches[sub] = w
	f.topics[w.subject] = append(slices.Clip(f.topics[w.subject]), w) // an audit may be using the slice
	f.fresh = append(f.fresh, w)
	if s.feed == nil {
		s.feed = f
		f.ctx, f.cancel = context.WithCancel(context.Background())
		go f.run()
		go f.audits()
	}
	return nil
}

// stop ends the watch.
func (w *watch) stop() {
	w.ended.Store(true)
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	if w.watches[w.sub] != w {
		return
	}
	_ = w.sub.Unsubscribe() // fails if the connection is closed
	delete(w.watches, w.sub)
	others := slices.DeleteFunc(slices.Clone(w.topics[w.subject]), func(other *watch) bool { return other == w })
	if w.topics[w.subject] = others; len(others) == 0 {
		delete(w.topics, w.subject)
	}
	if len(w.watches) == 0 {
		w.cancel()
		w.store.feed = nil
	}
}

// lose ends the watch and says why.
func (w *watch) lose(err error) {
	if w.ended.CompareAndSwap(false, true) {
		w.lost(err)
		w.stop()
	}
}

// run hands each message to its watch.
func (f *feed) run() {
	connected := f.nc.StatusChanged(nats.CONNECTED)
	defer f.nc.RemoveStatusListener(connected)
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-connected:
			f.generation.Add(1)
		case m := <-f.news:
			f.mu.Lock()
			w := f.watches[m.Sub]
			f.mu.Unlock()
			if w != nil {
				w.receive(m)
			}
		}
	}
}

// receive takes an entry that was republished. If it is the one after last, receive hands it on. Otherwise it starts
// to read the entries after last.
func (w *watch) receive(m *nats.Msg) {
	e, err := w.received(m)
	if err != nil {
		return // another program uses the subject; if it was an entry, the next audit finds it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	seq, before := number(e.Position), lastNumber(m)
	if !w.attached || w.filling {
		w.want = max(w.want, seq)
		return
	}
	chained := before == number(w.last) || before == 0 && w.deleted || e.Kind == topics.Deleted
	if chained && seq > number(w.last) && w.generation == w.feed.generation.Load() {
		w.tell(e.Entry)
		return
	}
	w.want = max(w.want, seq)
	w.fill() // even if the entry is an old one: the stream may have been replaced
}

// tell hands on an entry. It is called with the lock, one goroutine at a time.
func (w *watch) tell(e topics.Entry) {
	w.last, w.deleted = e.Position, e.Kind == topics.Deleted
	if !w.ended.Load() {
		w.next(e)
	}
}

// catchUp starts to fill if entries are missing.
func (w *watch) catchUp() {
	if w.want > number(w.last) {
		w.fill()
	}
}

// fill starts to read the entries after last, unless a read is under way.
func (w *watch) fill() {
	if !w.filling && !w.ended.Load() {
		w.filling = true
		go w.read()
	}
}

// read reads the entries after last until the wanted one, and checks that the stream still has the entry at last.
// The watch is lost if entries are gone.
func (w *watch) read() {
	select {
	case w.fills <- struct{}{}:
		defer func() { <-w.fills }()
	case <-w.ctx.Done():
		return
	}
	r := reading{w.store, w.subject, batchSize}
	for pause, tries := newPause(), 0; !w.ended.Load(); {
		generation := w.feed.generation.Load()
		entries, ok, err := r.after(w.ctx, w.last) // no other goroutine changes last now
		switch {
		case err == nil && (!ok || tries > mostTries):
			w.lose(errors.New("jetstream: entries that were not read are gone, or the stream is another one"))
			return
		case err != nil && w.final(err) != nil:
			w.lose(err)
			return
		case err == nil && w.readAll(entries, generation):
			return
		case err == nil && len(entries) > 0:
			tries = 0
			continue
		case err == nil:
			tries++
		}
		if !pause.wait(w.ctx) {
			return
		}
	}
}

// mostTries is the number of searches for a wanted entry that is not there.
const mostTries = 30

// readAll hands on the entries, and reports whether all wanted entries have come.
func (w *watch) readAll(entries []topics.Entry, generation uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range entries {
		w.tell(e)
	}
	w.filling = w.want > number(w.last)
	if !w.filling {
		w.generation = generation
	}
	return !w.filling
}
