package enumeratortest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type sink = iteratee.Sink[int]

var errBoom = errors.New("boom")

// upTo returns the source of 1 to n, without end for -1. It calls ask before each number and
// answered after it. It is correct with cancelled and same; most broken sources below use
// others.
func upTo(n int, ask func(context.Context, int) iteratee.Step, answered func(iteratee.Step, int) iteratee.Step) enumerator.Enumerator[int] {
	return enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
		for e := 1; e <= n || n < 0; e++ {
			if step := ask(ctx, e); !step.IsCont() {
				return step
			}
			if step := answered(to.Next(e), e); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

func cancelled(ctx context.Context, _ int) iteratee.Step { return iteratee.Cancelled(ctx) }
func never(context.Context, int) iteratee.Step           { return iteratee.StepCont }
func same(step iteratee.Step, _ int) iteratee.Step       { return step }

func TestBrokenEnumerators(t *testing.T) {
	var busy sync.Mutex
	place, reset := 0, 0
	ch := make(chan int, 3)
	for e := range 3 {
		ch <- e + 1
	}
	close(ch)

	for name, c := range map[string]struct {
		e    enumerator.Enumerator[int]
		want string
	}{
		"gives too few": {
			upTo(2, cancelled, same),
			"elements: it gives [1 2], and should give [1 2 3]"},
		"gives too many": {
			upTo(4, cancelled, same),
			"elements: it gives [1 2 3 4], and should give [1 2 3]"},
		"never ends": {
			upTo(-1, cancelled, same),
			"elements: it gives more than 1000 elements, and should give [1 2 3]"},
		"leaves the consumer corked": {
			upTo(3, func(ctx context.Context, e int) iteratee.Step {
				iteratee.Cork(ctx)(e < 2)
				iteratee.Cork(ctx)(e == 3)
				return iteratee.Cancelled(ctx)
			}, same),
			"Cork: after [1 2 3] it returns, and has not taken back what it has said by iteratee.Cork"},
		"gives other elements": {
			enumerator.Of(1, 3, 2),
			"elements: it gives [1 3 2], and should give [1 2 3]"},
		"fails": {
			upTo(3, func(_ context.Context, e int) iteratee.Step {
				if e == 3 {
					return iteratee.StepError(errBoom)
				}
				return iteratee.StepCont
			}, same),
			"elements: it gives [1 2] and fails (boom); it should give [1 2 3]"},
		"answers done when it has run out": {
			enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
				if step := upTo(3, cancelled, same).Into(ctx, to); !step.IsCont() {
					return step
				}
				return iteratee.StepDone
			}),
			"elements: it gives [1 2 3] and answers StepDone; it must answer StepCont, as the consumer wants more"},
		"ignores done": {
			upTo(3, cancelled, func(iteratee.Step, int) iteratee.Step { return iteratee.StepCont }),
			"stop: after [1] the consumer answers done, and it offers more"},
		"ignores done without end": {
			enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
				for e := 1; e <= 3; e++ {
					for !to.Next(e).IsCont() {
					}
				}
				return iteratee.StepCont
			}),
			"stop: after [1] the consumer answers done, and it offers more"},
		"ignores errors": {
			upTo(3, cancelled, func(step iteratee.Step, _ int) iteratee.Step {
				if step.Err() != nil {
					return iteratee.StepCont
				}
				return step
			}),
			"stop: after [1] the consumer answers an error (the consumer of the test has failed), and it offers more"},
		"answers StepCont when it was stopped": {
			enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
				upTo(3, cancelled, same).Into(ctx, to)
				return iteratee.StepCont
			}),
			"stop: after [1] the consumer answers done, and it answers more; it must answer the same"},
		"answers another error than the consumer's": {
			upTo(3, cancelled, func(step iteratee.Step, _ int) iteratee.Step {
				if step.Err() != nil {
					return iteratee.StepError(errBoom)
				}
				return step
			}),
			"stop: after [1] the consumer answers an error (the consumer of the test has failed), and it answers an error (boom); it must answer the same"},
		"ignores done of a Batch": {
			enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
				if _, ok := to.(fast.Batcher[int, iteratee.Step]); !ok {
					return enumerator.Of(1, 2, 3).Into(ctx, to)
				}
				iteratee.Offer(to, []int{1, 2})
				_, step := iteratee.Offer(to, []int{3})
				return step
			}),
			"stop: after [1] the consumer answers done, and it offers more"},
		"swallows panics": {
			enumerator.New(func(ctx context.Context, to sink) (step iteratee.Step) {
				defer func() { recover() }()
				return upTo(3, cancelled, same).Into(ctx, to)
			}),
			"stop: after [1] the consumer panics, and that does not reach the caller"},
		"sends EOF": {
			enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
				if step := upTo(3, cancelled, same).Into(ctx, to); !step.IsCont() {
					return step
				}
				return to.EOF()
			}),
			"EOF: after [1 2 3] it sends EOF; only the code that runs the stream may do that"},
		"can be run only once": {
			enumerator.FromChan(ch),
			"elements: it gives [], and should give [1 2 3]"},
		"keeps its place when it was stopped": {
			enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
				for place++; place <= 3; place++ {
					if step := to.Next(place); !step.IsCont() {
						return step
					}
				}
				place = 0
				return iteratee.StepCont
			}),
			"elements: it gives [2] to a consumer that takes 1, and should give [1 2 3]"},
		"shares its place, and resets it": {
			enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
				for reset = 1; reset <= 3; reset++ {
					if step := to.Next(reset); !step.IsCont() {
						return step
					}
				}
				return iteratee.StepCont
			}),
			"recipe: while another run takes place it gives [1] and answers more; it should give [1 2 3]"},
		"hides the cause when the context ends": {
			upTo(3, func(ctx context.Context, _ int) iteratee.Step {
				if ctx.Err() != nil {
					return iteratee.StepError(errBoom)
				}
				return iteratee.StepCont
			}, same),
			"cancel: when the context ends at the element 1, it gives [1] and answers an error (boom); it must be the cause"},
		"is done when the context ends": {
			upTo(3, func(ctx context.Context, _ int) iteratee.Step {
				if ctx.Err() != nil {
					return iteratee.StepDone
				}
				return iteratee.StepCont
			}, same),
			"cancel: when the context ends at the element 1, it gives [1] and answers StepDone; it must be the cause"},
		"cannot run twice at a time": {
			enumerator.New(func(ctx context.Context, to sink) iteratee.Step {
				if !busy.TryLock() {
					return iteratee.StepError(errBoom)
				}
				defer busy.Unlock()
				return upTo(3, cancelled, same).Into(ctx, to)
			}),
			"recipe: while another run goes on it gives [] and answers an error (boom); it should give [1 2 3]"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, enumeratortest.Test(c.e, []int{1, 2, 3}), c.want)
		})
	}
}

