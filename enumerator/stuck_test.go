package enumerator_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// The failure of a source in another goroutine frees a consumer that waits for its context.
func TestAFailureElsewhereFreesAWaitingConsumer(t *testing.T) {
	later := func(f func() error) enumerator.Enumerator[int] {
		return enumerator.Generate(func(context.Context) (int, bool, error) {
			time.Sleep(time.Second)
			return 0, false, f()
		})
	}
	fails, panics := later(func() error { return errBoom }), later(func() error { panic(errBoom) })
	one, never := enumerator.Of(1), enumerator.Never[int]()
	soon := after(time.Millisecond, one.AndThen(never))
	first := func(a, _ int) int { return a }
	for name, c := range map[string]struct {
		e    enumerator.Enumerator[int]
		want string
	}{
		"Interleave":                {enumerator.Interleave(one, fails), "boom"},
		"Interleave that panics":    {enumerator.Interleave(one.AndThen(never), panics), "panic: boom"},
		"FlatMapConcurrent":         {enumerator.FlatMapConcurrent(one.AndThen(fails), 9, func(int) enumerator.Enumerator[int] { return one }), "boom"},
		"FlatMapConcurrent, a part": {enumerator.FlatMapConcurrent(enumerator.Of(one, fails), 9, func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] { return e }), "boom"},
		"SwitchMap":                 {enumerator.SwitchMap(one.AndThen(fails), func(int) enumerator.Enumerator[int] { return one }), "boom"},
		"PatchPanel": {enumerator.PatchPanel(func(_ context.Context, patchIn func(enumerator.Enumerator[int]) bool) error {
			patchIn(one)
			time.Sleep(time.Second)
			return errBoom
		}), "boom"},
		"TakeUntil":           {enumerator.TakeUntil(one.AndThen(never), fails), "boom"},
		"Zip, a part":         {enumerator.ZipWith(enumerator.Interleave(one, fails), one.AndThen(never), first), "boom"},
		"CombineLatest":       {enumerator.CombineLatest(enumerator.Interleave(one, fails), one.AndThen(never), first), "boom"},
		"WithLatestFrom":      {enumerator.WithLatestFrom(soon, one.AndThen(fails), first), "boom"},
		"WithLatestFrom, too": {enumerator.WithLatestFrom(soon, one.AndThen(panics), first), "panic: boom"},
		"Race":                {enumerator.Race(never, enumerator.Interleave(one, fails)), "boom"},
		"SampleBy":            {enumerator.SampleBy(one.AndThen(fails), soon), "boom"},
		"DebounceBy":          {enumerator.DebounceBy(one.AndThen(fails), func(int) enumerator.Enumerator[int] { return soon }), "boom"},
		"Unicast that panics": {enumerator.Unicast(func(ch enumerator.Channel[int]) {
			_ = ch.Push(ch.Context(), 1)
			time.Sleep(time.Second)
			panic(errBoom)
		}), "panic: boom"},
	} {
		for how, e := range map[string]enumerator.Enumerator[int]{
			"alone":                       c.e,
			"mapped":                      enumerator.Map(c.e, func(e int) int { return e }),
			"before another":              c.e.AndThen(one),
			"behind a Buffer":             enumerator.Through(c.e, enumeratee.Buffer[int](0)),
			"within another":              enumerator.Interleave(c.e, never),
			"in a Buffer, within another": enumerator.Interleave(enumerator.Through(c.e, enumeratee.Buffer[int](0)), never),
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					assert.EqualError(t, runPanicking(ctx, e, iteratee.ForEach(func(ctx context.Context, _ int) error {
						<-ctx.Done()
						return context.Cause(ctx)
					})), c.want)
				})
			})
		}
	}
}

// runPanicking calls Run and returns a panic as an error.
func runPanicking[A any](ctx context.Context, e enumerator.Enumerator[int], consumer iteratee.Iteratee[int, A]) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	_, err = enumerator.Run(ctx, e, consumer)
	return err
}

// A failure also reaches a consumer in another goroutine if the run is not started by Run.
func TestAFailureWithoutRunReachesAConsumerElsewhere(t *testing.T) {
	fails := enumerator.Of(1).AndThen(enumerator.New(func(context.Context, iteratee.Sink[int]) iteratee.Step {
		time.Sleep(time.Second)
		return iteratee.StepError(errBoom)
	}))
	empty := enumerator.Empty[int]()
	for name, run := range map[string]func(context.Context, iteratee.Iteratee[int, struct{}]) error{
		"RunPartial": func(ctx context.Context, consumer iteratee.Iteratee[int, struct{}]) error {
			_, _, _, err := enumerator.RunPartial(ctx, fails, consumer)
			return err
		},
		"Apply": func(ctx context.Context, consumer iteratee.Iteratee[int, struct{}]) error {
			_, err := enumerator.Run(ctx, empty, enumerator.Apply(ctx, fails, consumer))
			return err
		},
		"Run after Apply": func(ctx context.Context, consumer iteratee.Iteratee[int, struct{}]) error {
			_, err := enumerator.Run(ctx, fails, enumerator.Apply(ctx, empty, consumer))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cause error
				waits := iteratee.ForEach(func(ctx context.Context, _ int) error {
					<-ctx.Done()
					cause = context.Cause(ctx)
					return cause
				})
				assert.ErrorIs(t, run(t.Context(), enumeratee.Transform(enumeratee.Buffer[int](9), waits)), errBoom)
				assert.Equal(t, errBoom, cause)
			})
		})
	}
}

// A source may try another source after a failure: the consumer is still open.
func TestASourceThatTriesAnotherAfterAFailure(t *testing.T) {
	fails := enumerator.Of(1).AndThen(enumerator.New(func(context.Context, iteratee.Sink[int]) iteratee.Step { return iteratee.StepError(errBoom) }))
	for name, first := range map[string]enumerator.Enumerator[int]{
		"alone":        fails,
		"Map":          enumerator.Map(fails, func(e int) int { return e }),
		"FlatMap":      enumerator.FlatMap(enumerator.Of(1), func(int) enumerator.Enumerator[int] { return fails }),
		"within a Map": enumerator.Map(enumerator.Map(fails, func(e int) int { return e }), func(e int) int { return e }),
	} {
		t.Run(name, func(t *testing.T) {
			e := enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
				if step := first.Into(ctx, sink); step.Err() == nil {
					return step
				}
				return enumerator.Of(2, 3).Into(ctx, sink)
			})
			got, err := enumerator.Run(t.Context(), e, iteratee.FoldM(nil, func(ctx context.Context, es []int, e int) ([]int, error) {
				return append(es, e), context.Cause(ctx)
			}))
			assert.NoError(t, err)
			assert.Equal(t, []int{1, 2, 3}, got)
		})
	}
}
