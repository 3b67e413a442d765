package topics

import (
	"bytes"
	"container/list"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/check"
)

// overhead is an upper bound of the memory that an entry or a key needs besides its bytes, including its share of
// the maps.
const overhead = 256

// A MemoryOption is an option of [Memory].
type MemoryOption func(*memory)

// MaxAge drops entries that are older than d, except for the last entry of each row. By default, entries of any age are
// kept. MaxAge panics if d is not positive.
func MaxAge(d time.Duration) MemoryOption {
	check.Positive("enumerator/topics: MaxAge: d", d)
	return func(m *memory) { m.maxAge = d }
}

// MaxBytes limits the memory of all topics together. An entry counts as the length of its Data, its Meta, its Row and
// the name of its topic, plus 256 bytes. A remembered key counts as its length and that of the name, plus 256 bytes.
// The Row of a removal that is remembered counts in the same way. The default is 256 MiB. MaxBytes panics if n is not positive.
func MaxBytes(n int) MemoryOption {
	check.Positive("enumerator/topics: MaxBytes: n", n)
	return func(m *memory) { m.maxBytes = n }
}

// Memory returns a Store in the memory of this process. Its entries are gone when the process ends. It keeps the
// last messages of each topic; keep is their number. If all topics together need more memory than [MaxBytes] allows,
// the Store drops the oldest entries of all topics and forgets the oldest keys. A topic without entries needs no
// memory, except for two minutes after a deletion. The Store needs no goroutine and need not be closed. Memory
// panics if keep is not positive.
//
// The last entry of each row is kept a second time, and counts a second time. These second entries are not dropped.
// They may take half of MaxBytes.
//
// Append of an entry for which there is not enough memory fails with [ErrTooLarge]. If the end of a topic is dropped,
// new messages can be published to the topic.
func Memory(keep int, opts ...MemoryOption) Store {
	check.Positive("enumerator/topics: Memory: keep", keep)
	m := &memory{
		keep: keep, maxAge: math.MaxInt64, maxBytes: 256 << 20,
		epoch:  1 + rand.Uint64N(math.MaxUint64),
		topics: map[string]*log{}, keys: map[nameAndKey]enumerator.Position{},
	}
	for _, opt := range opts {
		opt(m)
	}
	return m
}

type memory struct {
	keep, maxBytes int
	maxAge         time.Duration
	epoch          uint64

	mu      sync.Mutex // guards the fields below, and those of logs and watchers
	now     time.Time  // the Time of the last entry
	seq     uint64     // the Seq of the last entry
	bytes   int
	rows    int // the part of bytes that the rows of all topics need
	topics  map[string]*log
	keys    map[nameAndKey]enumerator.Position
	entries list.List // of *held: all entries, the oldest first
	recent  list.List // of recent: the oldest first

	// forgotten is the greatest Seq of the topics that have no log because all their entries were dropped.
	forgotten uint64
}

type nameAndKey struct{ name, key string }

// recent is a key or, if key is empty, a deletion or the removal of a row. It is remembered for the time of Window.
type recent struct {
	nameAndKey
	time    time.Time
	removed *held // the removal
}

// log is a topic that has entries or watchers, or was deleted not long ago.
type log struct {
	name     string
	entries  []*held
	messages int    // the number of entries that are messages
	last     uint64 // the Seq of the last entry, even if it was dropped
	gone     uint64 // the Seq of the last entry that was dropped
	watchers []*watcher
	state
}

type held struct {
	Entry
	log *log
	at  *list.Element
}

func (h *held) size() int { return overhead + len(h.log.name) + len(h.Row) + len(h.Meta) + len(h.Data) }

