package enumerator

import (
	"context"
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
	epoch uint64
	slots []atomic.Pointer[entry[E]] // the slot of index i is at i modulo the capacity
	last  atomic.Uint64              // Seq of the last pushed element; stored after its slot
	end   atomic.Pointer[ending]     // stored after last

	// readers counts the cursors at each index, if the policy protects elements that have not been
	// read. It has one place more than slots: the one for the index of the next element.
	readers []atomic.Int64
	room    room

	// All elements before this index have left the ring because of their sizes. Later ones may have left
	// because their places were needed. oldest is stored before their slots are cleared.
	oldest atomic.Uint64

	mu    sync.Mutex // guards the fields below
	next  uint64     // the index of the next element
	gone  uint64     // Seq of the last element that has left the ring
	block int        // the number of entries to allocate together
	fresh []entry[E] // entries allocated in advance
	runs  int        // the number of attached runs
}

// entry does not change while it is in the ring and a run is attached. An element that was dropped
// instead of being stored has a Seq and no index, so seq and index drift apart under the policy
// DropNewest, and only there.
type entry[E any] struct {
	index, seq uint64
	value      E
}

// cursor is the place where a run reads: the index of the next element, and the Seq of the last element
// that the run has got or knows to be lost. It belongs to one goroutine.
type cursor struct {
	index, seq uint64
	reset      bool // the first item is a Reset and not a Bookmark
	begun      bool // the run has got its first item
}

// start returns the cursor of a new run. It is called with the lock.
type start func() cursor

func (r *ring[E]) init(function string, config pushConfig) {
	r.pushConfig = config
	r.sizes.init(function, config, config.capacity)
	r.block = min(blockOf[E](), config.capacity)
	r.epoch = 1 + rand.Uint64N(math.MaxUint64)
	r.slots = make([]atomic.Pointer[entry[E]], config.capacity)
	r.room.init()
	if config.policy == Block || config.policy == DropNewest {
		r.readers = make([]atomic.Int64, config.capacity+1)
	}
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

func (r *ring[E]) slot(index uint64) *atomic.Pointer[entry[E]] {
	return &r.slots[index%uint64(len(r.slots))]
}

func (r *ring[E]) readersAt(index uint64) *atomic.Int64 {
	return &r.readers[index%uint64(len(r.readers))]
}

func (r *ring[E]) position(seq uint64) Position { return Position{r.epoch, seq} }

func (r *ring[E]) push(ctx context.Context, e E) error {
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
	if !full {
		if r.sizes.count() {
			r.makeRoom(size)
		}
		r.put(seq, e)
	}
	r.last.Store(seq)
	return nil
}

func (r *ring[E]) put(seq uint64, e E) {
	slot, made := r.slot(r.next), entry[E]{r.next, seq, e}
	r.next++
	old := slot.Load()
	if old != nil {
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
	r.sizes.add(r.next, size)
}

// oldestWith returns the index of the oldest element that can stay when an element of the given size
// comes.
func (r *ring[E]) oldestWith(size int) uint64 {
	index := r.next - r.held()
	sum := r.sizes.sum
	for ; index < r.next && (r.next-index == uint64(len(r.slots)) || size > r.most-sum); index++ {
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
	return r.readers != nil && r.readersAt(r.next+1).Load() > 0
}

func (r *ring[E]) fullFor(size int) bool {
	if r.readers == nil {
		return false
	}
	to := r.oldestWith(size)
	for index := r.next - r.held(); index < to; index++ {
		if r.readersAt(index).Load() > 0 {
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
	if r.readers != nil {
		r.readersAt(c.index).Add(1)
	}
	return &c
}

func (r *ring[E]) detach(c *cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs--
	r.release(c.index)
}

func (r *ring[E]) release(index uint64) {
	if r.readers != nil && r.readersAt(index).Add(-1) == 0 {
		r.room.free()
	}
}

func (r *ring[E]) live() cursor { return cursor{index: r.next, seq: r.last.Load()} }

func (r *ring[E]) lastN(n int) start {
	check.NotNegative("enumerator: Last: n", n)
	return func() cursor {
		held := min(uint64(n), r.held())
		if held == 0 {
			return r.live()
		}
		index := r.next - held
		return cursor{index: index, seq: r.slot(index).Load().seq - 1}
	}
}

func (r *ring[E]) from(p Position) start {
	return func() cursor {
		oldest := r.next - r.held()
		switch {
		case p == Position{}:
			return r.live()
		case p.Epoch != r.epoch || p.Seq < r.gone || p.Seq > r.last.Load():
			return cursor{index: oldest, seq: r.gone, reset: true}
		}
		after := sort.Search(int(r.held()), func(i int) bool { return r.slot(oldest+uint64(i)).Load().seq > p.Seq })
		return cursor{index: oldest + uint64(after), seq: p.Seq}
	}
}

func (r *ring[E]) held() uint64 { return min(r.next-r.oldest.Load(), uint64(len(r.slots))) }

// read returns the item at c, if there is one. If there will be no more items, it returns the ending.
// It does not wait.
func (r *ring[E]) read(c *cursor) (item Item[E], ok bool, end *ending) {
	if !c.begun {
		c.begun = true
		return Item[E]{Position: r.position(c.seq), Reset: c.reset, Bookmark: !c.reset}, true, nil
	}
	for {
		end, last := r.end.Load(), r.last.Load() // loaded before the slot, which therefore reflects all pushes up to last
		e := r.slot(c.index).Load()
		switch {
		case e == nil || e.index < c.index: // no element yet, or the element has left
			if oldest := r.oldest.Load(); oldest > c.index {
				c.index = oldest
				continue
			}
			if last > c.seq {
				return r.gap(c, last), true, nil
			}
			return item, false, end
		case e.index > c.index: // overtaken: continue with the oldest, whose index is its Seq - 1
			c.index = max(max(last, e.seq)-uint64(len(r.slots)), r.oldest.Load())
		case e.seq > c.seq+1:
			return r.gap(c, e.seq-1), true, nil
		default:
			c.seq = e.seq
			c.index++
			if r.readers != nil {
				r.readersAt(c.index).Add(1)
				r.release(c.index - 1)
			}
			return Item[E]{Value: e.value, Position: r.position(e.seq)}, true, nil
		}
	}
}

// gap moves c past the elements up to seq, which are lost.
func (r *ring[E]) gap(c *cursor, seq uint64) Item[E] {
	gap := Gap{From: r.position(c.seq + 1), N: seq - c.seq}
	c.seq = seq
	return Item[E]{Position: r.position(seq), Gap: gap}
}

// hasNews reports whether there may be something at c that was not there when c was last read.
func (r *ring[E]) hasNews(c *cursor) bool { return r.last.Load() != c.seq || r.end.Load() != nil }
