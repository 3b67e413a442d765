package enumerateetest_test

import (
	"fmt"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/iteratee"
)

func ExampleTest() {
	pair := iteratee.TakeUpTo[int](2)
	fmt.Println(enumerateetest.Test(enumeratee.Grouped(pair), []int{1, 2, 3}))
	// Output: <nil>
}

func ExampleTest_broken() {
	// An adapter that hands on two elements. After those it must answer stage.Stop(), which
	// tells that the consumer still wants more.
	two := enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[string]) (iteratee.Sink[string], iteratee.Step) {
		left, end := 2, iteratee.StepCont
		return iteratee.Sink[string]{
			Next: func(s string) iteratee.Step {
				switch {
				case !end.IsCont():
				case left == 0:
					end = iteratee.StepDone
				default:
					left--
					end = inner.Next(s)
				}
				return end
			},
			EOF:  stage.EOF,
			Rest: inner.Rest,
		}, iteratee.StepCont
	})
	fmt.Println(enumerateetest.Test(two, []string{"a", "b", "c"}))
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
