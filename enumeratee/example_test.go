package enumeratee_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// show prints the elements that adapter makes of es.
func show[From, To any](adapter enumeratee.Enumeratee[From, To], es ...From) {
	got, err := enumerator.Run(context.Background(), enumerator.Through(enumerator.Of(es...), adapter), iteratee.Collect[To]())
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

func ExampleGroupedWhile() {
	// A line that begins with a space continues the line before. A record has at most 100 lines.
	record := iteratee.Map(iteratee.TakeUpTo[string](100), func(lines []string) string { return strings.Join(lines, "") })
	records := enumeratee.GroupedWhile(record, func(_, line string) bool { return strings.HasPrefix(line, " ") })
	show(records, "panic: boom", " at f", " at g", "bye")

	// The sum of the prices of each customer, of rows that are sorted by customer.
	type row struct {
		customer string
		price    int
	}
	total := iteratee.Fold(row{}, func(sum, r row) row { return row{r.customer, sum.price + r.price} })
	totals := enumeratee.GroupedWhile(total, func(last, r row) bool { return r.customer == last.customer })
	show(totals, row{"ann", 1}, row{"ann", 2}, row{"bob", 3})
	// Output:
	// [panic: boom at f at g bye]
	// [{ann 3} {bob 3}]
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
	// Two consumers follow one another. The first is behind an adapter.
	small := enumeratee.Transform(enumeratee.TakeWhile(func(e int) bool { return e < 3 }), iteratee.Collect[int]())
	both := iteratee.FlatMap(small, func(small []int) iteratee.Iteratee[int, string] {
		return iteratee.Map(iteratee.Collect[int](), func(others []int) string { return fmt.Sprint(small, others) })
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3, 4), both))
	// Output: [1 2] [3 4] <nil>
}

// twice is an adapter that hands on each element twice. It holds no elements, so it embeds its Stage for EOF.
type twice struct {
	enumeratee.Stage
	out iteratee.Outlet[string]
}

func (t twice) Next(e string) iteratee.Step {
	if step := t.out.Next(e); !step.IsCont() {
		return step
	}
	return t.out.Next(e)
}

func (t twice) Rest() iteratee.Input[string] { return iteratee.Empty[string]() } // it gives nothing back

func ExampleNew() {
	doubled := enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[string]) (iteratee.Sink[string], iteratee.Step) {
		return twice{stage, out}, iteratee.StepCont
	})
	show(doubled, "hip", "hurray")
	// Output: [hip hip hurray hurray]
}

func ExampleFilterNot() {
	show(enumeratee.FilterNot(func(s string) bool { return len(s) < 4 }), "One", "Two", "Three", "Six")
	// Output: [Three]
}

func ExampleFilterMap() {
	numbers := enumeratee.FilterMap(func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil
	})
	show(numbers, "1", "two", "3")
	// Output: [1 3]
}

func ExampleScanLeft() {
	show(enumeratee.ScanLeft(0, func(total, e int) int { return total + e }), 1, 2, 3, 4)
	// Output: [1 3 6 10]
}

func ExampleDropWhile() {
	show(enumeratee.DropWhile(func(e int) bool { return e < 3 }), 1, 2, 3, 2, 1)
	// Output: [3 2 1]
}

func ExampleBreakE() {
	show(enumeratee.BreakE(func(e int) bool { return e > 2 }), 1, 2, 3, 2, 1)
	// Output: [1 2]
}

func ExampleMapConcat() {
	show(enumeratee.MapConcat(func(s string) []string { return strings.Fields(s) }), "kiki foo", "", "bar")
	// Output: [kiki foo bar]
}

func ExampleMapInput() {
	// Hands on the elements up to the first 3, which ends the stream.
	untilThree := enumeratee.MapInput(func(in iteratee.Input[int]) iteratee.Input[int] {
		if e, _ := in.El(); e == 3 {
			return iteratee.EOF[int]()
		}
		return in
	})
	show(untilThree, 1, 2, 3, 4)
	// Output: [1 2]
}

