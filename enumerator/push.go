package enumerator

import (
	"errors"
	"fmt"

	"github.com/halley-go/halley/iteratee"
)

// A Policy says what a push does when there is no room: when the consumer of [Unicast], or a
// run of a [Hub], is as many elements behind as there may be.
type Policy int

const (
	Block      Policy = iota // the push waits until there is room
	DropOldest               // the oldest element that is held is dropped
	DropNewest               // the element pushed is dropped
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
	// ErrSlow is the error of a run that was too slow for what was pushed, where the policy
	// is [FailSlow].
	ErrSlow = errors.New("enumerator: the consumer is too slow")

	// ErrEnded is what a push returns after the end.
	ErrEnded = errors.New("enumerator: pushed after the end")
)

// A PushOption is an option of [Unicast], [Broadcast] and [Share].
type PushOption func(*pushConfig)

type pushConfig struct {
	capacity int
	policy   Policy
}

// Capacity sets how many elements are held, 256 if it is not given. It panics if n is not
// positive, or more than 2^30: a place is kept for each.
func Capacity(n int) PushOption {
	switch {
	case n <= 0:
		panic(fmt.Sprintf("enumerator: Capacity: n must be positive, got %d", n))
	case n > mostCapacity:
		panic(fmt.Sprintf("enumerator: Capacity: n must not be more than %d, got %d", mostCapacity, n))
	}
	return func(c *pushConfig) { c.capacity = n }
}

const mostCapacity = 1 << 30

// WhenFull sets the policy. It panics if p is none of the four.
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

// ending is how whoever pushes has ended a stream.
type ending struct {
	eof      bool
	err      error
	panicked any // or the source that was shared has panicked with this
}

func failing(err error) *ending {
	if err == nil {
		panic("enumerator: EndWithError: err must not be nil")
	}
	return &ending{err: err}
}

// answerEnd tells sink of the end, and returns the last answer of the run.
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

// signal wakes one of those who wait for c, which holds one signal: now, or when it looks next.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
