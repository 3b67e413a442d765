package iteratee_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

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
	// Reads a count, then adds up that many numbers. It leaves the others alone.
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
	// Collects positive numbers. The first other number is left over.
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
	// Looks ahead: the first element is the result, and is left over.
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
	// Ends with the longest element. Fold could do the same.
	longest := iteratee.New(func(context.Context) (iteratee.Running[string, string], iteratee.Step) {
		return &longestOf{}, iteratee.StepCont // made for each run
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("a", "ccc", "bb"), longest))
	// Output: ccc <nil>
}

// longestOf is one run of the Iteratee in ExampleNew.
type longestOf struct{ best string }

func (l *longestOf) Next(e string) iteratee.Step {
	if len(e) > len(l.best) {
		l.best = e
	}
	return iteratee.StepCont
}

func (l *longestOf) EOF() iteratee.Step           { return iteratee.StepDone }
func (l *longestOf) Rest() iteratee.Input[string] { return iteratee.Empty[string]() }
func (l *longestOf) Result() (string, error)      { return l.best, nil }

func ExampleFoldUntil() {
	// Adds up the elements up to the first that is greater than 2, inclusive.
	sum := iteratee.FoldUntil(0, func(_ context.Context, a, e int) (int, bool, error) { return a + e, e > 2, nil })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3, 4), sum))
	// Output: 6 <nil>
}

func ExampleTakeUpTo() {
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), iteratee.TakeUpTo[int](2)))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1), iteratee.TakeUpTo[int](2)))
	// Output:
	// [1 2] <nil>
	// [1] <nil>
}

func ExampleEOFOrElse() {
	consumer := iteratee.EOFOrElse[int]("there is more", "the end")
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1), consumer))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Empty[int](), consumer))
	// Output:
	// there is more <nil>
	// the end <nil>
}

func ExampleIsEmpty() {
	// IsEmpty consumes nothing, so the next Iteratee gets all elements.
	consumer := iteratee.FlatMap(iteratee.IsEmpty[int](), func(empty bool) iteratee.Iteratee[int, string] {
		return iteratee.Map(iteratee.Collect[int](), func(es []int) string { return fmt.Sprint(empty, es) })
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2), consumer))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Empty[int](), consumer))
	// Output:
	// false [1 2] <nil>
	// true [] <nil>
}

func ExampleConsume() {
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of([]int{1, 2}, []int{3}), iteratee.Consume[int]()))
	// Output: [1 2 3] <nil>
}

func ExampleZip() {
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), iteratee.Zip(sum, iteratee.Collect[int]())))
	// Output: {6 [1 2 3]} <nil>
}

func ExampleZipWith() {
	sum := iteratee.Fold(0.0, func(a, e float64) float64 { return a + e })
	count := iteratee.Fold(0.0, func(n, _ float64) float64 { return n + 1 })
	mean := iteratee.ZipWith(sum, count, func(sum, count float64) float64 { return sum / count })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1.0, 2, 6), mean))
	// Output: 3 <nil>
}

func ExampleRecover() {
	errNegative := errors.New("negative")
	sum := iteratee.FoldM(0, func(_ context.Context, a, e int) (int, error) {
		if e < 0 {
			return 0, errNegative
		}
		return a + e, nil
	})
	lenient := iteratee.Recover(sum, func(err error) (int, error) {
		if errors.Is(err, errNegative) {
			return -1, nil
		}
		return 0, err // let other errors pass
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, -2, 3), lenient))
	// Output: -1 <nil>
}

func ExampleRecoverWith() {
	failing := iteratee.ForEach(func(context.Context, int) error { return errors.New("no") })
	consumer := iteratee.RecoverWith(iteratee.Map(failing, func(struct{}) []int { return nil }), func(error) iteratee.Iteratee[int, []int] {
		return iteratee.Collect[int]() // from the next element on
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), consumer))
	// Output: [2 3] <nil>
}

func ExampleJoin() {
	small := enumeratee.ApplyOn(enumeratee.TakeWhile(func(e int) bool { return e < 3 }), iteratee.Collect[int]())
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), iteratee.Join(small)))
	// Output: [1 2] <nil>
}

func ExampleJoinConcat() {
	// The inner Iteratee leaves 9 over, the outer one 8.
	outer := iteratee.Done(iteratee.Done(5, iteratee.El(9)), iteratee.El(8))
	consumer := iteratee.FlatMap(iteratee.JoinConcat(outer), func(int) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2), consumer))
	// Output: [9 8 1 2] <nil>
}

