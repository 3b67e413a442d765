package enumerator_test

import (
	"context"
	"errors"
	"io"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

var (
	sumUp     = iteratee.Fold(0, func(a, e int) int { return a + e })
	failsWith = func(err error) iteratee.Iteratee[int, struct{}] {
		return iteratee.ForEach(func(context.Context, int) error { return err })
	}
)

func twice(e int) enumerator.Enumerator[int] { return enumerator.Of(e, e) }

func tenFrom(e int) enumerator.Enumerator[int] {
	return enumerator.Unfold(e, func(n int) (int, int, bool) { return n, n + 1, n < e+10 })
}

func TestFlatMap(t *testing.T) {
	e := enumerator.FlatMap(enumerator.Of(10, 20, 30), tenFrom)
	for range 2 {
		sum, err := enumerator.Run(t.Context(), e, sumUp)
		require.NoError(t, err)
		assert.Equal(t, 735, sum)
	}
	assert.Nil(t, collect(t, enumerator.FlatMap(enumerator.Empty[int](), tenFrom)))
	assert.Equal(t, []int{2, 2, 9}, collect(t, enumerator.FlatMap(enumerator.Of(1, 2, 3), func(e int) enumerator.Enumerator[int] {
		if e == 2 {
			return twice(e)
		}
		return enumerator.Empty[int]()
	}).AndThen(enumerator.Of(9))), "FlatMap sends no EOF")
}

func TestFlatMapStartsSourcesOnDemand(t *testing.T) {
	for n := 1; n <= 5; n++ {
		calls := 0
		outer, inner := &probe.Source{N: -1}, &probe.Source{N: 2}
		got, err := seen(t.Context(), enumerator.FlatMap(outer.Enumerator(), func(int) enumerator.Enumerator[int] {
			calls++
			return inner.Enumerator()
		}), n)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 1, 2, 1}[:n], got)
		assert.Equal(t, (n+1)/2, calls)
		assert.EqualValues(t, calls, outer.Pulls.Load())
		assert.EqualValues(t, n, inner.Pulls.Load())
		assert.EqualValues(t, 1, outer.Closes.Load())
		assert.EqualValues(t, calls, inner.Closes.Load())
	}
}

func TestFlatMapFails(t *testing.T) {
	for name, c := range map[string]struct {
		e     enumerator.Enumerator[int]
		want  []int
		calls int
	}{
		"the outer source": {failing(), []int{1, 1}, 1},
		"an inner source":  {enumerator.Of(5, -1, 6), []int{5, 5, 1}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			got, err := seen(t.Context(), enumerator.FlatMap(c.e, func(e int) enumerator.Enumerator[int] {
				if calls++; e < 0 {
					return failing()
				}
				return twice(e)
			}).AndThen(enumerator.Of(9)), 0)
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.calls, calls)
		})
	}
	calls := 0
	_, err := enumerator.Run(t.Context(), enumerator.FlatMap(probe.Naturals(), func(e int) enumerator.Enumerator[int] { calls++; return twice(e) }), failsWith(errBoom))
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, 1, calls)
}

func TestEOFOfAnInnerSourceEndsAll(t *testing.T) {
	calls := 0
	assert.Equal(t, []int{1}, collect(t, enumerator.FlatMap(enumerator.Of(1, 2), func(e int) enumerator.Enumerator[int] {
		calls++
		return enumerator.FromInput(iteratee.El(e).Then(iteratee.EOF[int]()))
	}).AndThen(enumerator.Of(9))))
	assert.Equal(t, 1, calls)
}

func TestMapFlatten(t *testing.T) {
	tr := enumerator.MapFlatten(twice)
	for range 2 {
		assert.Equal(t, []int{1, 1, 2, 2}, collect(t, enumerator.Through(enumerator.Of(1, 2), tr)))
	}
	assert.Nil(t, collect(t, enumerator.Through(enumerator.Empty[int](), tr)))

	leaves, rest := thenRest(t, enumerator.Of(1, 2), tr, iteratee.IsEmpty[int]())
	assert.False(t, leaves)
	assert.Equal(t, []int{2}, rest, "the element that was left over is dropped")
	got, rest := thenRest(t, enumerator.Of(1, 2, 3), tr, iteratee.TakeUpTo[int](3))
	assert.Equal(t, []int{1, 1, 2}, got)
	assert.Equal(t, []int{3}, rest)
}