func ExampleMapInputM() {
	parse := enumeratee.MapInputM(func(_ context.Context, in iteratee.Input[string]) (iteratee.Input[int], error) {
		s, _ := in.El()
		if s == "end" {
			return iteratee.EOF[int](), nil
		}
		n, err := strconv.Atoi(s)
		return iteratee.El(n), err
	})
	show(parse, "1", "2", "end", "3")
	show(parse, "1", "two")
	// Output:
	// [1 2]
	// strconv.Atoi: parsing "two": invalid syntax
}

func ExampleOnEOF() {
	show(enumeratee.OnEOF[int](func(context.Context) error {
		fmt.Println("that was all")
		return nil
	}), 1, 2)
	// Output:
	// that was all
	// [1 2]
}

func ExampleOnDone() {
	closed := enumeratee.OnDone[string](func() { fmt.Println("closed") })
	show(enumeratee.Compose(closed, enumeratee.Take[string](1)), "a", "b")
	parse := enumeratee.MapM(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
	show(enumeratee.Compose(closed, parse), "a")
	// Output:
	// closed
	// [a]
	// closed
	// strconv.Atoi: parsing "a": invalid syntax
}

func ExampleRecover() {
	parse := enumeratee.MapM(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
	lenient := enumeratee.Recover(parse, func(_ context.Context, err error, at iteratee.Input[string]) error {
		fmt.Println("skipped:", at.Els())
		return nil
	})
	show(lenient, "1", "two", "3")
	// Output:
	// skipped: [two]
	// [1 3]
}

func ExampleApplyOn() {
	// The sum goes on where ApplyOn has ended, with elements of another type.
	parse := enumeratee.MapM(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	both := iteratee.Join(iteratee.Map(enumeratee.ApplyOn(parse, sum), func(sum iteratee.Iteratee[int, int]) iteratee.Iteratee[int, int] {
		return iteratee.Feed(context.Background(), sum, iteratee.El(100))
	}))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("1", "2"), both))
	// Output: 103 <nil>
}

func ExampleDefer() {
	// Hands on each element once. Each run has a map of the elements that were seen.
	distinct := enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[string, string], error) {
		seen := map[string]bool{}
		return enumeratee.Filter(func(s string) bool {
			was := seen[s]
			seen[s] = true
			return !was
		}), nil
	})
	show(distinct, "a", "b", "a")
	show(distinct, "a")
	// Output:
	// [a b]
	// [a]
}

func ExampleCompose3() {
	show(enumeratee.Compose3(
		enumeratee.Drop[int](1),
		enumeratee.Filter(func(e int) bool { return e%2 == 0 }),
		enumeratee.Map(func(e int) string { return fmt.Sprintf("<%d>", e) }),
	), 0, 1, 2, 3, 4)
	// Output: [<2> <4>]
}

func ExampleCompose4() {
	inc := enumeratee.Map(func(e int) int { return e + 1 })
	show(enumeratee.Compose4(inc, inc, inc, enumeratee.Take[int](2)), 1, 2, 3)
	// Output: [4 5]
}

func ExampleCompose5() {
	inc := enumeratee.Map(func(e int) int { return e + 1 })
	show(enumeratee.Compose5(inc, inc, inc, inc, enumeratee.Take[int](2)), 1, 2, 3)
	// Output: [5 6]
}

func ExampleCompose6() {
	inc := enumeratee.Map(func(e int) int { return e + 1 })
	show(enumeratee.Compose6(inc, inc, inc, inc, inc, enumeratee.Take[int](2)), 1, 2, 3)
	// Output: [6 7]
}

