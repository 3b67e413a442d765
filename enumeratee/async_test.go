package enumeratee_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// relay changes nothing. It runs in a goroutine of its own.
func relay() tee {
	return enumeratee.Async(func(ctx context.Context, in <-chan int, out iteratee.Outlet[int]) iteratee.Step {
		for {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case e, ok := <-in:
				if !ok {
					return iteratee.StepCont
				}
				if step := out.Next(e); !step.IsCont() {
					return step
				}
			}
		}
	})
}

// stuck is 1, …, n, and then waits until its context ends. So a run that ends has interrupted it. In a synctest
// bubble, a run that does not end is a deadlock.
func stuck(n int) enumerator.Enumerator[int] {
	return enumerator.FromSlice(ints(1, n)).AndThen(enumerator.FromChan(make(chan int)))
}

func TestAsyncHandsOnTheElementsOfItsLoop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, n := someInts(t, 6), someInt(t)
		after := someOf(t, lossless)()
		before := rapid.SampledFrom([]tee{ // it may be offered another element, so it must not fail
			enumeratee.PassAlong[int](), enumeratee.Take[int](n), enumeratee.Drop[int](n), enumeratee.Filter(below(n)),
		}).Draw(t, "before")
		run := func(adapter tee) (through, transformed []int, errs [2]error) {
			consumer := enumeratee.Transform(enumeratee.Take[int](n), iteratee.Collect[int]())
			source := enumerator.FromSlice(in)
			through, errs[0] = enumerator.Run(t.Context(), enumerator.Through(source, adapter).AndThen(enumerator.Of(-1)), consumer)
			transformed, errs[1] = enumerator.Run(t.Context(), source.AndThen(enumerator.Of(-1)), enumeratee.Transform(adapter, consumer))
			return through, transformed, errs
		}
		through, transformed, errs := run(enumeratee.Compose(before, after))
		through2, transformed2, errs2 := run(enumeratee.Compose3(before, enumeratee.Compose3(relay(), relay(), relay()), after))
		assert.Equal(t, through, through2)
		assert.Equal(t, transformed, transformed2)
		assert.Equal(t, errs, errs2)
	})
}

func TestAsyncStopsASourceThatWaits(t *testing.T) {
	take := func(n int) iteratee.Iteratee[int, []int] { return iteratee.TakeUpTo[int](n) }
	for name, run := range map[string]func(ctx context.Context) ([]int, error){
		"Through": func(ctx context.Context) ([]int, error) {
			return enumerator.Run(ctx, enumerator.Through(stuck(3), relay()), take(3))
		},
		"Transform": func(ctx context.Context) ([]int, error) {
			return enumerator.Run(ctx, stuck(3), enumeratee.Transform(relay(), take(3)))
		},
		"Apply": func(ctx context.Context) ([]int, error) {
			consumer := enumerator.Apply(ctx, stuck(3), enumeratee.Transform(relay(), take(3)))
			return enumerator.Run(ctx, enumerator.Empty[int](), consumer)
		},
		"a source after it": func(ctx context.Context) ([]int, error) {
			stopped := enumerator.Through(stuck(3), enumeratee.Compose(relay(), enumeratee.Take[int](2)))
			return enumerator.Run(ctx, stopped.AndThen(enumerator.Of(3)), iteratee.Collect[int]())
		},
		"two in a row": func(ctx context.Context) ([]int, error) {
			adapter := enumeratee.Compose3(relay(), relay(), enumeratee.Take[int](3))
			return enumerator.Run(ctx, enumerator.Through(stuck(3), adapter), iteratee.Collect[int]())
		},
		"the flush of an adapter behind it": func(ctx context.Context) ([]int, error) {
			three := iteratee.Map(take(2), func(es []int) int { return len(es) })
			adapter := enumeratee.Compose3(relay(), enumeratee.Take[int](3), enumeratee.Grouped(three))
			sums, err := enumerator.Run(ctx, enumerator.Through(stuck(3), adapter), iteratee.Collect[int]())
			assert.Equal(t, []int{2, 1}, sums)
			return ints(1, 3), err
		},
		"nested": func(ctx context.Context) ([]int, error) {
			source := enumerator.Through(enumerator.Through(stuck(3), relay()), relay())
			return enumerator.Run(ctx, source, enumeratee.Transform(relay(), take(3)))
		},
		"side by side": func(ctx context.Context) ([]int, error) {
			source := enumerator.Interleave(enumerator.Through(stuck(3), relay()), stuck(0))
			return enumerator.Run(ctx, source, enumeratee.Transform(relay(), take(3)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 2 {
					got, err := run(t.Context())
					require.NoError(t, err)
					assert.Equal(t, ints(1, 3), got)
				}
			})
		})
	}
}

