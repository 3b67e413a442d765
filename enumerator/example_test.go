package enumerator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func ExampleTimer() {
	soon := enumerator.Map(enumerator.Timer(time.Millisecond), func(time.Time) string { return "now" })
	show(soon)
	// Output: now
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
	half := enumerator.Apply(ctx, enumerator.Of(1, 2), sum) // without EOF, so the Iteratee can continue
	fmt.Println(enumerator.Run(ctx, enumerator.Of(3, 4), half))
	// Output: 10 <nil>
}

func ExampleAll() {
	naturals := enumerator.Unfold(1, func(n int) (int, int, bool) { return n, n + 1, true })
	for n, err := range enumerator.All(context.Background(), naturals) {
		if err != nil || n > 3 {
			break // also ends the source
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
	// Each run opens the source and closes it, however the run ends.
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

func ExampleMap() {
	show(enumerator.Map(enumerator.Of(1, 2, 3), func(e int) int { return 2 * e }))
	// Output: 2 4 6
}

func ExampleFlatMap() {
	tens := enumerator.FlatMap(enumerator.Of(10, 20, 30), func(from int) enumerator.Enumerator[int] {
		return enumerator.Unfold(from, func(n int) (int, int, bool) { return n, n + 1, n < from+10 })
	})
	sum := iteratee.Fold(0, func(a, e int) int { return a + e })
	fmt.Println(enumerator.Run(context.Background(), tens, sum))
	// Output: 735 <nil>
}

func ExampleMapFlatten() {
	twice := enumerator.MapFlatten(func(e int) enumerator.Enumerator[int] { return enumerator.Of(e, e) })
	show(enumerator.Through(enumerator.Of(1, 2), twice))
	// Output: 1 1 2 2
}

func ExampleMapInputFlatten() {
	doubled := enumerator.MapInputFlatten(func(in iteratee.Input[int]) enumerator.Enumerator[int] {
		if e, ok := in.El(); ok {
			return enumerator.Of(2 * e)
		}
		return enumerator.Of(99) // at the end
	})
	show(enumerator.Through(enumerator.Of(1, 2), doubled))
	// Output: 2 4 99
}

func ExampleHeading() {
	show(enumerator.Through(enumerator.Of(1, 2), enumerator.Heading(enumerator.Of(8, 9))))
	// Output: 8 9 1 2
}

func ExampleTrailing() {
	show(enumerator.Through(enumerator.Of(1, 2), enumerator.Trailing(enumerator.Of(8, 9))))
	// Output: 1 2 8 9
}

func ExampleOnDoneEnumerating() {
	naturals := enumerator.Unfold(1, func(n int) (int, int, bool) { return n, n + 1, true })
	closing := enumerator.OnDoneEnumerating(naturals, func() error {
		fmt.Print("closed ")
		return nil
	})
	show(enumerator.Through(closing, enumeratee.Take[int](3)))
	// Output: 1 2 3 closed
}

func ExampleFromInput() {
	in := iteratee.El(1).Then(iteratee.El(2))
	for _, in := range []iteratee.Input[int]{in, in.Then(iteratee.EOF[int]())} {
		e := enumerator.FromInput(in).AndThen(enumerator.Of(3))
		fmt.Println(enumerator.Run(context.Background(), e, iteratee.Collect[int]()))
	}
	// Output:
	// [1 2 3] <nil>
	// [1 2] <nil>
}

func ExampleFromCallback() {
	n := 0
	show(enumerator.FromCallback(
		func(_ context.Context, first bool) (string, bool, error) {
			n++
			return fmt.Sprintf("(%t,%d)", first, n), n <= 3, nil
		},
		func() { fmt.Print("complete ") },
		func(err error) { fmt.Print("failed: ", err) },
	))
	// Output: (true,1) (false,2) (false,3) complete
}

func ExampleDefer() {
	// Each run has a counter of its own.
	countdown := enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		n := 4
		return enumerator.Generate(func(context.Context) (int, bool, error) { n--; return n, n > 0, nil }), nil
	})
	show(countdown.AndThen(countdown))
	// Output: 3 2 1 3 2 1
}

func ExampleFromChan() {
	queue := make(chan string, 2)
	queue <- "a"
	queue <- "b"
	close(queue)
	show(enumerator.FromChan(queue))
	// Output: a b
}

func ExampleUnfoldM() {
	pages := [][]string{{"a", "b"}, {"c"}}
	get := func(_ context.Context, page int) ([]string, error) { return pages[page], nil }
	show(enumerator.UnfoldM(0, func(ctx context.Context, page int) ([]string, int, bool, error) {
		if page == len(pages) {
			return nil, 0, false, nil
		}
		items, err := get(ctx, page)
		return items, page + 1, true, err
	}))
	// Output: [a b] [c]
}

func ExampleRepeat() {
	n := 0
	counter := enumerator.Repeat(func() int { n++; return n })
	show(enumerator.Through(counter, enumeratee.Take[int](3)))
	// Output: 1 2 3
}

func ExampleRepeatM() {
	n := 0
	counter := enumerator.RepeatM(func(context.Context) (int, error) {
		if n++; n == 4 {
			return 0, errors.New("no more than three")
		}
		return n, nil
	})
	show(counter)
	// Output: 1 2 3 no more than three
}

func ExampleFromReader() {
	chunks := enumerator.FromReader(strings.NewReader("abcdefgh"), 3)
	show(enumerator.Map(chunks, func(chunk []byte) string { return string(chunk) }))
	// Output: abc def gh
}

func ExampleNever() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := enumerator.Run(ctx, enumerator.Never[string](), iteratee.Head[string]())
	fmt.Println(err)
	// Output: context deadline exceeded
}

