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
)

// ring holds the last elements that were pushed. Who pushes, attaches or detaches has the lock;
// who reads needs none, and nobody waits for who reads, unless the policy is to.
type ring[E any] struct {
	pushConfig
	sizes sizes[E]
	epoch uint64
	slots []atomic.Pointer[entry[E]] // that of index i is at i modulo the capacity
	last  atomic.Uint64              // Seq of what was pushed last, stored after the slot
	end   atomic.Pointer[ending]     // stored after both

	// Where the policy protects elements that have not been read, this is how many cursors are
	// at each index. There is one index more than elements: that of the next to come.
	readers []atomic.Int64
	room    room

	// All before this index have left the ring for want of room for their sizes, and maybe others
	// for want of a place. It is stored before their slots are cleared.
	oldest atomic.Uint64

	mu    sync.Mutex // for what follows
	next  uint64     // the index of the next element
	gone  uint64     // Seq of the last element that had to leave the ring
	block int        // how many entries are made at a time
	fresh []entry[E] // made in advance
	runs  int
}

// entry does not change once it is in the ring, while a run is attached. Elements that were
// dropped as they came have a Seq and no index: only the policy DropNewest lets the two drift
// apart.
type entry[E any] struct {
	index, seq uint64
	value      E
}

// cursor is where a run reads: the index of the next element, and the Seq of the last one that it
// got or knows to be lost. It belongs to one goroutine.
type cursor struct {
	index, seq uint64
	reset      bool // to be told
}

// start says where a run begins. It is called with the lock.
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

// blockOf returns how many entries can be made at a time. As long as one of them is needed, all of them stay
// in memory, with what they point to; so entries that can keep more than themselves are made one by one.
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
		if r.runs == 0 { // nobody can be reading it
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

// makeRoom has those elements leave that would be too many for their sizes with one more.
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

// oldestWith returns the index of the oldest element that can stay when one more comes.
func (r *ring[E]) oldestWith(size int) uint64 {
	index := r.next - r.held()
	sum := r.sizes.sum
	for ; index < r.next && (r.next-index == uint64(len(r.slots)) || size > r.most-sum); index++ {
		sum -= *r.sizes.at(index)
	}
	return index
}

// full reports whether a cursor that counts is at an element that would have to leave for the
// next one. Without sizes, that is the one at next less the capacity, which is next + 1 modulo one
// more.
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
	checkLast(n)
	return func() cursor {
		held := min(uint64(n), r.held())
		if held == 0 {
			return r.live()
		}
		index := r.next - held
		return cursor{index: index, seq: r.slot(index).Load().seq - 1}
	}
}

func checkLast(n int) {
	if n < 0 {
		panic(fmt.Sprintf("enumerator: Last: n must not be negative, got %d", n))
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

// read returns what is at c, if there is anything; if there will be nothing more, how it has ended.
// It does not wait.
func (r *ring[E]) read(c *cursor) (item Item[E], ok bool, end *ending) {
	if c.reset {
		c.reset = false
		return Item[E]{Position: r.position(c.seq), Reset: true}, true, nil
	}
	for {
		end, last := r.end.Load(), r.last.Load() // before the slot: it has all up to last
		e := r.slot(c.index).Load()
		switch {
		case e == nil || e.index < c.index: // nothing yet, or it has left
			if oldest := r.oldest.Load(); oldest > c.index {
				c.index = oldest
				continue
			}
			if last > c.seq {
				return r.gap(c, last), true, nil
			}
			return item, false, end
		case e.index > c.index: // overtaken: on with the oldest, which is a Seq ahead of its index
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

// gap notes that what comes up to seq is lost.
func (r *ring[E]) gap(c *cursor, seq uint64) Item[E] {
	gap := Gap{From: r.position(c.seq + 1), N: seq - c.seq}
	c.seq = seq
	return Item[E]{Position: r.position(seq), Gap: gap}
}

// hasNews reports whether there may be something at c that was not there when it was read.
func (r *ring[E]) hasNews(c *cursor) bool { return r.last.Load() != c.seq || r.end.Load() != nil }
