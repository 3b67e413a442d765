package enumeratee_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func giveUp(_ context.Context, err error, _ iteratee.Input[int]) error { return err }

// One goroutine waits until another has room. The other waits until its context ends.
func TestAFailureEndsGoroutinesThatWaitForEachOther(t *testing.T) {
	waits := enumeratee.MapConcurrent(1, func(ctx context.Context, _ int) (int, error) {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
	buffer, ignore := enumeratee.Buffer[int](4), iteratee.Ignore[int]()
	fails := enumeratee.MapM(func(_ context.Context, e int) (int, error) {
		if e == 3 {
			synctest.Wait()
			return 0, errBoom
		}
		return e, nil
	})
	source := enumerator.FromSlice(ints(1, 3))
	failing := enumerator.Through(source, fails)
	for name, c := range map[string]struct {
		source   enumerator.Enumerator[int]
		consumer iteratee.Iteratee[int, struct{}]
	}{
		"transformed": {failing, enumeratee.Transform(buffer, enumeratee.Transform(waits, ignore))},
		"composed":    {failing, enumeratee.Transform(enumeratee.Compose(buffer, waits), ignore)},
		"through":     {enumerator.Through(failing, enumeratee.Compose(buffer, waits)), ignore},
		"a part":      {failing, iteratee.FlatMap(enumeratee.Transform(enumeratee.Compose(buffer, waits), ignore), func(struct{}) iteratee.Iteratee[int, struct{}] { return ignore })},
		"behind":      {enumerator.Through(failing, enumeratee.Compose(buffer, enumeratee.Recover(enumeratee.Recover(waits, giveUp), giveUp))), ignore},
		"all":         {failing, enumeratee.Transform(buffer, enumeratee.Transform(enumeratee.Recover(waits, giveUp), ignore))},
		"recovered":   {source, enumeratee.Transform(enumeratee.Recover(enumeratee.Compose3(fails, buffer, waits), giveUp), ignore)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := enumerator.Run(t.Context(), c.source, c.consumer)
				assert.Equal(t, errBoom, err)
			})
		})
	}
}

// Things that a consumer has opened in its goroutine are closed when the goroutine has returned.
func TestNothingIsClosedWhileAGoroutineUsesIt(t *testing.T) {
	for name, adapter := range map[string]tee{
		"Buffer":  enumeratee.Buffer[int](4),
		"Recover": enumeratee.Recover(enumeratee.Buffer[int](4), giveUp),
	} {
		t.Run(name, func(t *testing.T) {
			for i := range 200 {
				var open atomic.Int64
				part := iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[int, *int], error) {
					open.Add(1)
					closed := false
					iteratee.AtEnd(ctx, func() { closed = true; open.Add(-1) })
					uses := enumeratee.Map(func(e int) int {
						assert.False(t, closed)
						return e
					})
					return enumeratee.Transform(enumeratee.Compose(enumeratee.Timeout[int](time.Hour), uses), iteratee.Head[int]()), nil
				})
				_, err := enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 5+i)).AndThen(failing()), enumeratee.Transform(adapter, iteratee.Repeat(part)))
				assert.Equal(t, errBoom, err)
				assert.Zero(t, open.Load())
			}
		})
	}
}

// The last goroutine tells the others one by one, so that no two drive a consumer.
func TestAnInterruptionWaitsForEachGoroutine(t *testing.T) {
	for name, between := range map[string]tee{
		"Buffer":          enumeratee.Buffer[int](1),
		"Recover, Buffer": enumeratee.Recover(enumeratee.Buffer[int](1), giveUp),
		"two Recovers":    enumeratee.Recover(enumeratee.Recover(enumeratee.Buffer[int](1), giveUp), giveUp),
		"Buffer, Timeout": enumeratee.Compose(enumeratee.Buffer[int](1), enumeratee.Timeout[int](time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				driven, done := false, make(chan struct{})
				slow := enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (iteratee.Sink[int], iteratee.Step) {
					return iteratee.Funcs[int]{
						Next: func(e int) iteratee.Step {
							driven = true
							defer func() { driven = false }()
							if e == 2 {
								close(done)
								time.Sleep(time.Second)
							}
							return out.Next(e)
						},
						EOF: func() iteratee.Step {
							assert.False(t, driven, "by another")
							return stage.EOF()
						},
						Rest: out.Rest,
					}.Sink(), iteratee.StepCont
				})
				first := iteratee.FoldUntil(0, func(_ context.Context, _, e int) (int, bool, error) {
					<-done
					return e, true, nil
				})
				later := enumeratee.Map(func(time.Time) int { return 4 })
				source := enumerator.FromSlice(ints(1, 3)).AndThen(enumerator.Through(enumerator.Interval(5*time.Second), later))
				consumer := enumeratee.Transform(enumeratee.Compose(enumeratee.Buffer[int](1), between), enumeratee.Transform(enumeratee.Compose(slow, enumeratee.Buffer[int](1)), first))
				got, err := enumerator.Run(t.Context(), source, consumer)
				assert.NoError(t, err)
				assert.Equal(t, 1, got)
			})
		})
	}
}

