package enumeratee

// recent holds values by their keys, in the order in which they were used.
type recent[K comparable, V any] struct {
	byKey map[K]*entry[K, V]
	ends  entry[K, V] // both ends of the list: its after is the newest entry, its before the oldest
}

type entry[K comparable, V any] struct {
	key           K
	value         V
	before, after *entry[K, V]
}

func newRecent[K comparable, V any]() *recent[K, V] {
	r := &recent[K, V]{byKey: map[K]*entry[K, V]{}}
	r.ends.before, r.ends.after = &r.ends, &r.ends
	return r
}

func (r *recent[K, V]) len() int { return len(r.byKey) }

// use makes the entry of key the newest and returns it. It returns nil if there is no such entry.
func (r *recent[K, V]) use(key K) *entry[K, V] {
	x := r.byKey[key]
	if x != nil {
		x.unlink()
		r.link(x)
	}
	return x
}

// add adds x as the newest entry. r must have no entry with its key, and the key must equal itself.
func (r *recent[K, V]) add(x *entry[K, V]) {
	r.byKey[x.key] = x
	r.link(x)
}

// newest returns the entry that was used or added last.
func (r *recent[K, V]) newest() *entry[K, V] { return r.ends.after }

// oldest returns the entry that has not been used for the longest time.
func (r *recent[K, V]) oldest() *entry[K, V] { return r.ends.before }

func (r *recent[K, V]) remove(x *entry[K, V]) {
	delete(r.byKey, x.key)
	x.unlink()
}

func (r *recent[K, V]) link(x *entry[K, V]) {
	x.before, x.after = &r.ends, r.ends.after
	x.before.after, x.after.before = x, x
}

func (x *entry[K, V]) unlink() { x.before.after, x.after.before = x.after, x.before }
