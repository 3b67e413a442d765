package enumeratee_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// at is a source that makes 1 at the first of these times, 2 at the second, and so on. It ends at the last. The
// times are seconds from its start.
func at(seconds ...int) enumerator.Enumerator[int] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		start := time.Now()
		for i, s := range seconds {
			select {
			case <-time.After(time.Until(start.Add(time.Duration(s) * time.Second))):
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			}
			if i == len(seconds)-1 {
				break
			}
			if step := sink.Next(i + 1); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// seen is an element and the time at which it came, in seconds.
type seen[E any] struct {
	E  E
	At int
}

// timed collects all elements with their times. It is busy with each for the duration takes.
func timed[E any](takes time.Duration) iteratee.Iteratee[E, []seen[E]] {
	return iteratee.Defer(func(context.Context) (iteratee.Iteratee[E, []seen[E]], error) {
		passed := since()
		return iteratee.Fold(nil, func(es []seen[E], e E) []seen[E] {
			es = append(es, seen[E]{e, int(passed() / time.Second)})
			time.Sleep(takes)
			return es
		}), nil
	})
}

type timing[To any] struct {
	adapter enumeratee.Enumeratee[int, To]
	in      []int // the times of the elements and of the end
	takes   time.Duration
	want    []seen[To]
	end     int // the time at which the run ends
}

func checkTimes[To any](t *testing.T, cases map[string]timing[To]) {
	for name, c := range cases {
		bubbles(t, map[string]func(*testing.T){name: func(t *testing.T) {
			for range 2 {
				passed := since()
				got, err := enumerator.Run(t.Context(), enumerator.Through(at(c.in...), c.adapter), timed[To](c.takes))
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				assert.Equal(t, time.Duration(c.end)*time.Second, passed())
			}
		}})
	}
}

// splitOf runs source through adapter. It returns the elements that adapter hands on, and those that are left
// for the next consumer.
func splitOf(t *testing.T, source enumerator.Enumerator[int], adapter tee) (got, rest []int, err error) {
	consumer := iteratee.FlatMap(enumeratee.Transform(adapter, iteratee.Collect[int]()), func(es []int) iteratee.Iteratee[int, []int] {
		got = es
		return iteratee.Collect[int]()
	})
	rest, err = enumerator.Run(t.Context(), source, consumer)
	return got, rest, err
}
