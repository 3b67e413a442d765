package enumerator

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/halley-go/halley/internal/check"
)

// ring holds the last elements that were pushed. A goroutine that pushes, attaches or detaches holds
// the lock. A goroutine that reads needs no lock, and no push waits for it unless the policy is Block.
type ring[E any] struct {
	pushConfig
	sizes sizes[E]
	era   atomic.Pointer[era]      // a reset stores it before it changes anything else
	slots atomic.Pointer[slots[E]] // grows up to the capacity; stored before last
	last  atomic.Uint64            // Seq of the last pushed element; stored after its slot
	end   atomic.Pointer[ending]   // stored after last

	room room

	// All elements before this index have left the ring because of their sizes or a reset. Later ones may have
	// left because their places were needed. oldest is stored before their slots are cleared.
	oldest atomic.Uint64

	mu     sync.Mutex // guards the fields below
	next   uint64     // the index of the next element
	gone   uint64     // Seq of the last element that has left the ring
	sparse bool       // Positions come from outside
	block  int        // the number of entries to allocate together
	fresh  []entry[E] // entries allocated in advance
	runs   int        // the number of attached runs
}

// era is the time from one reset of the ring to the next.
type era struct {
	epoch, seq uint64 // the Position where it begins
	index      uint64 // the index of its first element

	// readers counts the cursors at each index, if the policy protects elements that have not been
	// read. It has one place more than the capacity: the one for the index of the next element. It is
	// allocated for the first cursor.
	readers []atomic.Int64
}

// slots are the places of the ring. The slot of index i is at i modulo their number.
type slots[E any] []atomic.Pointer[entry[E]]

// at returns nil if there are no slots yet.
func (s *slots[E]) at(index uint64) *atomic.Pointer[entry[E]] {
	if s == nil {
		return new(atomic.Pointer[entry[E]])
	}
	return &(*s)[index%uint64(len(*s))]
}

// entry does not change while it is in the ring and a run is attached. An element that was dropped
// instead of being stored has a Seq and no index, so seq and index drift apart under the policy
// DropNewest. If Positions come from outside, seq says nothing about index.
type entry[E any] struct {
	index, seq uint64
	before     uint64 // Seq of the element that was pushed before this one
	value      E
}

// cursor is the place where a run reads: the index of the next element, and the Seq of the last element
// that the run has got or knows to be lost. It belongs to one goroutine.
type cursor struct {
	index, seq uint64
	era        *era
	lost       uint64 // the number of elements between seq and index
	reset      bool   // the next item is a Reset
	begun      bool   // the run has got its first item
}

// start returns the cursor of a new run. It is called with the lock.
type start func() cursor

func (r *ring[E]) init(function string, config pushConfig) {
	r.pushConfig = config
	r.sizes.init(function, config, 0)
	r.block = min(blockOf[E](), config.capacity)
	r.era.Store(&era{epoch: 1 + rand.Uint64N(math.MaxUint64)})
	r.room.init()
}

// blockOf returns the number of entries to allocate together. As long as one of them is in use, all of
// them stay in memory with everything they point to. So entries that contain pointers are allocated
// one by one.
func blockOf[E any]() int {
	const most = 1 << 10 // bytes
	t := reflect.TypeFor[entry[E]]()
	if pointsToMemory(t) {
		return 1
	}
	return min(32, max(1, most/int(t.Size())))
}

func pointsToMemory(t reflect.Type) bool {
	switch kind := t.Kind(); kind {
	case reflect.Array:
		return t.Len() > 0 && pointsToMemory(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if pointsToMemory(t.Field(i).Type) {
				return true
			}
		}
		return false
	default:
		return kind > reflect.Complex128
	}
}

func (r *ring[E]) slot(index uint64) *atomic.Pointer[entry[E]] { return r.slots.Load().at(index) }

func (e *era) readersAt(index uint64) *atomic.Int64 {
	return &e.readers[index%uint64(len(e.readers))]
}

func (r *ring[E]) position() Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.era.Load().position(r.last.Load())
}

func (e *era) position(seq uint64) Position { return Position{e.epoch, seq} }