func ExampleStage_AtEnd() {
	// An adapter that prints when it is opened and closed.
	logged := enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (iteratee.Sink[int], iteratee.Step) {
		fmt.Println("open")
		stage.AtEnd(func() { fmt.Println("close") })
		return enumeratee.PassAlong[int]().Attach(stage, out)
	})
	show(logged, 1, 2)
	// Output:
	// open
	// close
	// [1 2]
}

// words is an adapter that hands on the words of each line.
type words struct {
	enumeratee.Stage
	out       iteratee.Outlet[string]
	cancelled func() iteratee.Step
	end       iteratee.Step
}

func (w *words) Next(line string) iteratee.Step {
	for word := range strings.FieldsSeq(line) {
		if !w.end.IsCont() {
			break
		}
		if w.end = w.out.Next(word); w.end.IsCont() {
			w.end = w.cancelled()
		}
	}
	return w.end
}

func (w *words) Rest() iteratee.Input[string] { return iteratee.Empty[string]() }

// An adapter that makes several values of one element ends between them when the context of the run ends.
func ExampleStage_Cancelled() {
	split := enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[string]) (iteratee.Sink[string], iteratee.Step) {
		return &words{Stage: stage, out: out, cancelled: stage.Cancelled()}, iteratee.StepCont
	})

	ctx, cancel := context.WithCancelCause(context.Background())
	lines := enumerator.Through(enumerator.Of("to be or not to be"), split)
	_, err := enumerator.Run(ctx, lines, iteratee.ForEach(func(_ context.Context, word string) error {
		fmt.Println(word)
		if word == "or" {
			cancel(errors.New("the play is over"))
		}
		return nil
	}))
	fmt.Println(err)
	// Output:
	// to
	// be
	// or
	// the play is over
}

func ExampleEnumeratee_Attach() {
	ctx, end := iteratee.NewRun(context.Background())
	defer end()
	consumer, _ := iteratee.Collect[[]int]().Start(ctx)
	pairs, step := enumeratee.Grouped(iteratee.TakeUpTo[int](2)).Attach(enumeratee.NewStage(ctx), consumer)
	for e := 1; e <= 3 && step.IsCont(); e++ {
		step = pairs.Next(e)
	}
	pairs.EOF() // hands on [3]
	fmt.Println(iteratee.Finish(consumer, iteratee.StepCont))
	// Output: [[1 2] [3]] <nil>
}

func ExampleEnumeratee_Drive() {
	// Through is made in this way.
	three := enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		return enumeratee.Take[int](3).Drive(ctx, sink, enumerator.Range(1, 10).Into)
	})
	fmt.Println(enumerator.Run(context.Background(), three.AndThen(enumerator.Of(99)), iteratee.Collect[int]()))
	// Output: [1 2 3 99] <nil>
}

func ExampleNewStage() {
	// The Stop of the Stage tells whether the adapter has stopped or its consumer is done.
	for n := 1; n <= 3; n++ {
		ctx, end := iteratee.NewRun(context.Background())
		consumer, _ := iteratee.TakeUpTo[int](n).Start(ctx)
		stage := enumeratee.NewStage(ctx)
		two, _ := enumeratee.Take[int](2).Attach(stage, consumer)
		_, step := iteratee.Offer(two, []int{1, 2, 3})
		fmt.Println(step == iteratee.StepDone, step == stage.Stop())
		stage.End()
		end()
	}
	// Output:
	// true false
	// true false
	// false true
}

func ExampleClosable() {
	// For each element n, a source feeds the numbers up to n to the consumer.
	count := enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (iteratee.Sink[int], iteratee.Step) {
		sink, step := enumeratee.Closable(out), iteratee.StepCont
		next := func(n int) iteratee.Step {
			if step.IsCont() {
				step = enumerator.Range(1, n).Into(stage.Context(), sink)
			}
			return step
		}
		return iteratee.Funcs[int]{Next: next, EOF: stage.EOF}.Sink(), step
	})
	show(count, 1, 2, 3)
	// Output: [1 1 2 1 2 3]
}