func (m *memory) Append(ctx context.Context, name string, r Record) (enumerator.Position, error) {
	none := enumerator.Position{}
	if r.Kind == Ended || r.Kind == Deleted {
		r.Row = ""
	}
	if err := begin(ctx, name); err != nil {
		return none, err
	}
	if r.Row != "" || r.Kind == Removed {
		if err := begin(ctx, r.Row); err != nil {
			return none, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(time.Now())
	key := nameAndKey{name, r.Key}
	if p, ok := m.keys[key]; ok {
		return p, nil
	}
	l := m.topics[name]
	if l != nil && l.ended() && r.Kind != Deleted {
		return none, ErrEnded
	}
	if r.Conditional && !m.holds(l, r) {
		return none, ErrConflict
	}
	if err := m.fits(l, name, r); err != nil {
		return none, err
	}
	if l == nil {
		l = m.open(name)
	}
	m.seq++
	p := enumerator.Position{Epoch: m.epoch, Seq: m.seq}
	e := Entry{Position: p, Kind: r.Kind, Row: r.Row, Time: m.now, Meta: bytes.Clone(r.Meta), Data: bytes.Clone(r.Data)}
	l.last = m.seq
	if r.Kind == Deleted {
		m.drop(l, len(l.entries))
		m.dropState(l)
		l.gone = m.seq
		m.remember(recent{nameAndKey: nameAndKey{name: name}})
	} else {
		m.add(l, e)
	}
	if r.Key != "" {
		m.keys[key] = p
		m.remember(recent{nameAndKey: key})
	}
	for _, w := range l.watchers {
		w.news = append(w.news, e)
	}
	m.makeRoom()
	m.tell(l.watchers)
	return p, nil
}

func begin(ctx context.Context, name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("%w, not %d", ErrName, len(name))
	}
	return context.Cause(ctx)
}

// holds reports whether the condition of r holds for l, which may be nil.
func (m *memory) holds(l *log, r Record) bool {
	switch {
	case r.Row != "":
		return r.Last == l.lastOf(r.Row)
	case r.Last == (enumerator.Position{}):
		return l == nil || len(l.entries) == 0
	}
	return r.Last == m.last(l)
}

// fits returns an error if there is not enough memory for r. Rows may need half of the memory. Deletions and removals
// always fit: they are dropped when there is no memory for them.
func (m *memory) fits(l *log, name string, r Record) error {
	if r.Kind == Deleted || r.Kind == Removed {
		return nil
	}
	rows := m.rows
	if r.Row != "" {
		rows += (&held{Entry: Entry{Row: r.Row, Meta: r.Meta, Data: r.Data}, log: &log{name: name}}).size() - l.sizeOf(r.Row)
		if most := m.maxBytes / 2; rows > most {
			return fmt.Errorf("%w: with it, the rows of all topics need %d bytes, the limit is %d", ErrTooLarge, rows, most)
		}
	}
	size := 2*(overhead+len(name)) + len(r.Row) + len(r.Meta) + len(r.Data) + len(r.Key)
	if most := m.maxBytes - rows; size > most {
		return fmt.Errorf("%w: it needs %d bytes, the limit is %d", ErrTooLarge, size, most)
	}
	return nil
}

// last returns the last Position of l, which may be nil.
func (m *memory) last(l *log) enumerator.Position {
	p := enumerator.Position{Epoch: m.epoch, Seq: m.forgotten}
	if l != nil {
		p.Seq = l.last
	}
	return p
}

func (m *memory) open(name string) *log {
	l := &log{name: name, last: m.forgotten, gone: m.forgotten, state: state{lost: m.forgotten}}
	m.topics[name] = l
	return l
}

func (l *log) ended() bool { return len(l.entries) > 0 && l.entries[len(l.entries)-1].Kind == Ended }

func (m *memory) add(l *log, e Entry) {
	h := &held{Entry: e, log: l}
	h.at = m.entries.PushBack(h)
	l.entries = append(l.entries, h)
	m.bytes += h.size()
	if e.Kind != Ended {
		l.messages++
	}
	if l.messages > m.keep {
		m.drop(l, 1)
	}
	if e.Row != "" {
		m.put(l, e)
	}
}

// drop drops the first n entries of l.
func (m *memory) drop(l *log, n int) {
	for i, h := range l.entries[:n] {
		l.entries[i] = nil
		l.gone = h.Position.Seq
		if h.Kind != Ended {
			l.messages--
		}
		m.bytes -= h.size()
		m.entries.Remove(h.at)
	}
	if l.entries = l.entries[n:]; len(l.entries) == 0 {
		l.entries = nil
	}
}

func (m *memory) remember(r recent) {
	m.bytes += r.size()
	r.time = m.now
	m.recent.PushBack(r)
}

func (r recent) size() int {
	size := overhead + len(r.name) + len(r.key)
	if r.removed != nil {
		size += len(r.removed.Row)
	}
	return size
}

// expire drops the entries and keys that are too old.
func (m *memory) expire(now time.Time) {
	if now.After(m.now) {
		m.now = now
	}
	for h := m.oldest(); h != nil && m.now.Sub(h.Time) >= m.maxAge; h = m.oldest() {
		m.dropOldest(h)
	}
	for at := m.recent.Front(); at != nil && m.now.Sub(at.Value.(recent).time) >= Window; at = m.recent.Front() {
		m.forgetRecent(at)
	}
}

func (m *memory) oldest() *held {
	if at := m.entries.Front(); at != nil {
		return at.Value.(*held)
	}
	return nil
}

func (m *memory) dropOldest(h *held) {
	m.drop(h.log, 1)
	m.forget(h.log)
}

func (m *memory) forgetRecent(at *list.Element) {
	r := m.recent.Remove(at).(recent)
	m.bytes -= r.size()
	delete(m.keys, r.nameAndKey)
	if r.removed != nil {
		m.forgetRemoved(r.removed)
	}
	if l := m.topics[r.name]; r.key == "" && l != nil {
		m.forget(l)
	}
}

// makeRoom drops the oldest entries and keys until the others fit into the memory.
func (m *memory) makeRoom() {
	for m.bytes > m.maxBytes {
		h, at := m.oldest(), m.recent.Front()
		if h != nil && (at == nil || !h.Time.After(at.Value.(recent).time)) {
			m.dropOldest(h)
		} else {
			m.forgetRecent(at)
		}
	}
}

// forget frees l if it has neither entries nor rows nor watchers.
func (m *memory) forget(l *log) {
	if len(l.entries) == 0 && len(l.byRow) == 0 && len(l.watchers) == 0 && m.topics[l.name] == l {
		m.forgotten = max(m.forgotten, l.last)
		delete(m.topics, l.name)
	}
}

func (m *memory) Read(ctx context.Context, name string, from Place, limit int) (entries []Entry, ok bool, err error) {
	check.Positive("enumerator/topics: Read: limit", limit)
	if err := begin(ctx, name); err != nil {
		return nil, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(time.Now())
	l := m.topics[name]
	if l == nil {
		l = &log{gone: m.forgotten, state: state{lost: m.forgotten}}
	}
	if from.State {
		entries, ok = m.readState(l, from, limit)
		return entries, ok, nil
	}
	if p := from.After; p != (enumerator.Position{}) && (p.Epoch != m.epoch || p.Seq < l.gone || p.Seq > m.seq) {
		from = Place{}
	} else {
		ok = true
	}
	found := l.entries[l.find(from):]
	for _, h := range found[:min(limit, len(found))] {
		entries = append(entries, h.Entry)
	}
	return entries, ok, nil
}

// find returns the index of the first entry after from.
func (l *log) find(from Place) int {
	if from.Last > 0 {
		return max(0, l.messages-from.Last) // only the last entry can be an Ended
	}
	return sort.Search(len(l.entries), func(i int) bool {
		h := l.entries[i]
		return h.Position.Seq > from.After.Seq && !h.Time.Before(from.Since)
	})
}

// watcher is a call of Watch that was not stopped.
type watcher struct {
	next    func(Entry)
	news    []Entry // not told yet
	telling bool
	stopped bool
}

func (m *memory) Watch(ctx context.Context, name string, next func(Entry), _ func(error)) (enumerator.Position, func(), error) {
	if err := begin(ctx, name); err != nil {
		return enumerator.Position{}, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(time.Now())
	l := m.topics[name]
	if l == nil {
		l = m.open(name)
	}
	w := &watcher{next: next}
	l.watchers = append(slices.Clip(l.watchers), w) // tell may be using the slice
	p := m.last(l)
	if l.ended() {
		w.news = append(w.news, l.entries[len(l.entries)-1].Entry)
		m.tell([]*watcher{w})
	}
	return p, func() { m.unwatch(l, w) }, nil
}

func (m *memory) unwatch(l *log, w *watcher) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.stopped, w.news = true, nil
	l.watchers = slices.DeleteFunc(slices.Clone(l.watchers), func(other *watcher) bool { return other == w })
	m.forget(l)
}

// tell tells the watchers their news. It is called with the lock, and releases the lock while it calls next. If
// another goroutine is telling a watcher, that goroutine also tells it these news.
func (m *memory) tell(watchers []*watcher) {
	for _, w := range watchers {
		if !w.telling {
			m.tellAll(w)
		}
	}
}

func (m *memory) tellAll(w *watcher) {
	w.telling = true
	defer func() { w.telling = false }() // also if next panics
	for len(w.news) > 0 {
		e := w.news[0]
		w.news = w.news[1:]
		m.call(w.next, e)
	}
	w.news = nil
}

// call calls next without the lock.
func (m *memory) call(next func(Entry), e Entry) {
	m.mu.Unlock()
	defer m.mu.Lock()
	next(e)
}