func ExampleMapM() {
	joined := iteratee.Fold("", func(a, e string) string { return a + e })
	number := iteratee.MapM(joined, func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("1", "2"), number))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("1", "b"), number))
	// Output:
	// 12 <nil>
	// 0 strconv.Atoi: parsing "1b": invalid syntax
}

func ExampleDefer() {
	// Counts the words in a map, which each run makes.
	count := iteratee.Defer(func(context.Context) (iteratee.Iteratee[string, map[string]int], error) {
		return iteratee.Fold(map[string]int{}, func(m map[string]int, s string) map[string]int {
			m[s]++
			return m
		}), nil
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("a", "b", "a"), count))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("a"), count))
	// Output:
	// map[a:2 b:1] <nil>
	// map[a:1] <nil>
}

func ExampleAdvance() {
	ctx := context.Background()
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	half := iteratee.Advance(ctx, sum, func(_ context.Context, sink iteratee.Sink[int]) iteratee.Step {
		_, step := iteratee.Offer(sink, []int{1, 2})
		return step
	})
	fmt.Println(enumerator.Run(ctx, enumerator.Of(3), half))
	// Output: 6 <nil>
}

func ExampleFeed() {
	ctx := context.Background()
	fed := iteratee.Feed(ctx, iteratee.Collect[int](), iteratee.El(1))
	fmt.Println(enumerator.Run(ctx, enumerator.Of(2, 3), fed))
	// Output: [1 2 3] <nil>
}

func ExampleResume() {
	// Multiplies the result by ten if the Iteratee is done without any input.
	tenfold := func(consumer iteratee.Iteratee[int, int]) iteratee.Iteratee[int, int] {
		return iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[int, int], error) {
			r, step := consumer.Start(ctx)
			if step != iteratee.StepDone {
				return iteratee.Resume(r, step), nil
			}
			a, err := r.Result()
			return iteratee.Done(10*a, r.Rest()), err
		})
	}
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2), tenfold(iteratee.Done(4, iteratee.Empty[int]()))))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2), tenfold(sum)))
	// Output:
	// 40 <nil>
	// 3 <nil>
}

func ExampleRounds() {
	// Does the same as Repeat, but prints each result at once.
	two := iteratee.TakeUpTo[int](2)
	shown := iteratee.New(func(ctx context.Context) (iteratee.Running[int, struct{}], iteratee.Step) {
		rounds := iteratee.Rounds(ctx, two, iteratee.StepDone, func(es []int) iteratee.Step {
			fmt.Println(es)
			return iteratee.StepCont
		})
		return iteratee.WithResult(rounds, func() (struct{}, error) { return struct{}{}, nil }), iteratee.StepCont
	})
	_, err := enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), shown)
	fmt.Println(err)
	// Output:
	// [1 2]
	// [3]
	// <nil>
}

func ExampleNewRun() {
	// Drives an Iteratee by hand.
	ctx, end := iteratee.NewRun(context.Background())
	defer end()
	r, step := iteratee.Collect[int]().Start(ctx)
	for e := 1; e <= 3 && step.IsCont(); e++ {
		step = r.Next(e)
	}
	fmt.Println(iteratee.Finish(r, step))
	// Output: [1 2 3] <nil>
}

func ExampleAtEnd() {
	consumer := iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[int, *int], error) {
		fmt.Println("open")
		iteratee.AtEnd(ctx, func() { fmt.Println("close") })
		return iteratee.Head[int](), nil
	})
	first, err := enumerator.Run(context.Background(), enumerator.Of(1, 2), consumer)
	fmt.Println(*first, err)
	// Output:
	// open
	// close
	// 1 <nil>
}

// Leftovers can be several elements, with the end after them.
func ExampleEls() {
	in := iteratee.Els(1, 2).Then(iteratee.El(3)).Then(iteratee.EOF[int]())
	fmt.Println(in.Els(), in.IsEOF())
	fmt.Println(in.WithoutEOF().IsEOF())
	fmt.Println(iteratee.Els[int]().IsEmpty())
	// Output:
	// [1 2 3] true
	// false
	// true
}

func ExampleFuncs() {
	// A consumer made of closures.
	total := 0
	sink := iteratee.Funcs[int]{Next: func(e int) iteratee.Step {
		total += e
		return iteratee.StepCont
	}}.Sink()
	step := enumerator.Of(1, 2, 3).Into(context.Background(), sink)
	fmt.Println(total, step.IsCont(), sink.EOF() == iteratee.StepDone)
	// Output: 6 true true
}

func ExampleOffer() {
	ctx, end := iteratee.NewRun(context.Background())
	defer end()
	run, _ := iteratee.TakeUpTo[int](2).Start(ctx)
	n, step := iteratee.Offer(run, []int{1, 2, 3})
	fmt.Println(n, step == iteratee.StepDone)
	fmt.Println(iteratee.Finish(run, step))
	// Output:
	// 2 true
	// [1 2] <nil>
}

