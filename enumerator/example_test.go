package enumerator_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// show prints the elements of e.
func show[E any](e enumerator.Enumerator[E]) {
	for e, err := range enumerator.All(context.Background(), e) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(e, " ")
	}
	fmt.Println()
}

func ExampleOf() {
	show(enumerator.Of("kiki", "foo", "bar"))
	// Output: kiki foo bar
}

func ExampleFromSlice() {
	show(enumerator.FromSlice([]int{1, 2, 3}))
	// Output: 1 2 3
}

func ExampleFromSeq() {
	show(enumerator.FromSeq(slices.Values([]int{1, 2, 3})))
	// Output: 1 2 3
}

func ExampleEmpty() {
	show(enumerator.Empty[int]().AndThen(enumerator.Of(1)))
	// Output: 1
}

func ExampleGenerate() {
	queue := make(chan string, 2)
	queue <- "a"
	queue <- "b"
	close(queue)
	show(enumerator.Generate(func(ctx context.Context) (string, bool, error) {
		select {
		case s, ok := <-queue:
			return s, ok, nil
		case <-ctx.Done():
			return "", false, context.Cause(ctx)
		}
	}))
	// Output: a b
}

func ExampleUnfold() {
	type pair struct{ a, b int }
	fibonacci := enumerator.Unfold(pair{0, 1}, func(p pair) (int, pair, bool) { return p.a, pair{p.b, p.a + p.b}, true })
	show(enumerator.Through(fibonacci, enumeratee.Take[int](10)))
	// Output: 0 1 1 2 3 5 8 13 21 34
}

func ExampleInterval() {
	ticks := enumerator.Through(enumerator.Interval(time.Millisecond), enumeratee.Take[time.Time](3))
	n, err := enumerator.Run(context.Background(), ticks, iteratee.Fold(0, func(n int, _ time.Time) int { return n + 1 }))
	fmt.Println(n, "ticks", err)
	// Output: 3 ticks <nil>
}

func ExampleRun() {
	words := enumerator.Of("Guillaume", "Sadek", "Peter", "Erwan")
	longest := iteratee.Fold("", func(a, e string) string {
		if len(e) > len(a) {
			return e
		}
		return a
	})
	fmt.Println(enumerator.Run(context.Background(), words, longest))
	// Output: Guillaume <nil>
}

func ExampleApply() {
	ctx := context.Background()
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	half := enumerator.Apply(ctx, enumerator.Of(1, 2), sum) // no EOF: it can go on
	fmt.Println(enumerator.Run(ctx, enumerator.Of(3, 4), half))
	// Output: 10 <nil>
}

func ExampleAll() {
	naturals := enumerator.Unfold(1, func(n int) (int, int, bool) { return n, n + 1, true })
	for n, err := range enumerator.All(context.Background(), naturals) {
		if err != nil || n > 3 {
			break // ends the source too
		}
		fmt.Println(n)
	}
	// Output:
	// 1
	// 2
	// 3
}

func ExampleThrough() {
	naturals := enumerator.Unfold(1, func(n int) (int, int, bool) { return n, n + 1, true })
	show(enumerator.Through(naturals, enumeratee.Take[int](3)).AndThen(enumerator.Of(99)))
	// Output: 1 2 3 99
}

func ExampleEnumerator_AndThen() {
	show(enumerator.Of(1, 2).AndThen(enumerator.Of(3)))
	// Output: 1 2 3
}

func ExampleNew() {
	// A source that opens something for each run, and closes it however that ends.
	countdown := enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		fmt.Print("open ")
		defer fmt.Print("close ")
		for n := 3; n > 0; n-- {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
			if step := sink.Next(n); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
	show(enumerator.Through(countdown, enumeratee.Take[int](2)))
	// Output: open 3 2 close
}
