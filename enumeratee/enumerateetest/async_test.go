package enumerateetest_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/iteratee"
)

// each returns the loop that calls next for each element and last at EOF.
func each(next func(ctx context.Context, e int, out outlet) iteratee.Step, last func(outlet) iteratee.Step) func(context.Context, <-chan int, outlet) iteratee.Step {
	return func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
		for {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case e, ok := <-in:
				if !ok {
					return last(out)
				}
				if step := next(ctx, e, out); !step.IsCont() {
					return step
				}
			}
		}
	}
}

func handOn(_ context.Context, e int, out outlet) iteratee.Step { return out.Next(e) }

func runOut(outlet) iteratee.Step { return iteratee.StepCont }

var relay = each(handOn, runOut)

// delayed returns a loop that hands on the elements d apart, and those that it holds at EOF.
func delayed(d time.Duration) func(context.Context, <-chan int, outlet) iteratee.Step {
	return func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
		var held []int
		var due <-chan time.Time
		for {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case e, ok := <-in:
				if !ok {
					for _, e := range held {
						if step := out.Next(e); !step.IsCont() {
							return step
						}
					}
					return iteratee.StepCont
				}
				if held = append(held, e); len(held) == 1 {
					due = time.After(d)
				}
			case <-due:
				e := held[0]
				if held = held[1:]; len(held) > 0 {
					due = time.After(d)
				}
				if step := out.Next(e); !step.IsCont() {
					return step
				}
			}
		}
	}
}