func ExampleFromReaderReuse() {
	chunks := enumerator.FromReaderReuse(strings.NewReader("abcdefgh"), 3)
	size := iteratee.Fold(0, func(n int, chunk []byte) int { return n + len(chunk) })
	fmt.Println(enumerator.Run(context.Background(), chunks, size))
	// Output: 8 <nil>
}

func ExampleFromFileReuse() {
	file := enumerator.FromFileReuse(filepath.Join("testdata", "poem.txt"), 64<<10)
	lines := iteratee.Fold(0, func(n int, chunk []byte) int { return n + bytes.Count(chunk, []byte("\n")) })
	fmt.Println(enumerator.Run(context.Background(), file, lines))
	// Output: 2 <nil>
}

func ExampleFromFile() {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "greeting")
	content := enumerator.FromFile(name, 8192) // opened by each run

	_, err = enumerator.Run(context.Background(), content, iteratee.Consume[byte]())
	fmt.Println(errors.Is(err, os.ErrNotExist))
	if err := os.WriteFile(name, []byte("hello"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	all, err := enumerator.Run(context.Background(), content, iteratee.Consume[byte]())
	fmt.Printf("%s %v\n", all, err)
	// Output:
	// true
	// hello <nil>
}

func ExampleFromWriter() {
	written := enumerator.FromWriter(func(w io.Writer) error {
		_, err := fmt.Fprint(w, "FOO")
		if err == nil {
			_, err = fmt.Fprint(w, "bar")
		}
		return err
	})
	all, err := enumerator.Run(context.Background(), written, iteratee.Consume[byte]())
	fmt.Printf("%s %v\n", all, err)
	// Output: FOObar <nil>
}

func ExampleErrStopped() {
	endless := enumerator.FromWriter(func(w io.Writer) error {
		for {
			if _, err := fmt.Fprint(w, "tick"); err != nil {
				fmt.Println(errors.Is(err, enumerator.ErrStopped))
				return err // does not fail the run
			}
		}
	})
	first, err := enumerator.Run(context.Background(), endless, iteratee.Head[[]byte]())
	fmt.Printf("%s %v\n", *first, err)
	// Output:
	// true
	// tick <nil>
}

func ExampleInterleave() {
	// The sources mix in any order, but the elements of each keep their order.
	both := enumerator.Interleave(enumerator.Of(1, 2), enumerator.Of(3, 4))
	all, err := enumerator.Run(context.Background(), both, iteratee.Collect[int]())
	slices.Sort(all)
	fmt.Println(all, err)
	// Output: [1 2 3 4] <nil>
}

func ExampleEnumerator_Into() {
	// Two sources feed one run of a consumer, as with AndThen.
	ctx, end := iteratee.NewRun(context.Background())
	defer end()
	run, step := iteratee.Collect[int]().Start(ctx)
	for _, source := range []enumerator.Enumerator[int]{enumerator.Of(1, 2), enumerator.Of(3)} {
		if step.IsCont() {
			step = source.Into(ctx, run)
		}
	}
	fmt.Println(iteratee.Finish(run, step)) // Into has not sent EOF
	// Output: [1 2 3] <nil>
}
