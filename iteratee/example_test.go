package iteratee_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func ExampleFold() {
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3, 4), sum))
	// Output: 10 <nil>
}

func ExampleFoldM() {
	budget := iteratee.FoldM(10, func(_ context.Context, left, e int) (int, error) {
		if e > left {
			return 0, fmt.Errorf("%d is more than the %d that are left", e, left)
		}
		return left - e, nil
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(3, 4), budget))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(3, 8), budget))
	// Output:
	// 3 <nil>
	// 0 8 is more than the 7 that are left
}

func ExampleForEach() {
	show := iteratee.ForEach(func(_ context.Context, e string) error {
		_, err := fmt.Println(e)
		return err
	})
	_, err := enumerator.Run(context.Background(), enumerator.Of("kiki", "foo"), show)
	fmt.Println(err)
	// Output:
	// kiki
	// foo
	// <nil>
}

func ExampleCollect() {
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), iteratee.Collect[int]()))
	// Output: [1 2 3] <nil>
}

func ExampleHead() {
	first, err := enumerator.Run(context.Background(), enumerator.Of("foo", "bar"), iteratee.Head[string]())
	fmt.Println(*first, err)
	none, err := enumerator.Run(context.Background(), enumerator.Empty[string](), iteratee.Head[string]())
	fmt.Println(none, err)
	// Output:
	// foo <nil>
	// <nil> <nil>
}

func ExampleIgnore() {
	_, err := enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), iteratee.Ignore[int]())
	fmt.Println(err)
	// Output: <nil>
}

func ExampleMap() {
	count := iteratee.Fold(0, func(n int, _ string) int { return n + 1 })
	text := iteratee.Map(count, func(n int) string { return fmt.Sprintf("%d words", n) })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("a", "b"), text))
	// Output: 2 words <nil>
}

func ExampleFlatMap() {
	// A number that says how many of the following to add up; the rest is untouched.
	sumOf := iteratee.FlatMap(iteratee.Head[int](), func(n *int) iteratee.Iteratee[int, int] {
		if n == nil {
			return iteratee.Error[int, int](errors.New("no count"), iteratee.EOF[int]())
		}
		return enumeratee.Transform(enumeratee.Take[int](*n), iteratee.Fold(0, func(a, e int) int { return a + e }))
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(2, 10, 20, 99), sumOf))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(2, 10, 20, 1, 5), iteratee.Repeat(sumOf)))
	// Output:
	// 30 <nil>
	// [30 5] <nil>
}

func ExampleRepeat() {
	two := enumeratee.Transform(enumeratee.Take[int](2), iteratee.Collect[int]())
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), iteratee.Repeat(two)))
	// Output: [[1 2] [3]] <nil>
}

func ExampleCont() {
	// Positive numbers up to the first that is not, which stays for whoever follows.
	var positive func(seen []int) iteratee.Iteratee[int, []int]
	positive = func(seen []int) iteratee.Iteratee[int, []int] {
		return iteratee.Cont(func(in iteratee.Input[int]) iteratee.Iteratee[int, []int] {
			e, ok := in.El()
			switch {
			case ok && e > 0:
				return positive(append(seen, e))
			case in.IsEmpty():
				return positive(seen)
			}
			return iteratee.Done(seen, in)
		})
	}
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, -3, 4), positive(nil)))
	// Output: [1 2] <nil>
}

func ExampleDone() {
	// Done with a result and something to read again: a look ahead.
	peek := iteratee.FlatMap(iteratee.Head[string](), func(e *string) iteratee.Iteratee[string, string] {
		return iteratee.Done(*e, iteratee.El(*e))
	})
	twice := iteratee.FlatMap(peek, func(first string) iteratee.Iteratee[string, []string] {
		return iteratee.Map(iteratee.Collect[string](), func(all []string) []string { return append([]string{first}, all...) })
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("a", "b"), twice))
	// Output: [a a b] <nil>
}

func ExampleError() {
	errOdd := errors.New("odd one out")
	even := iteratee.FlatMap(iteratee.Head[int](), func(e *int) iteratee.Iteratee[int, int] {
		if *e%2 != 0 {
			return iteratee.Error[int, int](errOdd, iteratee.El(*e))
		}
		return iteratee.Done(*e, iteratee.Empty[int]())
	})
	_, err := enumerator.Run(context.Background(), enumerator.Of(3), even)
	fmt.Println(errors.Is(err, errOdd))
	// Output: true
}

func ExampleNew() {
	// The longest of the elements, which Fold could do as well.
	longest := iteratee.New(func(context.Context) iteratee.Running[string, string] {
		var best string // made for each run
		return iteratee.Running[string, string]{
			Sink: iteratee.Sink[string]{
				Next: func(e string) iteratee.Step {
					if len(e) > len(best) {
						best = e
					}
					return iteratee.StepCont
				},
				EOF:  func() iteratee.Step { return iteratee.StepDone },
				Rest: iteratee.Empty[string],
			},
			Result: func() (string, error) { return best, nil },
		}
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("a", "ccc", "bb"), longest))
	// Output: ccc <nil>
}
