package enumerator_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type patcher = func(context.Context, func(source) bool) error

func TestPatchPanel(t *testing.T) {
	for name, c := range map[string]struct {
		patch patcher
		want  []int
		err   error
	}{
		"nothing": {func(context.Context, func(source) bool) error { return nil }, nil, nil},
		"one source": {func(_ context.Context, patchIn func(source) bool) error {
			assert.True(t, patchIn(enumerator.Of(1, 2)))
			return nil
		}, []int{1, 2}, nil},
		"one after the other": {func(_ context.Context, patchIn func(source) bool) error {
			patchIn(enumerator.Of(1, 2))
			time.Sleep(time.Minute)
			patchIn(enumerator.Of(3))
			return nil
		}, []int{1, 2, 3}, nil},
		"in the middle": {func(_ context.Context, patchIn func(source) bool) error {
			patchIn(enumerator.Of(1).AndThen(after(time.Hour, enumerator.Of(2))))
			time.Sleep(time.Minute)
			patchIn(enumerator.Of(3))
			return nil
		}, []int{1, 3}, nil},
		"Empty in the end": {func(_ context.Context, patchIn func(source) bool) error {
			patchIn(enumerator.Of(1).AndThen(silent()))
			time.Sleep(time.Minute)
			patchIn(enumerator.Empty[int]())
			return nil
		}, []int{1}, nil},
		"the last source continues": {func(_ context.Context, patchIn func(source) bool) error {
			patchIn(after(time.Hour, enumerator.Of(1)))
			return nil
		}, []int{1}, nil},
		"EOF": {func(ctx context.Context, patchIn func(source) bool) error {
			patchIn(enumerator.Of(1, 2))
			time.Sleep(time.Minute)
			patchIn(enumerator.FromInput(iteratee.El(3).Then(iteratee.EOF[int]())))
			<-ctx.Done()
			assert.False(t, patchIn(enumerator.Of(4)))
			return nil
		}, []int{1, 2, 3}, nil},
		"EOF of a source that was stopped": {func(_ context.Context, patchIn func(source) bool) error {
			patchIn(enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
				<-ctx.Done()
				return sink.EOF()
			}))
			time.Sleep(time.Minute)
			patchIn(after(time.Hour, enumerator.Of(1)))
			return nil
		}, []int{1}, nil},
		"an error": {func(_ context.Context, patchIn func(source) bool) error {
			patchIn(enumerator.Of(1).AndThen(silent()))
			time.Sleep(time.Minute)
			return errBoom
		}, []int{1}, errBoom},
		"a source that fails": {func(ctx context.Context, patchIn func(source) bool) error {
			patchIn(failing())
			<-ctx.Done()
			assert.False(t, patchIn(enumerator.Of(2)))
			return ctx.Err()
		}, []int{1}, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := enumerator.PatchPanel(c.patch)
				for range 2 {
					got, err := seen(t.Context(), e, 0)
					assert.ErrorIs(t, err, c.err)
					assert.Equal(t, c.want, got)
				}
			})
		})
	}
}

func TestPatchInFromTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var patchIn func(source) bool
		ready := make(chan struct{})
		sources := map[int]*probe.Source{}
		from := func(n int) source { // gives 10n+1, 10n+2 and so on without end, and does not look at its context
			sources[n] = &probe.Source{N: -1}
			return enumerator.Map(sources[n].Enumerator(), func(e int) int { return 10*n + e })
		}
		e := enumerator.PatchPanel(func(ctx context.Context, in func(source) bool) error {
			patchIn = in
			close(ready)
			in(from(1))
			<-ctx.Done()
			return nil
		})
		var got []int
		_, err := enumerator.Run(t.Context(), e, iteratee.FoldUntil(0, func(_ context.Context, n, e int) (int, bool, error) {
			<-ready
			if got = append(got, e); e%10 == 3 {
				assert.True(t, patchIn(from(e/10+1)))
			}
			return n, e == 42, nil
		}))
		require.NoError(t, err)
		assert.Equal(t, []int{11, 12, 13, 21, 22, 23, 31, 32, 33, 41, 42}, got, "the panel switches at once")
		for n, source := range sources {
			assert.Equal(t, source.Starts.Load(), source.Closes.Load(), n)
		}
		assert.False(t, patchIn(enumerator.Of(1)), "the run is over")
	})
}

func TestPatchInFromTheSource(t *testing.T) {
	e := enumerator.PatchPanel(func(ctx context.Context, patchIn func(source) bool) error {
		patched := make(chan struct{})
		patchIn(enumerator.Of(1).AndThen(enumerator.Generate(func(context.Context) (int, bool, error) {
			defer close(patched)
			return 2, true, map[bool]error{false: errBoom}[patchIn(enumerator.Of(3))]
		})))
		<-patched
		return nil
	})
	assert.Equal(t, []int{1, 3}, collect(t, e))
}

func TestPatchInFromManyGoroutines(t *testing.T) {
	for range 20 {
		var wg sync.WaitGroup
		e := enumerator.PatchPanel(func(_ context.Context, patchIn func(source) bool) error {
			for n := range 50 {
				wg.Go(func() { assert.True(t, patchIn(count(100*n, 3))) })
			}
			wg.Wait()
			patchIn(enumerator.Of(-1))
			return nil
		})
		got := collect(t, e)
		require.NotEmpty(t, got)
		assert.Equal(t, -1, got[len(got)-1])
		for i, e := range got[1:] {
			assert.True(t, e%100 == 0 || e == -1 || e == got[i]+1, "%v", got)
		}
	}
}

// Only one source waits, however many are patched in while the consumer is busy.
func TestPatchPanelKeepsOneWaitingSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := &probe.Source{N: 1}
		e := enumerator.PatchPanel(func(_ context.Context, patchIn func(source) bool) error {
			assert.True(t, patchIn(enumerator.Of(1, 2)))
			synctest.Wait()
			before := runtime.NumGoroutine()
			for range 1000 {
				assert.True(t, patchIn(started.Enumerator()))
			}
			synctest.Wait()
			assert.Less(t, runtime.NumGoroutine(), before+10)
			return nil
		})
		got, err := seen(t.Context(), enumerator.Through(e, enumeratee.Map(func(e int) int { time.Sleep(time.Hour); return e })), 99)
		require.NoError(t, err)
		assert.Len(t, got, 2)
		assert.EqualValues(t, 1, started.Starts.Load())
	})
}