// push pushes e at p. If p is nil, e gets the number after the last one.
func (r *ring[E]) push(ctx context.Context, p *Position, e E) error {
	size, err := r.sizes.of(e)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	full := r.full(size)
	if full && r.policy == Block {
		if err := r.await(ctx, size); err != nil {
			return err
		}
		full = false
	}
	if r.end.Load() != nil {
		return ErrEnded
	}
	seq := r.last.Load() + 1
	if p != nil {
		if p.Epoch != r.era.Load().epoch || p.Seq < seq {
			return fmt.Errorf("enumerator: PushAt: %v does not come after %v", *p, r.era.Load().position(r.last.Load()))
		}
		seq, r.sparse = p.Seq, true
	}
	if !full {
		if r.sizes.count() {
			r.makeRoom(size)
		}
		r.grow()
		if r.sizes.count() {
			r.sizes.add(r.next, size)
		}
		r.put(seq, e)
	}
	r.last.Store(seq)
	return nil
}

// reset drops the elements and begins an era at p.
func (r *ring[E]) reset(p Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end.Load() != nil {
		return
	}
	from, to := r.next-r.held(), r.next
	now := &era{epoch: p.Epoch, seq: p.Seq, index: to}
	if r.era.Load().readers != nil {
		r.protect(now)
		now.readersAt(to).Store(int64(r.runs)) // where they are when they have got their Reset
	}
	r.era.Store(now)
	r.oldest.Store(to)
	for ; from < to; from++ {
		r.slot(from).Store(nil)
		if r.sizes.count() {
			r.sizes.remove(from)
		}
	}
	r.gone, r.sparse = p.Seq, true
	r.last.Store(p.Seq)
	r.room.free()
}

// grow makes a place for one more element, up to the capacity.
func (r *ring[E]) grow() {
	old, held := r.slots.Load(), r.held()
	n := 0
	if old != nil {
		n = len(*old)
	}
	if int(held) < n || n == r.capacity {
		return
	}
	n = min(max(8, 2*n), r.capacity)
	grown, next := make(slots[E], n), r.next
	for index := next - held; index < next; index++ {
		grown.at(index).Store(old.at(index).Load())
	}
	r.slots.Store(&grown)
	if r.sizes.count() {
		r.sizes.grow(n, next-held, next)
	}
}

func (r *ring[E]) put(seq uint64, e E) {
	slot, made := r.slot(r.next), entry[E]{r.next, seq, r.last.Load(), e}
	r.next++
	if old := slot.Load(); old != nil {
		r.gone = old.seq
		if r.runs == 0 { // no run can be reading it
			*old = made
			return
		}
	}
	if len(r.fresh) == 0 {
		r.fresh = make([]entry[E], r.block)
	}
	r.fresh[0] = made
	slot.Store(&r.fresh[0])
	r.fresh = r.fresh[1:]
}

// makeRoom removes the elements that leave no room for one more of the given size.
func (r *ring[E]) makeRoom(size int) {
	from, to := r.next-r.held(), r.oldestWith(size)
	r.oldest.Store(to)
	for ; from < to; from++ {
		slot := r.slot(from)
		r.gone = slot.Load().seq
		slot.Store(nil)
		r.sizes.remove(from)
	}
}

// oldestWith returns the index of the oldest element that can stay when an element of the given size
// comes.
func (r *ring[E]) oldestWith(size int) uint64 {
	next := r.next
	index := next - r.held()
	sum := r.sizes.sum
	for ; index < next && (next-index == uint64(r.capacity) || size > r.most-sum); index++ {
		sum -= *r.sizes.at(index)
	}
	return index
}

// full reports whether there is a counted cursor at an element that would have to leave for the next
// one. Without sizes, that element has the index next minus the capacity, whose place in readers is
// that of next+1.
func (r *ring[E]) full(size int) bool {
	if r.sizes.count() {
		return r.fullFor(size)
	}
	era := r.era.Load()
	return era.readers != nil && era.readersAt(r.next+1).Load() > 0
}

func (r *ring[E]) fullFor(size int) bool {
	era := r.era.Load()
	if era.readers == nil {
		return false
	}
	to := r.oldestWith(size)
	for index := r.next - r.held(); index < to; index++ {
		if era.readersAt(index).Load() > 0 {
			return true
		}
	}
	return false
}

// await waits, without the lock, until there is room or the hub has ended.
func (r *ring[E]) await(ctx context.Context, size int) error {
	return r.room.await(ctx, context.Background(), &r.mu, func() bool { return r.end.Load() == nil && r.full(size) })
}

func (r *ring[E]) finish(end *ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end.CompareAndSwap(nil, end)
	r.room.free()
}

func (r *ring[E]) attach(start start) *cursor {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := start()
	r.runs++
	if r.policy == Block || r.policy == DropNewest {
		r.protect(c.era)
		c.era.readersAt(c.index).Add(1)
	}
	return &c
}

// protect lets e count the cursors.
func (r *ring[E]) protect(e *era) {
	if e.readers == nil {
		e.readers = make([]atomic.Int64, r.capacity+1)
	}
}