func ExampleWithResult() {
	// Counts the elements.
	count := iteratee.New(func(context.Context) (iteratee.Running[string, int], iteratee.Step) {
		n := 0
		sink := iteratee.Funcs[string]{Next: func(string) iteratee.Step {
			n++
			return iteratee.StepCont
		}}.Sink()
		return iteratee.WithResult(sink, func() (int, error) { return n, nil }), iteratee.StepCont
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("a", "b"), count))
	// Output: 2 <nil>
}

func ExampleIteratee_Start() {
	ctx, end := iteratee.NewRun(context.Background())
	defer end()
	run, step := iteratee.TakeUpTo[int](2).Start(ctx)
	for e := 1; step.IsCont(); e++ {
		step = run.Next(e)
	}
	fmt.Println(run.Result())

	_, step = iteratee.TakeUpTo[int](0).Start(ctx)
	fmt.Println(step == iteratee.StepDone) // without any element
	// Output:
	// [1 2] <nil>
	// true
}

func ExampleEnded() {
	// Consumes nothing: it puts an element before those of the source.
	early := iteratee.New(func(context.Context) (iteratee.Running[string, int], iteratee.Step) {
		sink := iteratee.Ended(iteratee.StepDone, iteratee.El("first"))
		return iteratee.WithResult(sink, func() (int, error) { return 7, nil }), iteratee.StepDone
	})
	all := iteratee.FlatMap(early, func(int) iteratee.Iteratee[string, []string] { return iteratee.Collect[string]() })
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("second"), all))
	// Output: [first second] <nil>
}

func ExampleFinish() {
	ctx, end := iteratee.NewRun(context.Background())
	defer end()
	run, _ := iteratee.Count[string]().Start(ctx)
	step := run.Next("kiki")
	fmt.Println(iteratee.Finish(run, step)) // sends EOF

	run, step = iteratee.Error[string, int](errors.New("no such table"), iteratee.Empty[string]()).Start(ctx)
	fmt.Println(iteratee.Finish(run, step))
	// Output:
	// 1 <nil>
	// 0 no such table
}

func ExampleGo() {
	// Adds numbers in another goroutine.
	sum := iteratee.New(func(ctx context.Context) (iteratee.Running[int, int], iteratee.Step) {
		in, result := make(chan int), make(chan int, 1)
		iteratee.Go(ctx, func(ctx context.Context) {
			total := 0
			defer func() { result <- total }()
			for {
				select {
				case <-ctx.Done():
					return
				case e, ok := <-in:
					if !ok {
						return
					}
					total += e
				}
			}
		})
		closeIn := sync.OnceFunc(func() { close(in) })
		sink := iteratee.Funcs[int]{
			Next: func(e int) iteratee.Step {
				select {
				case <-ctx.Done():
				case in <- e:
				}
				return iteratee.Cancelled(ctx)
			},
			EOF: func() iteratee.Step {
				closeIn()
				return iteratee.StepDone
			},
		}.Sink()
		return iteratee.WithResult(sink, func() (int, error) { return <-result, nil }), iteratee.StepCont
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), sum))
	// Output: 6 <nil>
}

func ExampleCancelled() {
	ctx, cancel := context.WithCancelCause(context.Background())
	fmt.Println(iteratee.Cancelled(ctx) == iteratee.StepCont)
	cancel(errors.New("the user has left"))
	fmt.Println(iteratee.Cancelled(ctx).Err())
	// Output:
	// true
	// the user has left
}

func ExampleStepError() {
	positive := iteratee.Funcs[int]{Next: func(e int) iteratee.Step {
		if e < 0 {
			return iteratee.StepError(fmt.Errorf("%d is negative", e))
		}
		return iteratee.StepCont
	}}.Sink()
	step := enumerator.Of(1, -2, 3).Into(context.Background(), positive)
	fmt.Println(step.Err())
	// Output: -2 is negative
}

func ExampleEl() {
	in := iteratee.El("kiki")
	e, ok := in.El()
	fmt.Println(e, ok, in.IsEOF())
	// Output: kiki true false
}

func ExampleEOF() {
	in := iteratee.EOF[string]()
	_, ok := in.El()
	fmt.Println(ok, in.IsEOF(), in.IsEmpty())
	// Output: false true false
}

func ExampleEmpty() {
	in := iteratee.Empty[string]()
	_, ok := in.El()
	fmt.Println(ok, in.IsEOF(), in.IsEmpty())
	// Output: false false true
}