func TestAsyncDoesNotStopASourceThatIsStillNeeded(t *testing.T) {
	slow := func() enumerator.Enumerator[int] {
		n := 0
		return enumerator.Map(enumerator.Interval(time.Hour), func(time.Time) int { n++; return n })
	}
	two := enumeratee.Transform(relay(), iteratee.TakeUpTo[int](2))
	for name, consumer := range map[string]iteratee.Iteratee[int, []int]{
		"FlatMap": iteratee.FlatMap(two, func(a []int) iteratee.Iteratee[int, []int] {
			return iteratee.Map(two, func(b []int) []int { return append(a, b...) })
		}),
		"Zip": iteratee.ZipWith(two, iteratee.TakeUpTo[int](4), func(_, b []int) []int { return b }),
		"Grouped": enumeratee.Transform(enumeratee.Compose3(
			enumeratee.Grouped(two), enumeratee.MapConcat(func(es []int) []int { return es }), enumeratee.Take[int](4)), iteratee.Collect[int]()),
		"Grouped, started at once": enumeratee.Transform(enumeratee.Compose(enumeratee.Heading(-1, 0), enumeratee.Compose3(
			enumeratee.Grouped(two), enumeratee.MapConcat(func(es []int) []int { return es }), enumeratee.Take[int](4))),
			iteratee.Map(iteratee.Collect[int](), func(es []int) []int { return append(es[2:], 3, 4) })),
		"Recover": enumeratee.Transform(
			enumeratee.Recover(enumeratee.Compose(relay(), failOnce(2)), func(context.Context, error, iteratee.Input[int]) error { return nil }),
			iteratee.Map(iteratee.TakeUpTo[int](3), func(es []int) []int { assert.Len(t, es, 3); return ints(1, 4) })),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := enumerator.Run(t.Context(), slow(), consumer)
				require.NoError(t, err)
				assert.Equal(t, ints(1, 4), got)
			})
		})
	}
}

// failOnce fails on e when it comes for the first time.
func failOnce(e int) tee {
	failed := false
	return enumeratee.MapM(func(_ context.Context, in int) (int, error) {
		if in == e && !failed {
			failed = true
			return 0, errBoom
		}
		return in, nil
	})
}