func (r *ring[E]) detach(c *cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs--
	r.follow(c)
	r.release(c)
}

// follow moves c to the beginning of the era, if there was a reset.
func (r *ring[E]) follow(c *cursor) {
	if now := r.era.Load(); now != c.era {
		*c = cursor{index: now.index, seq: now.seq, era: now, reset: true}
	}
}

// release notes that c leaves the element at its index.
func (r *ring[E]) release(c *cursor) {
	if c.era.readers != nil && c.era.readersAt(c.index).Add(-1) == 0 {
		r.room.free()
	}
}

func (r *ring[E]) live() cursor { return r.at(r.next, r.last.Load()) }

func (r *ring[E]) at(index, seq uint64) cursor {
	return cursor{index: index, seq: seq, era: r.era.Load()}
}

func (r *ring[E]) lastN(n int) start {
	check.NotNegative("enumerator: Last: n", n)
	return func() cursor {
		held := min(uint64(n), r.held())
		if held == 0 {
			return r.live()
		}
		index := r.next - held
		return r.at(index, r.slot(index).Load().before)
	}
}

func (r *ring[E]) from(p Position) start {
	return func() cursor {
		if p == (Position{}) {
			return r.live()
		}
		oldest := r.next - r.held()
		after := oldest + uint64(sort.Search(int(r.held()), func(i int) bool { return r.slot(oldest+uint64(i)).Load().seq > p.Seq }))
		known := p.Epoch == r.era.Load().epoch && r.gone <= p.Seq && p.Seq <= r.last.Load()
		if known && r.sparse && p.Seq != r.gone {
			known = after > oldest && r.slot(after-1).Load().seq == p.Seq
		}
		if !known {
			c := r.at(oldest, r.gone)
			c.reset = true
			return c
		}
		return r.at(after, p.Seq)
	}
}

// held returns the number of elements in the ring.
func (r *ring[E]) held() uint64 { return min(r.next-r.oldest.Load(), uint64(r.capacity)) }

// read returns the item at c, if there is one. If there will be no more items, it returns the ending.
// It does not wait.
func (r *ring[E]) read(c *cursor) (item Item[E], ok bool, end *ending) {
	for {
		// The slot is loaded last, so it reflects all pushes up to last. A reset changes the era first. So
		// if the era is still the same after that, all of this is from before the reset.
		end, last := r.end.Load(), r.last.Load()
		e := r.slot(c.index).Load()
		r.follow(c)
		switch {
		case !c.begun || c.reset:
			item := Item[E]{Position: c.era.position(c.seq), Reset: c.reset, Bookmark: !c.reset}
			c.begun, c.reset = true, false
			return item, true, nil
		case e == nil || e.index < c.index: // no element yet, or the element has left
			if oldest := r.oldest.Load(); oldest > c.index {
				r.skip(c, oldest)
				continue
			}
			if r.policy == DropNewest {
				c.lost = last - c.seq
			}
			if c.lost > 0 {
				return r.gap(c, last), true, nil
			}
			return item, false, end
		case e.index > c.index: // overtaken: continue with the oldest
			r.mu.Lock()
			oldest := r.next - r.held()
			r.mu.Unlock()
			r.skip(c, oldest)
		case c.lost > 0:
			return r.gap(c, e.before), true, nil
		case r.policy == DropNewest && e.before != c.seq:
			c.lost = e.before - c.seq
			return r.gap(c, e.before), true, nil
		default:
			c.seq = e.seq
			r.move(c, c.index+1)
			return Item[E]{Value: e.value, Position: c.era.position(e.seq)}, true, nil
		}
	}
}

func (r *ring[E]) move(c *cursor, index uint64) {
	if c.era.readers != nil {
		c.era.readersAt(index).Add(1)
		r.release(c)
	}
	c.index = index
}

// skip moves c over elements that are lost.
func (r *ring[E]) skip(c *cursor, index uint64) {
	c.lost += index - c.index
	r.move(c, index)
}

// gap returns the Item with a Gap for the lost elements up to seq.
func (r *ring[E]) gap(c *cursor, seq uint64) Item[E] {
	gap := Gap{From: c.era.position(c.seq + 1), N: c.lost}
	c.seq, c.lost = seq, 0
	return Item[E]{Position: c.era.position(seq), Gap: gap}
}

// hasNews reports whether there may be something at c that was not there when c was last read.
func (r *ring[E]) hasNews(c *cursor) bool {
	return r.last.Load() != c.seq || r.end.Load() != nil || r.era.Load() != c.era
}
