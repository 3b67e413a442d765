package enumeratortest_test

import (
	"context"
	"fmt"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/iteratee"
)

func ExampleTest() {
	countdown := enumerator.Unfold(3, func(n int) (int, int, bool) { return n, n - 1, n > 0 })
	fmt.Println(enumeratortest.Test(countdown, []int{3, 2, 1}))
	// Output: <nil>
}

func ExampleTest_broken() {
	// A source that ignores the answers.
	greeting := enumerator.New(func(_ context.Context, sink iteratee.Sink[string]) iteratee.Step {
		sink.Next("hello")
		return sink.Next("world")
	})
	fmt.Println(enumeratortest.Test(greeting, []string{"hello", "world"}))
	// Output: stop: after [hello] the consumer answers done, and it offers more
}

func ExampleTest_mixed() {
	both := enumerator.Interleave(enumerator.Of(1, 2), enumerator.Of(30, 40))
	fmt.Println(enumeratortest.Test(both, []int{1, 2}, []int{30, 40}))
	// Output: <nil>
}

func ExampleTestEndless() {
	naturals := enumerator.Unfold(1, func(n int) (int, int, bool) { return n, n + 1, true })
	fmt.Println(enumeratortest.TestEndless(naturals, []int{1, 2, 3}))
	// Output: <nil>
}
