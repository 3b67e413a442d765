package enumeratee_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func ExampleBuffer() {
	// Buffer reads the source ahead. The elements that Head does not consume are not lost.
	first := enumeratee.Transform(enumeratee.Buffer[int](10), iteratee.Head[int]())
	all := iteratee.FlatMap(first, func(first *int) iteratee.Iteratee[int, string] {
		return iteratee.Map(iteratee.Collect[int](), func(others []int) string { return fmt.Sprint(*first, others) })
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(1, 2, 3, 4), all))
	// Output: 1 [2 3 4] <nil>
}

func ExampleBufferFunc() {
	// Chunks of up to 64 KiB together wait.
	buffer := enumeratee.BufferFunc(64<<10, func(chunk string) int { return len(chunk) })
	show(buffer, "kiki", "foo")
	// Output: [kiki foo]
}

func ExampleBufferOrFail() {
	// The consumer works on 1 until the run fails. The buffer holds 2 and 3. It is full when 4 comes.
	failed := make(chan struct{})
	source := enumerator.OnDoneEnumerating(enumerator.Of(1, 2, 3, 4), func() error { close(failed); return nil })
	stuck := iteratee.ForEach(func(context.Context, int) error { <-failed; return nil })
	_, err := enumerator.Run(context.Background(), source, enumeratee.Transform(enumeratee.BufferOrFail[int](2), stuck))
	fmt.Println(errors.Is(err, enumeratee.ErrOverflow))
	// Output: true
}

// whenTheSourceHasEnded runs adapter before a consumer that is busy with its first element until all of es have
// come.
func whenTheSourceHasEnded(adapter enumeratee.Enumeratee[int, int], es ...int) {
	ended := make(chan struct{})
	source := enumerator.OnDoneEnumerating(enumerator.Of(es...), func() error { close(ended); return nil })
	slow := enumeratee.Map(func(e int) int { <-ended; return e })
	fmt.Println(enumerator.Run(context.Background(), source, enumeratee.Transform(enumeratee.Compose(adapter, slow), iteratee.Collect[int]())))
}

func ExampleConflate() {
	whenTheSourceHasEnded(enumeratee.Conflate(func(waiting, e int) int { return waiting + e }), 1, 2, 3, 4)
	// Output: [1 9] <nil>
}

func ExampleConflate_newest() {
	whenTheSourceHasEnded(enumeratee.Conflate(func(_, e int) int { return e }), 1, 2, 3, 4)
	// Output: [1 4] <nil>
}

func ExampleDropInputIfNotReady() {
	whenTheSourceHasEnded(enumeratee.DropInputIfNotReady[int](0), 1, 2, 3, 4)
	// Output: [1] <nil>
}

func ExampleLazyAndErrIfNotReady() {
	whenTheSourceHasEnded(enumeratee.LazyAndErrIfNotReady[int](time.Hour), 1)
	whenTheSourceHasEnded(enumeratee.LazyAndErrIfNotReady[int](0), 1, 2)
	// Output:
	// [1] <nil>
	// [] enumeratee: LazyAndErrIfNotReady: the consumer is not ready within 0s
}

func ExampleMapConcurrent() {
	// Up to three calls at once. A real function would ask a server, for example.
	double := enumeratee.MapConcurrent(3, func(_ context.Context, e int) (int, error) { return 2 * e, nil })
	show(double, 1, 2, 3, 4, 5)
	// Output: [2 4 6 8 10]
}

func ExampleMapConcurrentUnordered() {
	double := enumeratee.MapConcurrentUnordered(3, func(_ context.Context, e int) (int, error) { return 2 * e, nil })
	tell := iteratee.ForEach(func(_ context.Context, e int) error {
		fmt.Println(e)
		return nil
	})
	if _, err := enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), enumeratee.Transform(double, tell)); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// 6
	// 2
	// 4
}
