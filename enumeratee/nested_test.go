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

// One goroutine waits until another has room, and that until its context ends.
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
	giveUp := func(_ context.Context, err error, _ iteratee.Input[int]) error { return err }
	for name, c := range map[string]struct {
		source enumerator.Enumerator[int]
		it     iteratee.Iteratee[int, struct{}]
	}{
		"transformed": {failing, enumeratee.Transform(buffer, enumeratee.Transform(waits, ignore))},
		"composed":    {failing, enumeratee.Transform(enumeratee.Compose(buffer, waits), ignore)},
		"through":     {enumerator.Through(failing, enumeratee.Compose(buffer, waits)), ignore},
		"a part":      {failing, iteratee.FlatMap(enumeratee.Transform(enumeratee.Compose(buffer, waits), ignore), func(struct{}) iteratee.Iteratee[int, struct{}] { return ignore })},
		"recovered":   {source, enumeratee.Transform(enumeratee.Recover(enumeratee.Compose3(fails, buffer, waits), giveUp), ignore)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := enumerator.Run(t.Context(), c.source, c.it)
				assert.Equal(t, errBoom, err)
			})
		})
	}
}

// What a consumer has opened in its goroutine is closed when that has returned.
func TestNothingIsClosedWhileAGoroutineUsesIt(t *testing.T) {
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
		_, err := enumerator.Run(t.Context(), enumerator.FromSlice(ints(1, 5+i)).AndThen(failing()), enumeratee.Transform(enumeratee.Buffer[int](4), iteratee.Repeat(part)))
		assert.Equal(t, errBoom, err)
		assert.Zero(t, open.Load())
	}
}
