package enumeratee_test

import (
	"context"
	"fmt"
	"strconv"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// show prints what t makes of es.
func show[From, To any](t enumeratee.Enumeratee[From, To], es ...From) {
	got, err := enumerator.Run(context.Background(), enumerator.Through(enumerator.Of(es...), t), iteratee.Collect[To]())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v\n", got)
}

func ExampleMap() {
	show(enumeratee.Map(func(e int) string { return fmt.Sprintf("<%d>", e) }), 1, 2, 3)
	// Output: [<1> <2> <3>]
}

func ExampleMapM() {
	parse := enumeratee.MapM(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
	show(parse, "1", "2")
	show(parse, "1", "two")
	// Output:
	// [1 2]
	// strconv.Atoi: parsing "two": invalid syntax
}

func ExampleFilter() {
	show(enumeratee.Filter(func(s string) bool { return len(s) < 4 }), "One", "Two", "Three", "Six")
	// Output: [One Two Six]
}

func ExampleTake() {
	show(enumeratee.Take[int](2), 1, 2, 3)
	// Output: [1 2]
}

func ExampleTakeWhile() {
	show(enumeratee.TakeWhile(func(e int) bool { return e < 3 }), 1, 2, 3, 2, 1)
	// Output: [1 2]
}

func ExampleDrop() {
	show(enumeratee.Drop[int](2), 1, 2, 3)
	// Output: [3]
}

func ExampleHeading() {
	show(enumeratee.Heading("first of all"), "kiki", "foo")
	// Output: [first of all kiki foo]
}

func ExampleGrouped() {
	pair := enumeratee.Transform(enumeratee.Take[int](2), iteratee.Collect[int]())
	show(enumeratee.Grouped(pair), 1, 2, 3, 4, 5)
	// Output: [[1 2] [3 4] [5]]
}

func ExamplePassAlong() {
	show(enumeratee.PassAlong[int](), 1, 2)
	// Output: [1 2]
}

func ExampleCompose() {
	double := enumeratee.Map(func(e int) int { return 2 * e })
	show(enumeratee.Compose(double, enumeratee.Take[int](2)), 1, 2, 3)
	// Output: [2 4]
}

func ExampleTransform() {
	// Two consumers, one after the other, of which the first is behind an adapter.
	small := enumeratee.Transform(enumeratee.TakeWhile(func(e int) bool { return e < 3 }), iteratee.Collect[int]())
	both := iteratee.FlatMap(small, func(small []int) iteratee.Iteratee[int, string] {
		return iteratee.Map(iteratee.Collect[int](), func(others []int) string { return fmt.Sprint(small, others) })
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3, 4), both))
	// Output: [1 2] [3 4] <nil>
}

func ExampleNew() {
	// Every element twice.
	twice := enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[string]) (iteratee.Sink[string], iteratee.Step) {
		return iteratee.Sink[string]{
			Next: func(e string) iteratee.Step {
				if step := inner.Next(e); !step.IsCont() {
					return step
				}
				return inner.Next(e)
			},
			EOF:  stage.EOF,              // it holds nothing
			Rest: iteratee.Empty[string], // nor gives anything back
		}, iteratee.StepCont
	})
	show(twice, "hip", "hurray")
	// Output: [hip hip hurray hurray]
}
