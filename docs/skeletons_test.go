package docs_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/iteratee"
)

// The skeletons in architecture.md.

// snippet: adapter
// Limit hands on elements while the sum of their sizes is at most max.
func Limit[E any](max int, size func(E) int) enumeratee.Enumeratee[E, E] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		return &limit[E]{Stage: stage, Outlet: out, left: max, size: size}, iteratee.StepCont
	})
}

type limit[E any] struct {
	enumeratee.Stage   // its EOF answers Stop: there is nothing to hand on at the end
	iteratee.Outlet[E] // its Rest is right, because the elements are handed on as they are
	left               int
	size               func(E) int
	end                iteratee.Step
}

func (l *limit[E]) Next(e E) iteratee.Step {
	switch l.left -= l.size(e); {
	case !l.end.IsCont(): // the same answer again
	case l.left < 0:
		l.end = l.Stop()
	default:
		l.end = l.Outlet.Next(e)
	}
	return l.end
}

// end snippet

// snippet: source
// Countdown gives n, n-1 and so on to 1, one element each d.
func Countdown(n int, d time.Duration) enumerator.Enumerator[int] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for e := n; e > 0; e-- {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case <-ticker.C:
			}
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// end snippet

// snippet: goroutine
// KeepAlive hands on each element, and idle when none has come for d.
func KeepAlive[E any](d time.Duration, idle E) enumeratee.Enumeratee[E, E] {
	return enumeratee.Async(func(ctx context.Context, in <-chan E, out iteratee.Outlet[E]) (step iteratee.Step) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		for step.IsCont() {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case e, ok := <-in:
				if !ok {
					return step
				}
				step = out.Next(e)
			case <-timer.C:
				step = out.Next(idle)
			}
			timer.Reset(d)
		}
		return step
	})
}

// end snippet

func TestSkeletons(t *testing.T) {
	size := func(e string) int { return len(e) }
	for _, in := range [][]string{nil, {"a"}, {"abc", "abcd", ""}, {"abc", "a", "abc", "a"}, {"123456", "1"}} {
		assert.NoError(t, enumerateetest.Test(Limit(5, size), in))
	}
	assert.NoError(t, enumeratortest.Test(Countdown(3, time.Microsecond), []int{3, 2, 1}))
	assert.NoError(t, enumerateetest.TestAsync(t, KeepAlive(9*time.Second, 0), []int{1, 2, 3}, []int{1, 2, 3}))
}