func TestMapInputFlatten(t *testing.T) {
	at := func(atEOF enumerator.Enumerator[int], calls *[]iteratee.Input[int]) enumeratee.Enumeratee[int, int] {
		return enumerator.MapInputFlatten(func(in iteratee.Input[int]) enumerator.Enumerator[int] {
			*calls = append(*calls, in)
			if e, ok := in.El(); ok {
				return enumerator.Of(2 * e)
			}
			return atEOF
		})
	}
	el, eof := iteratee.El[int], iteratee.EOF[int]()
	withEOF := enumerator.FromInput(el(99).Then(eof))
	for name, c := range map[string]struct {
		source, atEOF enumerator.Enumerator[int]
		n             int // the consumer is done after n elements, or never if n is 0
		want          []int
		calls         []iteratee.Input[int]
		err           error
	}{
		"a source that sends EOF": {enumerator.Of(1, 2), withEOF, 0, []int{2, 4, 99}, []iteratee.Input[int]{el(1), el(2), eof}, nil},
		"a source without EOF":    {enumerator.Of(1, 2), enumerator.Of(99), 0, []int{2, 4, 99, 7}, []iteratee.Input[int]{el(1), el(2), eof}, nil},
		"no source":               {enumerator.Of(1, 2), enumerator.Empty[int](), 0, []int{2, 4, 7}, []iteratee.Input[int]{el(1), el(2), eof}, nil},
		"an empty stream":         {enumerator.Empty[int](), enumerator.Of(99), 0, []int{99, 7}, []iteratee.Input[int]{eof}, nil},
		"a consumer done before":  {enumerator.Of(1, 2), enumerator.Of(99), 2, []int{2, 4}, []iteratee.Input[int]{el(1), el(2)}, nil},
		"a stream that fails":     {failing(), enumerator.Of(99), 0, []int{2}, []iteratee.Input[int]{el(1)}, errBoom},
		"a source that fails":     {enumerator.Of(5), failing(), 0, []int{10, 1}, []iteratee.Input[int]{el(5), eof}, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []iteratee.Input[int]
			got, err := seen(t.Context(), enumerator.Through(c.source, at(c.atEOF, &calls)).AndThen(enumerator.Of(7)), c.n)
			assert.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.calls, calls)
		})
	}
}

// tens returns a function that returns a source of 10e+1 to 10e+n.
func tens(n int) func(int) source {
	return func(e int) source { return count(10*e+1, n) }
}

func TestFlatMapConcurrent(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 100, math.MaxInt} {
		e := enumerator.FlatMapConcurrent(enumerator.Of(1, 2, 3, 4), limit, tens(3))
		for range 2 {
			hasAllInOrder(t, e, [][]int{{11, 12, 13}, {21, 22, 23}, {31, 32, 33}, {41, 42, 43}})
		}
		assert.Nil(t, collect(t, enumerator.FlatMapConcurrent(enumerator.Empty[int](), limit, tens(3))))
		assert.Nil(t, collect(t, enumerator.FlatMapConcurrent(enumerator.Of(1, 2, 3), limit, tens(0))))
	}
	one := enumerator.FlatMapConcurrent(enumerator.Of(1, 2, 3), 1, tens(2))
	assert.Equal(t, []int{11, 12, 21, 22, 31, 32}, collect(t, one), "one after the other, as FlatMap")
	assert.PanicsWithValue(t, "enumerator: FlatMapConcurrent: limit must be positive, got 0", func() {
		enumerator.FlatMapConcurrent(enumerator.Of(1), 0, tens(1))
	})
}

func TestFlatMapConcurrentLimit(t *testing.T) {
	for limit := 1; limit <= 4; limit++ {
		synctest.Test(t, func(t *testing.T) {
			outer := &probe.Source{N: -1}
			var running, calls atomic.Int64
			e := enumerator.FlatMapConcurrent(outer.Enumerator(), limit, func(n int) source {
				calls.Add(1)
				return enumerator.Defer(func(context.Context) (source, error) {
					running.Add(1)
					end := func() error { running.Add(-1); return nil }
					return enumerator.OnDoneEnumerating(after(time.Duration(n)*time.Minute, enumerator.Of(n)), end), nil
				})
			})
			seen := 0
			_, err := enumerator.Run(t.Context(), enumerator.Through(e, enumeratee.Take[int](10)), iteratee.ForEach(func(_ context.Context, n int) error {
				synctest.Wait()
				seen++
				assert.Equal(t, seen, n, "sources of the same speed keep their order")
				assert.LessOrEqual(t, running.Load(), int64(limit))
				assert.EqualValues(t, seen+limit-1, outer.Pulls.Load(), "an element is asked for when a place is free")
				return nil
			}))
			require.NoError(t, err)
			assert.Zero(t, running.Load())
			assert.Equal(t, calls.Load(), outer.Pulls.Load())
			assert.EqualValues(t, 1, outer.Closes.Load())
		})
	}
}