func TestBrokenAsync(t *testing.T) {
	var last atomic.Int64 // element of any run
	for name, c := range map[string]struct {
		loop func(ctx context.Context, in <-chan int, out outlet) iteratee.Step
		want string
	}{
		"ignores its context": {
			func(_ context.Context, in <-chan int, out outlet) iteratee.Step {
				for e := range in {
					if step := out.Next(e); !step.IsCont() {
						return step
					}
				}
				return iteratee.StepCont
			},
			"cancel: over [1 2 3], in Through, when the context ends after 0 elements, the run hangs; it must fail (the test has cancelled the context)"},
		"ignores its context when the consumer has ended": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				step := relay(ctx, in, out)
				if step.Err() == nil {
					for range in {
					}
				}
				return step
			},
			"cancel: over [1 2 3], in Transform, with a slow consumer and a context that ends after 4.5s, the run hangs; it must return"},
		"hides the cause when its context ends": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				step := relay(ctx, in, out)
				if ctx.Err() != nil {
					return iteratee.StepError(errors.New("out of luck"))
				}
				return step
			},
			"the run fails (out of luck); it must fail (the test has cancelled the context)"},
		"says that all is well when its context ends": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				step := relay(ctx, in, out)
				if ctx.Err() != nil {
					return iteratee.StepCont
				}
				return step
			},
			"the run returns; it must fail (the test has cancelled the context)"},
		"ignores the answers of its consumer": {
			each(func(_ context.Context, e int, out outlet) iteratee.Step {
				out.Next(e)
				return iteratee.StepCont
			}, runOut),
			"stop: over [1 2 3], in Transform, w"},
		"ignores the last answer of its consumer": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				relay(ctx, in, out)
				return iteratee.StepCont
			},
			"the run returns; it must fail (the test has cancelled the context)"},
		"hands on another element when the consumer has ended": {
			each(func(_ context.Context, e int, out outlet) iteratee.Step {
				step := out.Next(e)
				if !step.IsCont() {
					out.Next(e)
				}
				return step
			}, runOut),
			"it hands on 1 when the consumer has ended"},
		"says that its consumer is done when the elements have run out": {
			each(handOn, func(outlet) iteratee.Step { return iteratee.StepDone }),
			"elements: over [1 2 3], in Through, with 0 in a source that follows, it hands on [1 2 3]; it must hand on [1 2 3 0]"},
		"returns before a goroutine that waits for the context": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				go func() { <-ctx.Done() }()
				return relay(ctx, in, out)
			},
			"goroutines: over [1 2 3], in Through, when the consumer is done with the element 1 while the source waits, the source is stopped, and a goroutine is left that github.com/halley-go/halley/enumeratee/enumerateetest_test.TestBrokenAsync.func"},
		"returns before a goroutine that sleeps": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				go time.Sleep(time.Hour)
				return relay(ctx, in, out)
			},
			"goroutines: over [1 2 3], in Through, the run returns, and a goroutine is left that github.com/halley-go/halley/enumeratee/enumerateetest_test.TestBrokenAsync.func"},
		"returns before a goroutine that hands on": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				return each(func(ctx context.Context, e int, out outlet) iteratee.Step {
					go func() {
						time.Sleep(time.Millisecond)
						out.Next(e)
					}()
					return iteratee.StepCont
				}, runOut)(ctx, in, out)
			},
			"elements: over [1 2 3], in Through, it hands on [1 2]; it must hand on [1 2 3]"},
		"hands on from several goroutines": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				var all sync.WaitGroup
				defer all.Wait()
				var end atomic.Pointer[iteratee.Step]
				return each(func(_ context.Context, e int, out outlet) iteratee.Step {
					all.Go(func() {
						if step := out.Next(e); !step.IsCont() {
							end.Store(&step)
						}
					})
					time.Sleep(time.Millisecond)
					if step := end.Load(); step != nil {
						return *step
					}
					return iteratee.StepCont
				}, runOut)(ctx, in, out)
			},
			"consumer: over [1 2 3], in Transform, with a slow consumer and a context that ends after 4.5s, it hands on 2 while the consumer is busy with another element"},
		"drops the elements that it holds at EOF": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				var held []int
				return each(func(_ context.Context, e int, out outlet) iteratee.Step {
					if held = append(held, e); len(held) == 1 {
						return iteratee.StepCont
					}
					e, held = held[0], held[1:]
					return out.Next(e)
				}, runOut)(ctx, in, out)
			},
			"elements: over [1 2 3], in Through, it hands on [1 2]; it must hand on [1 2 3]"},
		"hands on each element twice": {
			each(func(_ context.Context, e int, out outlet) iteratee.Step {
				if step := out.Next(e); !step.IsCont() {
					return step
				}
				return out.Next(e)
			}, runOut),
			"elements: over [1 2 3], in Through, it hands on [1 1 2 2 3 3]; it must hand on [1 2 3]"},
		"waits for ever at EOF": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				return each(handOn, func(outlet) iteratee.Step {
					<-ctx.Done()
					return iteratee.Cancelled(ctx)
				})(ctx, in, out)
			},
			"elements: over [1 2 3], in Through, the run hangs; it must return no error"},
		"does not notice EOF": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				for {
					select {
					case <-ctx.Done():
						return iteratee.Cancelled(ctx)
					case e := <-in:
						if step := out.Next(e); !step.IsCont() {
							return step
						}
					}
				}
			},
			"elements: over [1 2 3], in Through, it has handed on 1003 elements and goes on"},
		"ticks for ever at EOF": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				return each(handOn, func(outlet) iteratee.Step {
					for range time.Tick(time.Millisecond) {
					}
					return iteratee.StepCont
				})(ctx, in, out)
			},
			"elements: over [1 2 3], in Through, the run hangs; it must return no error"},
		"recovers from panics": {
			func(ctx context.Context, in <-chan int, out outlet) (step iteratee.Step) {
				defer func() {
					if recover() != nil {
						step = iteratee.StepDone
					}
				}()
				return relay(ctx, in, out)
			},
			"stop: over [1 2 3], in Through, when the consumer panics with the element 1 while the source waits, the run returns; it must panic (the consumer of the test has failed)"},
		"shares its state": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				last.Store(0)
				return each(func(_ context.Context, e int, out outlet) iteratee.Step {
					if last.Swap(int64(e)) == int64(e) {
						return iteratee.StepCont
					}
					return out.Next(e)
				}, runOut)(ctx, in, out)
			},
			"recipe: over [1 2 3], in Through, at the same time as in other runs, it hands on ["},
		"takes another element when the consumer has ended": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				step := relay(ctx, in, out)
				select {
				case <-in:
				case <-time.After(5 * time.Second):
				case <-ctx.Done():
				}
				return step
			},
			"rest: over [1 2 3], in Transform, when the consumer has taken 1, the next Iteratee gets [3]; it must get [2 3], which come later"},
	} {
		t.Run(name, func(t *testing.T) {
			err := enumerateetest.TestAsync(t, enumeratee.Async(c.loop), []int{1, 2, 3}, []int{1, 2, 3})
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestCorrectAsync(t *testing.T) {
	for name, c := range map[string]struct {
		loop     func(ctx context.Context, in <-chan int, out outlet) iteratee.Step
		in, want []int
	}{
		"relay, no elements": {relay, nil, nil},
		"relay":              {relay, []int{1, 2}, []int{1, 2}},
		"delays":             {delayed(2500 * time.Millisecond), []int{1, 2, 3}, []int{1, 2, 3}},
		"drops":              {each(func(context.Context, int, outlet) iteratee.Step { return iteratee.StepCont }, runOut), []int{1, 2}, nil},
		"hands on at EOF": {
			each(func(context.Context, int, outlet) iteratee.Step { return iteratee.StepCont }, func(out outlet) iteratee.Step { return out.Next(9) }),
			[]int{1, 2}, []int{9}},
		"stops by itself": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				select {
				case <-ctx.Done():
					return iteratee.Cancelled(ctx)
				case e, ok := <-in:
					if !ok {
						return iteratee.StepCont
					}
					return out.Next(e)
				}
			},
			[]int{1, 2, 3}, []int{1}},
		"goes on while the source waits": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				beat := time.NewTicker(600 * time.Millisecond)
				defer beat.Stop()
				for {
					e := 0
					select {
					case <-ctx.Done():
						return iteratee.Cancelled(ctx)
					case <-beat.C:
					case in, ok := <-in:
						if !ok {
							return iteratee.StepCont
						}
						e = in
					}
					if step := out.Next(e); !step.IsCont() {
						return step
					}
				}
			},
			[]int{1, 2}, []int{0, 1, 0, 0, 2}},
		"has goroutines": {
			func(ctx context.Context, in <-chan int, out outlet) iteratee.Step {
				ctx, cancel := context.WithCancel(ctx)
				between := make(chan int)
				var all sync.WaitGroup
				defer all.Wait()
				defer cancel()
				all.Go(func() {
					defer close(between)
					for {
						select {
						case <-ctx.Done():
							return
						case e, ok := <-in:
							if !ok {
								return
							}
							select {
							case between <- e:
							case <-ctx.Done():
							}
						}
					}
				})
				return relay(ctx, between, out)
			},
			[]int{1, 2}, []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.NoError(t, enumerateetest.TestAsync(t, enumeratee.Async(c.loop), c.in, c.want))
		})
	}
	groups := enumeratee.GroupedWithin[int](2, 5*time.Second)
	assert.NoError(t, enumerateetest.TestAsync(t, groups, []int{1, 2, 3}, [][]int{{1, 2}, {3}}))
}

func TestAsyncIsForAdaptersWithAGoroutine(t *testing.T) {
	err := enumerateetest.TestAsync(t, enumeratee.PassAlong[int](), []int{1}, []int{1})
	assert.ErrorContains(t, err, "while the consumer waits for its context, the run hangs")
}