// The replacement of a part that has failed runs alone.
func TestAPartThatHasFailedLeavesNoGoroutine(t *testing.T) {
	fails := enumeratee.MapM(func(_ context.Context, e int) (int, error) {
		if e == 3 {
			return 0, errBoom
		}
		return e, nil
	})
	waits := enumeratee.MapConcurrent(1, func(ctx context.Context, e int) (int, error) {
		<-ctx.Done()
		return e, nil
	})
	buffer := enumeratee.Buffer[int](4)
	for name, adapter := range map[string]tee{
		"Buffer":                enumeratee.Compose(fails, buffer),
		"one waits for another": enumeratee.Compose3(fails, buffer, enumeratee.Recover(waits, giveUp)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed, ended := false, 0
				slow := iteratee.ForEach(func(context.Context, int) error {
					assert.False(t, failed)
					time.Sleep(time.Second)
					return nil
				})
				consumer := iteratee.RecoverWith(enumeratee.Transform(enumeratee.Compose(adapter, enumeratee.OnDone[int](func() { ended++ })), slow), func(err error) iteratee.Iteratee[int, struct{}] {
					assert.Equal(t, errBoom, err)
					assert.Equal(t, 1, ended)
					failed = true
					return iteratee.ForEach(func(context.Context, int) error {
						time.Sleep(time.Second)
						return nil
					})
				})
				_, err := enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 9)), consumer)
				assert.NoError(t, err)
				assert.Equal(t, 1, ended)
			})
		})
	}
}

// A goroutine attaches an adapter that starts another one, while the source asks whether it has to tell of bursts.
func TestAGoroutineThatStartsAnotherDoesNotRaceWithTheSource(t *testing.T) {
	buffer := enumeratee.Buffer[int](1)
	fails := enumeratee.MapConcurrent(1, func(context.Context, int) (int, error) { return 0, errBoom })
	goOn := func(context.Context, error, iteratee.Input[int]) error { return nil }
	bursts := enumerator.FlatMap(enumerator.Range(0, 100), func(e int) enumerator.Enumerator[int] {
		ch := make(chan int, 1)
		ch <- e
		close(ch)
		return enumerator.Map(enumerator.FromChan(ch), same)
	})
	for name, adapter := range map[string]tee{
		"GroupByWithin": enumeratee.GroupByWithin(100, time.Hour, same, perKey(buffer)),
		"Recover":       enumeratee.Compose(buffer, enumeratee.Recover(fails, goOn)),
		"MapFlatten": enumeratee.Compose(buffer, enumerator.MapFlatten(func(e int) enumerator.Enumerator[int] {
			return enumerator.Through(enumerator.Of(e), buffer)
		})),
		"MapFlatten of a Map": enumeratee.Compose(buffer, enumerator.MapFlatten(func(e int) enumerator.Enumerator[int] {
			return enumerator.Map(enumerator.Of(e), same)
		})),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := enumerator.Run(t.Context(), bursts, enumeratee.Transform(adapter, iteratee.Ignore[int]()))
			assert.NoError(t, err)
			_, err = enumerator.Run(t.Context(), enumerator.Through(bursts, adapter), iteratee.Ignore[int]())
			assert.NoError(t, err)
		})
	}
}
