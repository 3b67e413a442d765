// Package probe holds what the tests of several packages share.
package probe

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// Source is an Enumerator of 1, 2, 3, … that counts what is done with it. N is how
// many there are, without end if it is negative.
type Source struct {
	N      int
	Starts atomic.Int64 // how many runs have begun
	Pulls  atomic.Int64 // how many elements have been made
	Closes atomic.Int64 // how many runs have ended
}

// Enumerator returns the source itself.
func (s *Source) Enumerator() enumerator.Enumerator[int] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		s.Starts.Add(1)
		defer s.Closes.Add(1)
		for n := 1; s.N < 0 || n <= s.N; n++ {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
			s.Pulls.Add(1)
			if step := sink.Next(n); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// Naturals is 1, 2, 3, … without end.
func Naturals() enumerator.Enumerator[int] { return (&Source{N: -1}).Enumerator() }

// Counted is an Iteratee that behaves as it and counts the calls of its Sink.
type Counted[E, A any] struct {
	It    iteratee.Iteratee[E, A]
	Nexts atomic.Int64
	EOFs  atomic.Int64
}

// Iteratee returns the counting Iteratee.
func (c *Counted[E, A]) Iteratee() iteratee.Iteratee[E, A] {
	return iteratee.New(func(ctx context.Context) iteratee.Running[E, A] {
		r := c.It.Start(ctx)
		next, eof := r.Next, r.EOF
		r.Batch, r.Keep = nil, nil
		r.Next = func(e E) iteratee.Step { c.Nexts.Add(1); return next(e) }
		r.EOF = func() iteratee.Step { c.EOFs.Add(1); return eof() }
		return r
	})
}

// Corks is an Iteratee that notes each element, and what the source says by [iteratee.Cork]
// whenever that changes.
func Corks[E any](note func(string)) iteratee.Iteratee[E, struct{}] {
	return iteratee.New(func(ctx context.Context) iteratee.Running[E, struct{}] {
		last := false
		iteratee.OnCork(ctx, func(corked bool) {
			if corked != last {
				last = corked
				note(map[bool]string{true: "cork", false: "uncork"}[corked])
			}
		})
		return iteratee.ForEach(func(_ context.Context, e E) error {
			note(fmt.Sprint(e))
			return nil
		}).Start(ctx)
	})
}
