package prompt_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

var errBoom = errors.New("boom")

func TestCancelled(t *testing.T) {
	for _, before := range []int{0, 1, 31, 32, 33, 100} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			ask := prompt.Ask(ctx)
			defer ask.Forget()
			for range before {
				assert.True(t, ask.Cancelled().IsCont())
			}
			cancel(errBoom)
			synctest.Wait()
			assert.Equal(t, errBoom, ask.Cancelled().Err(), "after %d", before)
			assert.Equal(t, errBoom, ask.Cancelled().Err(), "again after %d", before)
		})
	}
}

// endsWhileAsked is a context that ends while Err is called. Err still returns nil then, and the
// functions registered with AfterFunc have been called.
type endsWhileAsked struct {
	context.Context
	end  context.CancelCauseFunc
	call func()
}

func (e *endsWhileAsked) Done() <-chan struct{} { return make(chan struct{}) } // so that package context uses AfterFunc

func (e *endsWhileAsked) AfterFunc(f func()) (stop func() bool) {
	e.call = f
	return func() bool { return false }
}

func (e *endsWhileAsked) Err() error {
	err := e.Context.Err()
	if e.call != nil && err == nil {
		e.end(errBoom)
		e.call()
		synctest.Wait()
	}
	return err
}

func TestCancelledWhileTheFlagIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		ask := prompt.Ask(&endsWhileAsked{Context: ctx, end: cancel})
		defer ask.Forget()
		for range 40 {
			ask.Cancelled()
		}
		assert.Equal(t, errBoom, ask.Cancelled().Err())
	})
}

func TestAskingAContextThatCannotEndTakesNoMemory(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		ask := prompt.Ask(context.Background())
		for range 100 {
			if !ask.Cancelled().IsCont() {
				t.Error("cancelled")
			}
		}
		ask.Forget()
	}))
}

// The context ends during the call for an element. No other element is handed over.
func TestOffer(t *testing.T) {
	es := make([]int, 100)
	for i := range es {
		es[i] = i + 1
	}
	for last := range len(es) + 1 {
		for name, batch := range map[string]bool{"Next": false, "Batch": true} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				got := 0
				fold, _ := iteratee.Fold(0, func(_, e int) int {
					if got = e; e == last {
						cancel(errBoom)
						synctest.Wait()
					}
					return 0
				}).Start(ctx)
				var out iteratee.Outlet[int] = fold
				if !batch {
					out = struct{ iteratee.Outlet[int] }{fold}
				}
				ask := prompt.Ask(ctx)
				defer ask.Forget()
				n, step := prompt.Offer(&ask, out, es)
				if last == 0 {
					assert.Equal(t, len(es), n, name)
					assert.True(t, step.IsCont(), name)
					return
				}
				assert.Equal(t, last, n, name)
				assert.Equal(t, last, got, name)
				assert.Equal(t, errBoom, step.Err(), "%s %d", name, last)
			})
		}
	}
}

func TestOfferToAConsumerThatEnds(t *testing.T) {
	es := make([]int, 100)
	for last := 1; last <= len(es); last++ {
		ask := prompt.Ask(t.Context())
		taking, _ := iteratee.TakeUpTo[int](last).Start(t.Context())
		n, step := prompt.Offer(&ask, taking, es)
		assert.Equal(t, last, n)
		assert.Equal(t, iteratee.StepDone, step)
		ask.Forget()
	}
}
