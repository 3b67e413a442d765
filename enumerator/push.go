package enumerator

import (
	"errors"
	"fmt"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// A Policy says what a push does when there is no room because the consumer of [Unicast] or a run of a
// [Hub] is too far behind.
type Policy int

const (
	Block      Policy = iota // the push waits until there is room
	DropOldest               // the oldest held element is dropped
	DropNewest               // the pushed element is dropped
	FailSlow                 // the run that is behind fails with ErrSlow
)

var policyNames = [...]string{"Block", "DropOldest", "DropNewest", "FailSlow"}

// String returns the name of the policy.
func (p Policy) String() string {
	if p < 0 || int(p) >= len(policyNames) {
		return fmt.Sprintf("Policy(%d)", int(p))
	}
	return policyNames[p]
}

var (
	// ErrSlow is the error of a run that is too slow for the pushes, under the policy [FailSlow].
	ErrSlow = errors.New("enumerator: the consumer is too slow")

	// ErrEnded is the error of a push after the end.
	ErrEnded = errors.New("enumerator: pushed after the end")
)

// A PushOption is an option of [Unicast], [Broadcast] and [Share].
type PushOption func(*pushConfig)

type pushConfig struct {
	capacity int
	most     int // the greatest sum of sizes
	size     any // a func(E) int, nil if sizes do not count
	policy   Policy
}

// Capacity sets how many elements are held. The default is 256. To limit the sizes of elements too, use
// [CapacityFunc]. A hub may keep a few more elements in memory, at most 1 KiB of them, if elements
// contain no pointers. Capacity panics if n is not positive or more than 2^30, because memory is
// allocated for n places.
func Capacity(n int) PushOption {
	check.Positive("enumerator: Capacity: n", n)
	if n > mostCapacity {
		panic(fmt.Sprintf("enumerator: Capacity: n must not be more than %d, got %d", mostCapacity, n))
	}
	return func(c *pushConfig) { c.capacity = n }
}

const mostCapacity = 1 << 30

// CapacityFunc limits the elements that are held: the sum of their sizes is at most max, and [Capacity]
// still limits their number. size returns the size of an element. An element larger than max is held
// alone. An element of size 0 counts as 1. The place of an element in the ring, which takes a few words
// of memory, is not counted. If elements can be small, size should add it.
//
// A push calls size once for each element. If size returns a negative number, the push returns an error
// and the element is not pushed. CapacityFunc panics if max is not positive or size is nil. The function
// that takes the option panics if its elements are not of type E.
func CapacityFunc[E any](max int, size func(E) int) PushOption {
	check.Positive("enumerator: CapacityFunc: max", max)
	if size == nil {
		panic("enumerator: CapacityFunc: size must not be nil")
	}
	return func(c *pushConfig) { c.most, c.size = max, size }
}

// sizes holds the sizes of the elements in a ring, if sizes count.
type sizes[E any] struct {
	size func(E) int
	most int
	ring []int // the size for index i is at i modulo the length of the ring
	sum  int   // the sum of the sizes that were added and not removed
}

func (s *sizes[E]) init(function string, config pushConfig, places int) {
	if config.size == nil {
		return
	}
	size, ok := config.size.(func(E) int)
	if !ok {
		panic(fmt.Sprintf("enumerator: %s: CapacityFunc needs a %T for these elements, got a %T", function, s.size, config.size))
	}
	s.size, s.most, s.ring = size, config.most, make([]int, places)
}

func (s *sizes[E]) count() bool { return s.size != nil }

// of returns the size of e, but at most s.most, or 0 if sizes do not count.
func (s *sizes[E]) of(e E) (int, error) {
	if !s.count() {
		return 0, nil
	}
	n := s.size(e)
	if n < 0 {
		return 0, fmt.Errorf("enumerator: CapacityFunc: size must not be negative, got %d", n)
	}
	return min(max(n, 1), s.most), nil
}

func (s *sizes[E]) at(index uint64) *int { return &s.ring[index%uint64(len(s.ring))] }

func (s *sizes[E]) add(index uint64, size int) {
	*s.at(index) = size
	s.sum += size
}

func (s *sizes[E]) remove(index uint64) { s.sum -= *s.at(index) }

// grow makes n places for the sizes from one index to another.
func (s *sizes[E]) grow(n int, from, to uint64) {
	old := *s
	s.ring = make([]int, n)
	for index := from; index < to; index++ {
		*s.at(index) = *old.at(index)
	}
}

// WhenFull sets the policy. It panics if p is not one of the four policies.
func WhenFull(p Policy) PushOption {
	if p < 0 || int(p) >= len(policyNames) {
		panic(fmt.Sprintf("enumerator: WhenFull: no such policy: %d", int(p)))
	}
	return func(c *pushConfig) { c.policy = p }
}

func configOf(policy Policy, opts []PushOption) pushConfig {
	c := pushConfig{capacity: 256, policy: policy}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// ending says how a stream was ended by the pushing side.
type ending struct {
	eof      bool
	err      error
	panicked any // the panic value of a shared source
}

func failing(err error) *ending {
	if err == nil {
		panic("enumerator: EndWithError: err must not be nil")
	}
	return &ending{err: err}
}

// answerEnd ends a run: it sends EOF to sink if end says so, and returns the last answer of the run.
func answerEnd[E any](end *ending, sink iteratee.Sink[E]) iteratee.Step {
	switch {
	case end.panicked != nil:
		panic(end.panicked)
	case end.err != nil:
		return iteratee.StepError(end.err)
	case end.eof:
		return sink.EOF()
	}
	return iteratee.StepCont
}
