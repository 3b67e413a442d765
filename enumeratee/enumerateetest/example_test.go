package enumerateetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/iteratee"
)

func ExampleTest() {
	pair := iteratee.TakeUpTo[int](2)
	fmt.Println(enumerateetest.Test(enumeratee.Grouped(pair), []int{1, 2, 3}))
	// Output: <nil>
}

// two is an adapter that hands on two elements. After those it must answer Stop, which tells that the
// consumer still wants more.
type two struct {
	enumeratee.Stage
	iteratee.Outlet[string]
	taken int
	end   iteratee.Step
}

func (t *two) Next(s string) iteratee.Step {
	switch {
	case !t.end.IsCont():
	case t.taken == 2:
		t.end = iteratee.StepDone
	default:
		t.taken++
		t.end = t.Outlet.Next(s)
	}
	return t.end
}

func ExampleTest_broken() {
	adapter := enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[string]) (iteratee.Sink[string], iteratee.Step) {
		return &two{Stage: stage, Outlet: out}, iteratee.StepCont
	})
	fmt.Println(enumerateetest.Test(adapter, []string{"a", "b", "c"}))
	// Output: stop: over [a b c], at the element 3, it answers StepDone while its consumer is open; to stop by itself it must answer Stage.Stop
}

func ExampleTestRest() {
	fmt.Println(enumerateetest.TestRest(enumeratee.Take[int](2), []int{1, 2, 3}))

	// The elements of a group are not given back.
	fmt.Println(enumerateetest.TestRest(enumeratee.Grouped(iteratee.TakeUpTo[int](2)), []int{1, 2, 3}))
	// Output:
	// <nil>
	// rest: over [1 2 3], when the consumer leaves over [1 2], it leaves over []; it must leave over [2]
}

func ExampleTestAsync() {
	// An adapter that hands on a dash for each pause of three seconds.
	dashes := enumeratee.Async(func(ctx context.Context, in <-chan string, out iteratee.Outlet[string]) iteratee.Step {
		pause := time.NewTimer(3 * time.Second)
		defer pause.Stop()
		for {
			e := "-"
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case <-pause.C:
			case s, ok := <-in:
				if !ok {
					return iteratee.StepCont
				}
				e = s
			}
			pause.Reset(3 * time.Second)
			if step := out.Next(e); !step.IsCont() {
				return step
			}
		}
	})
	t := new(testing.T) // in a test, its parameter
	fmt.Println(enumerateetest.TestAsync(t, dashes, []string{"a", "b"}, []string{"a", "b"}))
	// Output: <nil>
}

func ExampleTestAsync_broken() {
	// An adapter that does not look at its context.
	relay := enumeratee.Async(func(_ context.Context, in <-chan string, out iteratee.Outlet[string]) iteratee.Step {
		for s := range in {
			if step := out.Next(s); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
	t := new(testing.T) // in a test, its parameter
	fmt.Println(enumerateetest.TestAsync(t, relay, []string{"a", "b"}, []string{"a", "b"}))
	// Output: cancel: over [a b], in Through, when the context ends after 0 elements, the run hangs; it must fail (the test has cancelled the context)
}
