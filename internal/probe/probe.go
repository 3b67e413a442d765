// Package probe holds the helpers that tests of several packages share.
package probe

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// Source counts the runs and the elements of an Enumerator of 1, 2, 3, …, N. If N is
// negative, the elements do not end.
type Source struct {
	N      int
	Starts atomic.Int64 // the number of runs that have begun
	Pulls  atomic.Int64 // the number of elements made
	Closes atomic.Int64 // the number of runs that have ended
}

// Enumerator returns the Enumerator.
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

// Naturals returns the Enumerator of 1, 2, 3, … without end.
func Naturals() enumerator.Enumerator[int] { return (&Source{N: -1}).Enumerator() }

// Counted counts the calls of the Sink of It.
type Counted[E, A any] struct {
	It    iteratee.Iteratee[E, A]
	Nexts atomic.Int64
	EOFs  atomic.Int64
}

// Iteratee returns the counting Iteratee.
func (c *Counted[E, A]) Iteratee() iteratee.Iteratee[E, A] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[E, A], iteratee.Step) {
		r, step := c.It.Start(ctx)
		return &counting[E, A]{r, c}, step
	})
}

type counting[E, A any] struct {
	iteratee.Running[E, A]
	calls *Counted[E, A]
}

func (c *counting[E, A]) Next(e E) iteratee.Step {
	c.calls.Nexts.Add(1)
	return c.Running.Next(e)
}

func (c *counting[E, A]) EOF() iteratee.Step {
	c.calls.EOFs.Add(1)
	return c.Running.EOF()
}

// Corks returns an Iteratee that notes each element, and "cork" or "uncork" whenever the source
// changes that by [iteratee.Cork].
func Corks[E any](note func(string)) iteratee.Iteratee[E, struct{}] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[E, struct{}], iteratee.Step) {
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
