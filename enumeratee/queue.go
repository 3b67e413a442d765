package enumeratee

// queue is a first-in first-out queue in a ring.
type queue[T any] struct {
	ring    []T
	head, n int
}

func (q *queue[T]) empty() bool { return q.n == 0 }
func (q *queue[T]) first() T    { return q.ring[q.head] }

func (q *queue[T]) push(v T) {
	if q.n == len(q.ring) {
		ring := make([]T, max(4, 2*q.n))
		copy(ring[copy(ring, q.ring[q.head:]):], q.ring[:q.head])
		q.ring, q.head = ring, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = v
	q.n++
}

func (q *queue[T]) pop() (v T) {
	v, q.ring[q.head] = q.ring[q.head], v // the queue does not keep it in memory
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return v
}

// all returns the values in the queue.
func (q *queue[T]) all() (vs []T) {
	for i := range q.n {
		vs = append(vs, q.ring[(q.head+i)%len(q.ring)])
	}
	return vs
}