func TestAsyncEndsWithTheRun(t *testing.T) {
	bubble := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	bubble("its loop fails", func(t *testing.T) {
		failing := enumeratee.Async(func(_ context.Context, in <-chan int, out iteratee.Outlet[int]) iteratee.Step {
			out.Next(<-in)
			return iteratee.StepError(errBoom)
		})
		for _, source := range []enumerator.Enumerator[int]{stuck(1), probe.Naturals()} {
			_, err := enumerator.Run(t.Context(), enumerator.Through(source, failing), iteratee.Collect[int]())
			assert.ErrorIs(t, err, errBoom)
			_, err = enumerator.Run(t.Context(), source, enumeratee.Transform(failing, iteratee.Collect[int]()))
			assert.ErrorIs(t, err, errBoom)
		}
	})
	bubble("the source fails", func(t *testing.T) {
		source := enumerator.FromSlice(ints(1, 2)).AndThen(failing())
		_, err := enumerator.Run(t.Context(), enumerator.Through(source, relay()), iteratee.Collect[int]())
		assert.ErrorIs(t, err, errBoom)
	})
	bubble("the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { cancel(errBoom) })
		_, err := enumerator.Run(ctx, enumerator.Through(stuck(2), relay()), iteratee.Collect[int]())
		assert.ErrorIs(t, err, errBoom)
	})
	bubble("the source panics", func(t *testing.T) {
		source := enumerator.Map(stuck(2), func(int) int { panic("map") })
		assert.PanicsWithValue(t, "map", func() {
			enumerator.Run(t.Context(), enumerator.Through(source, relay()), iteratee.Collect[int]())
		})
	})
	panics := enumeratee.Map(func(int) int { panic("map") })
	for name, source := range map[string]enumerator.Enumerator[int]{
		"while the source waits": stuck(1), "while it gives": probe.Naturals(), "at the end": enumerator.Of(1),
	} {
		bubble("the consumer panics "+name, func(t *testing.T) {
			assert.PanicsWithValue(t, "map", func() {
				enumerator.Run(t.Context(), enumerator.Through(source, enumeratee.Compose3(relay(), relay(), panics)), iteratee.Collect[int]())
			})
			assert.PanicsWithValue(t, "map", func() {
				enumerator.Run(t.Context(), source, enumeratee.Transform(enumeratee.Compose(relay(), panics), iteratee.Collect[int]()))
			})
		})
	}
	bubble("the consumer leaves its goroutine", func(t *testing.T) {
		goexit := enumeratee.Map(func(int) int { runtime.Goexit(); return 0 })
		assert.Panics(t, func() {
			enumerator.Run(t.Context(), enumerator.Through(stuck(1), enumeratee.Compose(relay(), goexit)), iteratee.Collect[int]())
		})
	})
}

func failing() enumerator.Enumerator[int] {
	return enumerator.Generate(func(context.Context) (int, bool, error) { return 0, false, errBoom })
}

func TestAsyncLeavesOverElementsThatItsLoopDidNotReceive(t *testing.T) {
	gone := make(chan struct{})
	two := enumeratee.Async(func(_ context.Context, in <-chan int, out iteratee.Outlet[int]) iteratee.Step {
		defer close(gone)
		out.Next(<-in)
		out.Next(<-in)
		return iteratee.StepCont
	})
	consumer := iteratee.FlatMap(enumeratee.Transform(two, iteratee.Collect[int]()), func(a []int) iteratee.Iteratee[int, [][]int] {
		return iteratee.Map(iteratee.Collect[int](), func(b []int) [][]int { return [][]int{a, b} })
	})
	got, err := enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 5)), consumer)
	require.NoError(t, err)
	assert.Equal(t, [][]int{{1, 2}, {3, 4, 5}}, got)
	<-gone
}

func TestAnInterruptionIsACancelledContextForTheSource(t *testing.T) {
	for _, want := range []error{nil, errBoom} {
		waits := make(chan struct{})
		untilItWaits := iteratee.FoldUntil(0, func(_ context.Context, _, e int) (int, bool, error) {
			<-waits
			return e, true, nil
		})
		var seen error
		source := enumerator.Of(1).AndThen(enumerator.Generate(func(ctx context.Context) (int, bool, error) {
			close(waits)
			<-ctx.Done()
			seen = ctx.Err()
			if want != nil {
				return 0, false, want
			}
			return 0, false, fmt.Errorf("read: %w", context.Cause(ctx))
		}))
		got, err := enumerator.Run(t.Context(), source, enumeratee.Transform(relay(), untilItWaits))
		assert.Equal(t, context.Canceled, seen)
		assert.Equal(t, want, err, "a failure of the source itself is not hidden")
		if want == nil {
			assert.Equal(t, 1, got)
		}
	}
}
