package enumerator_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestThrow(t *testing.T) {
	got, err := seen(t.Context(), enumerator.Of(1).AndThen(enumerator.Throw[int](errBoom)).AndThen(enumerator.Of(2)), 0)
	assert.Equal(t, errBoom, err)
	assert.Equal(t, []int{1}, got)
	assert.Panics(t, func() { enumerator.Throw[int](nil) })
}

func TestCatch(t *testing.T) {
	errOther := errors.New("other")
	of, throw := enumerator.Of[int], enumerator.Throw[int]
	closes := func(e source) source { return enumerator.OnDoneEnumerating(e, func() error { return errOther }) }
	for name, c := range map[string]struct {
		source source
		f      func(error) source
		take   int // 0: all
		want   []int
		err    error
		caught error
	}{
		"no failure":                   {of(1, 2), nil, 0, []int{1, 2}, nil, nil},
		"empty":                        {of(), nil, 0, nil, nil, nil},
		"fails at once":                {throw(errBoom), func(error) source { return of(3) }, 0, []int{3}, nil, errBoom},
		"fails after an element":       {failing(), func(error) source { return of(3) }, 0, []int{1, 3}, nil, errBoom},
		"goes on with nothing":         {failing(), func(error) source { return of() }, 0, []int{1}, nil, errBoom},
		"returns the error":            {failing(), throw, 0, []int{1}, errBoom, errBoom},
		"returns another error":        {failing(), func(err error) source { return throw(fmt.Errorf("%w: %w", errOther, err)) }, 0, []int{1}, errBoom, errBoom},
		"goes on with a failure":       {failing(), func(error) source { return of(3).AndThen(throw(errOther)) }, 0, []int{1, 3}, errOther, errBoom},
		"the consumer is done before":  {failing(), nil, 1, []int{1}, nil, nil},
		"the consumer is done later":   {failing(), func(error) source { return probe.Naturals() }, 3, []int{1, 1, 2}, nil, errBoom},
		"closing fails, all run out":   {closes(of(1)), func(error) source { return of(3) }, 0, []int{1, 3}, nil, errOther},
		"closing fails, consumer done": {closes(of(1, 2)), nil, 1, []int{1}, errOther, nil},
		"failures are joined":          {closes(failing()), func(err error) source { return throw(err) }, 0, []int{1}, errOther, errBoom},
		"an adapter before it":         {enumerator.Map(failing(), func(e int) int { return -e }), func(error) source { return of(3) }, 0, []int{-1, 3}, nil, errBoom},
		"a stop of an adapter before":  {enumerator.Through(failing(), enumeratee.Take[int](1)), nil, 0, []int{1}, nil, nil},
		"sources side by side":         {enumerator.Interleave(failing(), enumerator.Never[int]()), func(error) source { return of(3) }, 0, []int{1, 3}, nil, errBoom},
		"an adapter with a goroutine":  {enumerator.Through(of(1), enumeratee.MapConcurrent(2, func(_ context.Context, e int) (int, error) { return e, errOther })), func(error) source { return of(3) }, 0, []int{3}, nil, errOther},
		"within another":               {enumerator.FlatMap(of(1, 2), func(int) source { return enumerator.Catch(failing(), func(error) source { return of(3) }) }), nil, 0, []int{1, 3, 1, 3}, nil, nil},
		"in a goroutine of a merge":    {enumerator.Interleave(enumerator.Catch(failing(), func(error) source { return of(3) })), nil, 0, []int{1, 3}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			var caught error
			e := enumerator.Catch(c.source, func(err error) source {
				assert.Nil(t, caught, "once")
				caught = err
				return c.f(err)
			})
			for range 2 {
				caught = nil
				got, err := seen(t.Context(), e, c.take)
				if c.err == nil {
					require.NoError(t, err)
				}
				assert.ErrorIs(t, err, c.err)
				assert.Equal(t, c.want, got)
				assert.ErrorIs(t, caught, c.caught)
			}
		})
	}
}