func TestBrokenLongAndEndlessEnumerators(t *testing.T) {
	long := make([]int, 1200)
	for i := range long {
		long[i] = i + 1
	}
	assert.NoError(t, enumeratortest.Test(upTo(100, cancelled, same), long[:100]))
	assert.NoError(t, enumeratortest.TestEndless(upTo(-1, cancelled, same), []int{1, 2, 3}))
	assert.ErrorContains(t, enumeratortest.Test(upTo(len(long), never, same), long),
		"cancel: when the context ends at the element 1, it gives 100 more")
	assert.ErrorContains(t, enumeratortest.TestEndless(upTo(-1, never, same), []int{1, 2, 3}),
		"cancel: when the context ends at the element 1, it gives 100 more")
	assert.ErrorContains(t, enumeratortest.TestEndless(upTo(-1, cancelled, same), []int{1, 3}),
		"elements: it gives [1 2], and should give [1 3]")
	assert.ErrorContains(t, enumeratortest.TestEndless(enumerator.Of(1, 2), []int{1, 2, 3}),
		"elements: it gives [1 2], and should give [1 2 3]")
	assert.ErrorContains(t, enumeratortest.TestEndless(upTo(2, cancelled, same), []int{1, 2}),
		"cancel: when the context ends at the element 2, it gives [1 2] and answers more; it must be the cause")
}

func TestMixedSources(t *testing.T) {
	in := func(es ...int) []int { return es }
	assert.NoError(t, enumeratortest.Test(enumerator.Of(1, 5, 2, 6), in(1, 2), in(5, 6)))
	assert.NoError(t, enumeratortest.Test(enumerator.Of(1, 1, 2), in(1), in(1, 2)))
	assert.NoError(t, enumeratortest.Test(enumerator.Empty[int]()))
	assert.NoError(t, enumeratortest.Test(enumerator.Empty[int](), nil, nil))
	assert.ErrorContains(t, enumeratortest.Test(enumerator.Of(2, 5, 1, 6), in(1, 2), in(5, 6)),
		"elements: it gives [2 5 1 6], and should give [[1 2] [5 6]] in any order")
	assert.ErrorContains(t, enumeratortest.Test(enumerator.Of(1, 5, 2), in(1, 2), in(5, 6)), "elements: it gives [1 5 2]")
	assert.ErrorContains(t, enumeratortest.Test(enumerator.Of(1), in(), in()), "elements: it gives [1]")
}

func TestCorrectEnumerators(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		es := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 5).Draw(t, "es")
		of := enumerator.Of(es...)
		assert.NoError(t, enumeratortest.Test(of, es))
		assert.NoError(t, enumeratortest.Test(enumerator.FromSeq(slices.Values(es)), es))
		assert.NoError(t, enumeratortest.Test(of.AndThen(of), slices.Concat(es, es)))
		assert.NoError(t, enumeratortest.Test(enumerator.Through(of, enumeratee.Take[int](2)), es[:min(2, len(es))]))
		assert.NoError(t, enumeratortest.TestEndless(of.AndThen(enumerator.Repeat(func() int { return 7 })), append(es, 7, 7)))
	})
}