// flattening holds the operators that call a function for the source of each element.
var flattening = map[string]func(e source, f func(int) source) source{
	"FlatMapConcurrent": func(e source, f func(int) source) source {
		return enumerator.FlatMapConcurrent(e, 3, f)
	},
	"SwitchMap": enumerator.SwitchMap[int, int],
	"PatchPanel": func(e source, f func(int) source) source {
		return enumerator.PatchPanel(func(ctx context.Context, patchIn func(source) bool) error {
			for n, err := range enumerator.All(ctx, e) {
				if err != nil {
					return err
				}
				if !patchIn(f(n)) {
					return io.ErrClosedPipe
				}
			}
			return nil
		})
	},
}

func TestFlatteningEndsInEveryWay(t *testing.T) {
	type value struct{ int }
	boom := &value{7}
	panics := enumerator.Repeat(func() int { panic(boom) })
	ctxEnd := errors.New("the context has ended")
	for name, flatten := range flattening {
		for how, c := range map[string]struct {
			outer    source // follows an element 1
			inner    source
			consumer iteratee.Iteratee[int, int]
			want     error
		}{
			"the consumer is done":    {silent(), enumerator.Of(1).AndThen(silent()), enumeratee.Transform(enumeratee.Take[int](1), sumUp), nil},
			"the consumer fails":      {silent(), enumerator.Of(1).AndThen(silent()), iteratee.Map(failsWith(errBoom), func(struct{}) int { return 0 }), errBoom},
			"a source fails":          {silent(), failing(), sumUp, errBoom},
			"a source fails later":    {silent(), after(time.Second, failing()), sumUp, errBoom},
			"the outer one fails":     {failing(), silent(), sumUp, errBoom},
			"the outer fails later":   {after(time.Second, failing()), silent(), sumUp, errBoom},
			"the context ends":        {silent(), silent(), sumUp, ctxEnd},
			"a source panics":         {silent(), panics, sumUp, nil},
			"the outer one panics":    {after(time.Second, panics), silent(), sumUp, nil},
			"the consumer panics":     {silent(), enumerator.Of(1).AndThen(silent()), iteratee.Fold(0, func(int, int) int { panic(boom) }), nil},
			"all have run out":        {enumerator.Empty[int](), after(time.Second, enumerator.Of(1, 2)), sumUp, nil},
			"the outer one is silent": {silent(), enumerator.Of(1, 2), sumUp, ctxEnd},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // fails if a goroutine remains
					ctx, cancel := context.WithCancelCause(t.Context())
					defer time.AfterFunc(time.Minute, func() { cancel(ctxEnd) }).Stop()
					var outerOver, innerOver, inners atomic.Int64
					e := flatten(closing(enumerator.Of(1).AndThen(c.outer), &outerOver), func(int) source {
						return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
							inners.Add(1)
							defer innerOver.Add(1)
							return c.inner.Into(ctx, sink)
						})
					})
					start := time.Now()
					panicked := recovered(func() {
						_, err := enumerator.Run(ctx, e, c.consumer)
						assert.ErrorIs(t, err, c.want)
					})
					if how == "a source panics" || how == "the outer one panics" || how == "the consumer panics" {
						assert.Same(t, boom, panicked)
					} else {
						assert.Nil(t, panicked)
					}
					if c.want != ctxEnd {
						assert.Less(t, time.Since(start), time.Minute, "at once")
					}
					assert.EqualValues(t, 1, outerOver.Load())
					assert.Equal(t, inners.Load(), innerOver.Load(), "all have returned before the run does")
				})
			})
		}
	}
}

func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestFlatteningWithAFunctionThatPanics(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for name, flatten := range flattening {
		assert.PanicsWithValue(t, "boom", func() {
			_, _ = seen(t.Context(), flatten(enumerator.Of(1).AndThen(silent()), func(int) source { panic("boom") }), 0)
		}, name)
	}
}

func TestSwitchMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		everyMinute := func(n int) source { // gives n0 at once, n1 after a minute, and so on
			return enumerator.Unfold(10*n, func(e int) (int, int, bool) { return e, e + 1, true })
		}
		slowly := func(n int) source {
			return enumerator.FlatMap(everyMinute(n), func(e int) source { return enumerator.Of(e).AndThen(after(time.Minute, enumerator.Empty[int]())) })
		}
		at := func(minutes float64, e int) source {
			return after(time.Duration(minutes*float64(time.Minute)), enumerator.Of(e))
		}
		outer := at(0, 1).AndThen(at(2.5, 2)).AndThen(at(0, 3)).AndThen(at(1.5, 4))
		e := enumerator.SwitchMap(outer, func(n int) source { return enumerator.Through(slowly(n), enumeratee.Take[int](3)) })
		start := time.Now()
		got := collect(t, e)
		if len(got) == 9 { // 20 comes or not, depending on the scheduler
			assert.Equal(t, 20, got[3])
			got = append(got[:3], got[4:]...)
		}
		assert.Equal(t, []int{10, 11, 12, 30, 31, 40, 41, 42}, got, "the last source runs to its end")
		assert.Equal(t, 6*time.Minute, time.Since(start).Truncate(time.Minute))
	})
	assert.Nil(t, collect(t, enumerator.SwitchMap(enumerator.Empty[int](), tens(3))))
	assert.Equal(t, []int{11, 12}, collect(t, enumerator.SwitchMap(enumerator.Of(1), tens(2))))
}

func TestSwitchMapRunsOneSourceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		outer := &probe.Source{N: 4}
		e := enumerator.SwitchMap(outer.Enumerator(), func(n int) source {
			assert.Zero(t, running.Load())
			return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
				assert.EqualValues(t, 1, running.Add(1))
				defer running.Add(-1)
				step := sink.Next(n)
				<-ctx.Done()
				time.Sleep(time.Minute) // stops slowly
				assert.False(t, sink.Next(-n).IsCont(), "an element of a stopped source is refused")
				return step
			})
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { cancel(errBoom) })
		var got []int
		_, err := enumerator.Run(ctx, e, iteratee.ForEach(func(_ context.Context, n int) error {
			got = append(got, n)
			return nil
		}))
		assert.ErrorIs(t, err, errBoom)
		assert.Subset(t, []int{1, 2, 3, 4}, got)
		assert.Equal(t, 4, got[len(got)-1])
	})
}

func TestSwitchMapFailureOfAStoppedSource(t *testing.T) {
	for name, c := range map[string]struct {
		end  func() error
		want error
	}{
		"a failure":   {func() error { return errBoom }, errBoom},
		"only a stop": {func() error { return context.Canceled }, nil},
		"no error":    {func() error { return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := enumerator.SwitchMap(enumerator.Of(1).AndThen(after(time.Second, enumerator.Of(2))), func(n int) source {
					if n == 1 {
						return enumerator.OnDoneEnumerating(silent(), c.end)
					}
					return enumerator.Of(n)
				})
				got, err := seen(t.Context(), e, 0)
				assert.ErrorIs(t, err, c.want)
				if c.want == nil {
					assert.Equal(t, []int{2}, got)
				} else {
					assert.Empty(t, got, "the failure comes before the next source")
				}
			})
		})
	}
}

func TestFlatteningAndEOF(t *testing.T) {
	ends := func(e int) source { return enumerator.FromInput(iteratee.El(e).Then(iteratee.EOF[int]())) }
	for name, flatten := range flattening {
		want := []int{1, 9} // EOF of a source ends only that source
		if name == "PatchPanel" {
			want = []int{1} // EOF ends the whole run
		}
		assert.Equal(t, want, collect(t, flatten(enumerator.Of(1), ends).AndThen(enumerator.Of(9))), name)
	}
}

// While limit sources run, the outer source is not asked for an element, so it cannot fail.
func TestFlatMapConcurrentNoticesAFailureWhenItAsks(t *testing.T) {
	for limit, want := range map[int]time.Duration{1: 3 * time.Second, 2: time.Second, 3: 0} {
		synctest.Test(t, func(t *testing.T) {
			outer := enumerator.Of(2, 1).AndThen(enumerator.New(func(context.Context, iteratee.Sink[int]) iteratee.Step { return iteratee.StepError(errBoom) }))
			start := time.Now()
			_, err := enumerator.Run(t.Context(), enumerator.FlatMapConcurrent(outer, limit, func(n int) source {
				return after(time.Duration(n)*time.Second, enumerator.Of(n))
			}), iteratee.Ignore[int]())
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, want, time.Since(start), "limit %d", limit)
		})
	}
}