// Neither Catch nor Retry nor Materialize takes a failure for one of its source that is none.
func TestFailuresThatAreNotOfTheSource(t *testing.T) {
	for name, tries := range map[string]func(t *testing.T, e source) source{
		"Catch": func(t *testing.T, e source) source {
			return enumerator.Catch(e, func(err error) source { t.Error("caught", err); return enumerator.Throw[int](err) })
		},
		"Retry": func(t *testing.T, e source) source {
			starts := 0
			return enumerator.Retry(enumerator.Defer(func(context.Context) (source, error) {
				if starts++; starts > 1 {
					t.Error("run again")
				}
				return e, nil
			}), 3)
		},
		"Materialize": func(t *testing.T, e source) source {
			return enumerator.Map(enumerator.Materialize(e), func(n enumerator.Notification[int]) int {
				assert.False(t, n.End)
				return n.Value
			})
		},
	} {
		t.Run(name+"/of the consumer", func(t *testing.T) {
			_, err := enumerator.Run(t.Context(), tries(t, probe.Naturals()), failsWith(errBoom))
			assert.Equal(t, errBoom, err)
		})
		t.Run(name+"/of an adapter behind", func(t *testing.T) {
			fails := enumeratee.MapM(func(context.Context, int) (int, error) { return 0, errBoom })
			_, err := seen(t.Context(), enumerator.Through(tries(t, probe.Naturals()), fails), 0)
			assert.Equal(t, errBoom, err)
		})
		t.Run(name+"/of an adapter behind, in a goroutine", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fails := enumeratee.Async(func(_ context.Context, in <-chan int, _ iteratee.Outlet[int]) iteratee.Step {
					<-in
					return iteratee.StepError(errBoom)
				})
				e := tries(t, enumerator.Of(1).AndThen(silent())) // is told to stop while it waits
				_, err := seen(t.Context(), enumerator.Through(e, fails), 0)
				assert.Equal(t, errBoom, err)
			})
		})
		t.Run(name+"/a consumer that is done in a goroutine", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := tries(t, enumerator.Of(1).AndThen(silent()))
				one := enumeratee.Compose(enumeratee.Buffer[int](1), enumeratee.Take[int](1))
				got, err := seen(t.Context(), enumerator.Through(e, one).AndThen(enumerator.Of(9)), 0)
				assert.NoError(t, err)
				assert.Equal(t, []int{1, 9}, got)
			})
		})
		t.Run(name+"/the end of the context while the source waits", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { endsAfterASecond(t, tries(t, enumerator.Of(1).AndThen(silent())), 1) })
		})
		t.Run(name+"/the end of the context while the consumer is busy", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errBoom) })
				_, err := enumerator.Run(ctx, tries(t, probe.Naturals()), iteratee.ForEach(func(context.Context, int) error {
					time.Sleep(time.Minute)
					return nil
				}))
				assert.Equal(t, errBoom, err)
			})
		})
		t.Run(name+"/a source that fails as the context ends", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			fails := enumerator.Generate(func(context.Context) (int, bool, error) {
				cancel(errBoom)
				return 0, false, fmt.Errorf("close: %w", context.Canceled)
			})
			_, err := seen(ctx, tries(t, fails), 0)
			assert.Equal(t, errBoom, err)
		})
		t.Run(name+"/a panic", func(t *testing.T) {
			boom := enumerator.Repeat(func() int { panic("boom") })
			assert.PanicsWithValue(t, "boom", func() { _, _ = seen(t.Context(), tries(t, boom), 0) })
			assert.PanicsWithValue(t, "boom", func() {
				_, _ = enumerator.Run(t.Context(), tries(t, probe.Naturals()), iteratee.Fold(0, func(int, int) int { panic("boom") }))
			})
		})
	}
}

// The context of the consumer goes on, also if the source has failed in a goroutine while the consumer
// waits for it.
func TestCatchKeepsTheContextOfTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := after(time.Second, enumerator.Throw[int](errBoom))
		e := enumerator.Catch(enumerator.Interleave(enumerator.Of(1), fails), func(error) source { return enumerator.Of(3) })
		var got []int
		_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(ctx context.Context, e int) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Minute):
			}
			got = append(got, e)
			return nil
		}))
		assert.NoError(t, err)
		assert.Equal(t, []int{1, 3}, got)
	})
}

func TestCatchAndGoexit(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	returned := false
	var wg sync.WaitGroup
	wg.Go(func() {
		e := enumerator.Catch(enumerator.Repeat(func() int { runtime.Goexit(); return 0 }), func(error) source { return enumerator.Of(3) })
		_, _ = seen(context.Background(), e, 0)
		returned = true
	})
	wg.Wait()
	assert.False(t, returned)
}

