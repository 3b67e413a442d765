package iteratee_test

import (
	"context"
	"fmt"
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
