package iteratee_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func ExampleToChan() {
	ch := make(chan int)
	go func() {
		defer close(ch)
		_, err := enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), iteratee.ToChan(ch))
		if err != nil {
			fmt.Println(err)
		}
	}()
	for e := range ch {
		fmt.Println(e)
	}
	// Output:
	// 1
	// 2
	// 3
}

func ExampleToWriter() {
	chunks := enumerator.Of([]byte("one\n"), []byte("two\n"))
	n, err := enumerator.Run(context.Background(), chunks, iteratee.ToWriter(os.Stdout))
	fmt.Println(n, err)
	// Output:
	// one
	// two
	// 8 <nil>
}

// A decoder, which asks for its input, reads chunks that a source pushes.
func ExampleRead() {
	rows := iteratee.Read(func(_ context.Context, r io.Reader) ([][]string, error) {
		return csv.NewReader(r).ReadAll()
	})
	chunks := enumerator.Of([]byte("comet,year\nHal"), []byte("ley,1986\n"))
	fmt.Println(enumerator.Run(context.Background(), chunks, rows))
	// Output: [[comet year] [Halley 1986]] <nil>
}