func TestCatchAndEOF(t *testing.T) {
	ends := enumerator.FromInput(iteratee.El(1).Then(iteratee.EOF[int]()))
	f := func(error) source { t.Error("caught"); return enumerator.Empty[int]() }
	assert.Equal(t, []int{1}, collect(t, enumerator.Catch(ends, f).AndThen(enumerator.Of(9))))
	got := collect(t, enumerator.Catch(enumerator.Throw[int](errBoom), func(error) source { return ends }).AndThen(enumerator.Of(9)))
	assert.Equal(t, []int{1}, got)

	fails := iteratee.Cont(func(in iteratee.Input[int]) iteratee.Iteratee[int, int] { return iteratee.Error[int, int](errBoom, in) })
	_, err := enumerator.Run(t.Context(), enumerator.Catch(enumerator.FromInput(iteratee.EOF[int]()), f), fails)
	assert.Equal(t, errBoom, err, "of the consumer, by EOF")
}

func TestCatchAndBursts(t *testing.T) {
	ch := make(chan int, 3)
	ch <- 1
	ch <- 2
	ch <- 3
	close(ch)
	first := enumerator.Through(enumerator.FromChan(ch), enumeratee.Take[int](2)).AndThen(enumerator.Throw[int](errBoom))
	var got []string
	e := enumerator.Catch(first, func(error) source { return enumerator.FromChan(ch) })
	_, err := enumerator.Run(t.Context(), e, probe.Corks[int](func(s string) { got = append(got, s) }))
	require.NoError(t, err)
	assert.Equal(t, []string{"cork", "1", "2", "uncork", "3"}, got)
}

// script draws a source that may fail, with its error.
func script(t *rapid.T, name string) source {
	es := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 3).Draw(t, name)
	if i := rapid.IntRange(-1, 2).Draw(t, name+" fails with"); i >= 0 {
		return enumerator.FromSlice(es).AndThen(enumerator.Throw[int](errs[i]))
	}
	return enumerator.FromSlice(es)
}

var errs = []error{errors.New("0"), errors.New("1"), errors.New("2")}

// handler draws a function for Catch: it has a source for each error, and returns some.
func handler(t *rapid.T, name string) func(error) source {
	of := map[error]source{}
	for _, err := range errs {
		of[err] = script(t, name+" of "+err.Error())
	}
	return func(err error) source { return of[err] }
}

// sameEnd checks that a and b give the same and end in the same way, for consumers of each size.
func sameEnd(t *rapid.T, a, b source) {
	for n := range 8 {
		gotA, errA := seen(context.Background(), a, n)
		gotB, errB := seen(context.Background(), b, n)
		assert.Equal(t, gotA, gotB)
		assert.Equal(t, errA, errB)
	}
}

func TestLawsOfCatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, f, g := script(t, "s"), handler(t, "f"), handler(t, "g")
		sameEnd(t, enumerator.Catch(enumerator.Catch(s, f), g), enumerator.Catch(s, func(err error) source { return enumerator.Catch(f(err), g) }))
		sameEnd(t, enumerator.Catch(s, enumerator.Throw[int]), s)
		sameEnd(t, enumerator.Catch(enumerator.Throw[int](errs[1]), f), f(errs[1]))
		sameEnd(t, enumerator.Retry(s, 0), s)
		n := rapid.IntRange(1, 3).Draw(t, "n")
		sameEnd(t, enumerator.Retry(s, n), enumerator.Catch(s, func(error) source { return enumerator.Retry(s, n-1) }))
		sameEnd(t, enumerator.Dematerialize(enumerator.Materialize(s)), s)
	})
}

// failsFirst returns a source whose first n runs in a run of the whole give their number and fail.
func failsFirst(n int, e source) func() source {
	return func() source {
		tries := 0
		return enumerator.Defer(func(context.Context) (source, error) {
			if tries++; tries <= n {
				return enumerator.Of(-tries).AndThen(enumerator.Throw[int](fmt.Errorf("try %d: %w", tries, errBoom))), nil
			}
			return e, nil
		})
	}
}

