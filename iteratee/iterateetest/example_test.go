package iterateetest_test

import (
	"context"
	"fmt"

	"github.com/halley-go/halley/iteratee"
	"github.com/halley-go/halley/iteratee/iterateetest"
)

func ExampleTest() {
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	fmt.Println(iterateetest.Test(sum, []int{1, 2, 3}))
	// Output: <nil>
}

func ExampleTest_broken() {
	// It takes the first element, but also each later one that is offered.
	first := iteratee.New(func(context.Context) (iteratee.Running[string, string], iteratee.Step) {
		var got string
		sink := iteratee.Funcs[string]{Next: func(s string) iteratee.Step {
			got = s
			return iteratee.StepDone
		}}.Sink()
		return iteratee.WithResult(sink, func() (string, error) { return got, nil }), iteratee.StepCont
	})
	fmt.Println(iterateetest.Test(first, []string{"a", "b"}))
	// Output:
	// done: over [a] it takes 1, ends with a; offered more after its end it takes 1, ends with b
}
