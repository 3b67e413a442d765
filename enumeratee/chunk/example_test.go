package chunk_test

import (
	"context"
	"fmt"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/chunk"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// show prints the chunks that adapter hands on, then those left for the next consumer.
func show(adapter enumeratee.Enumeratee[[]byte, []byte], in ...string) {
	chunks := enumerator.Through(enumerator.Of(in...), enumeratee.Map(func(s string) []byte { return []byte(s) }))
	both := iteratee.FlatMap(enumeratee.Transform(adapter, iteratee.Collect[[]byte]()), func(on [][]byte) iteratee.Iteratee[[]byte, string] {
		return iteratee.Map(iteratee.Collect[[]byte](), func(rest [][]byte) string { return fmt.Sprintf("%q then %q", on, rest) })
	})
	fmt.Println(enumerator.Run(context.Background(), chunks, both))
}

func ExampleTake() {
	show(chunk.Take[byte](3), "he", "ybbb", "bbb")
	// Output: ["he" "y"] then ["bbb" "bbb"] <nil>
}

func ExampleTakeUpTo() {
	// A body of at most 1024 bytes. The next consumer finds out whether there is more.
	body := enumeratee.Transform(chunk.TakeUpTo[byte](1024), iteratee.Consume[byte]())
	bounded := iteratee.FlatMap(body, func(body []byte) iteratee.Iteratee[[]byte, string] {
		return iteratee.Map(iteratee.IsEmpty[[]byte](), func(all bool) string { return fmt.Sprint(len(body), " bytes, all: ", all) })
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(make([]byte, 1000), make([]byte, 24)), bounded))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of(make([]byte, 1000), make([]byte, 25)), bounded))
	// Output:
	// 1024 bytes, all: true <nil>
	// 1024 bytes, all: false <nil>
}

func ExampleDrop() {
	show(chunk.Drop[byte](2), "a", "bc", "d")
	// Output: ["c" "d"] then [] <nil>
}

func ExampleSplitOnceAt() {
	show(chunk.SplitOnceAt(func(b byte) bool { return b != 'e' }), "hello", "there")
	// Output: ["h"] then ["llo" "there"] <nil>
}

func ExampleHead() {
	// A byte with the length, then that many bytes.
	frame := iteratee.FlatMap(chunk.Head[byte](), func(n *byte) iteratee.Iteratee[[]byte, string] {
		return iteratee.Map(enumeratee.Transform(chunk.Take[byte](int(*n)), iteratee.Consume[byte]()), func(b []byte) string { return string(b) })
	})
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of([]byte("\x02hi\x05th"), []byte("ere")), iteratee.Repeat(frame)))
	// Output: [hi there] <nil>
}

func ExampleComposeConcat() {
	show(chunk.ComposeConcat(chunk.TakeUpTo[byte](4), chunk.TakeUpTo[byte](2)), "abc", "def")
	// Output: ["ab"] then ["c" "def"] <nil>
}