func TestRetry(t *testing.T) {
	of := enumerator.Of[int]
	for name, c := range map[string]struct {
		source func() source
		n      int
		want   []int
		err    string
	}{
		"no failure":    {failsFirst(0, of(1, 2)), 2, []int{1, 2}, ""},
		"empty":         {failsFirst(0, of()), 2, nil, ""},
		"not again":     {failsFirst(1, of(1)), 0, []int{-1}, "try 1: boom"},
		"once":          {failsFirst(1, of(1)), 1, []int{-1, 1}, ""},
		"twice":         {failsFirst(2, of(1)), 5, []int{-1, -2, 1}, ""},
		"not enough":    {failsFirst(3, of(1)), 2, []int{-1, -2, -3}, "try 3: boom"},
		"without limit": {failsFirst(1000, of(1)), math.MaxInt, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := perRun(func() source { return enumerator.Retry(c.source(), c.n) })
			for range 2 {
				got, err := seen(t.Context(), e, 0)
				if c.err == "" {
					assert.NoError(t, err)
				} else {
					assert.EqualError(t, err, c.err)
				}
				if c.want != nil || len(got) < 1000 {
					assert.Equal(t, c.want, got)
				}
			}
		})
	}
	assert.PanicsWithValue(t, "enumerator: Retry: n must not be negative, got -1", func() { enumerator.Retry(of(), -1) })
}

// The context ends between two attempts that fail at once.
func TestRetryEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	starts := 0
	e := enumerator.Retry(enumerator.Defer(func(context.Context) (source, error) {
		if starts++; starts == 5 {
			cancel(errBoom)
		}
		return enumerator.Empty[int](), errs[0]
	}), math.MaxInt)
	_, err := seen(ctx, e, 0)
	assert.Error(t, err)
	assert.Equal(t, 5, starts)
}

func TestMaterialize(t *testing.T) {
	type n = enumerator.Notification[int]
	of := enumerator.Of[int]
	for name, c := range map[string]struct {
		source source
		want   []n
	}{
		"empty":          {of(), []n{{End: true}}},
		"runs out":       {of(1, 2), []n{{Value: 1}, {Value: 2}, {End: true}}},
		"fails":          {failing(), []n{{Value: 1}, {End: true, Err: errBoom}}},
		"sends EOF":      {enumerator.FromInput(iteratee.El(1).Then(iteratee.EOF[int]())), []n{{Value: 1}, {End: true}}},
		"a zero value":   {of(0), []n{{}, {End: true}}},
		"fails at first": {enumerator.Throw[int](errBoom), []n{{End: true, Err: errBoom}}},
	} {
		t.Run(name, func(t *testing.T) {
			e := enumerator.Materialize(c.source)
			assert.Equal(t, c.want, collect(t, e))
			for k := range c.want {
				if k > 0 {
					got, err := seen(t.Context(), e, k)
					assert.NoError(t, err)
					assert.Equal(t, c.want[:k], got)
				}
			}
		})
	}
	followed := enumerator.Materialize(failing()).AndThen(enumerator.Of(n{Value: 9}))
	assert.Equal(t, []n{{Value: 1}, {End: true, Err: errBoom}, {Value: 9}}, collect(t, followed))
}

func TestDematerialize(t *testing.T) {
	type n = enumerator.Notification[int]
	all := func(ns ...n) enumerator.Enumerator[n] { return enumerator.FromSlice(ns) }
	for name, c := range map[string]struct {
		source enumerator.Enumerator[n]
		want   []int
		err    error
	}{
		"empty":               {all(), []int{9}, nil},
		"no end":              {all(n{Value: 1}), []int{1, 9}, nil},
		"an end":              {all(n{Value: 1}, n{End: true}), []int{1, 9}, nil},
		"a failure":           {all(n{Value: 1}, n{End: true, Err: errBoom}), []int{1}, errBoom},
		"after the end":       {all(n{Value: 1}, n{End: true}, n{Value: 2}).AndThen(enumerator.Throw[n](errBoom)), []int{1, 9}, nil},
		"fails itself":        {all(n{Value: 1}).AndThen(enumerator.Throw[n](errBoom)), []int{1}, errBoom},
		"an end, then silent": {all(n{Value: 1}, n{End: true}).AndThen(enumerator.Never[n]()), []int{1, 9}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := seen(t.Context(), enumerator.Dematerialize(c.source).AndThen(enumerator.Of(9)), 0)
			assert.Equal(t, c.err, err)
			assert.Equal(t, c.want, got)
		})
	}
}
