package enumerator_test

import (
	"context"
	"fmt"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func ExampleRunPartial() {
	ctx := context.Background()
	message := enumerator.Of("a title", "one", "two")
	title, body, stop, err := enumerator.RunPartial(ctx, message, iteratee.Head[string]())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop() // has no effect once the body has been read
	fmt.Println(*title)
	show(body)
	// Output:
	// a title
	// one two
}

func ExampleJoined() {
	ctx := context.Background()
	consumer, source := enumerator.Joined[string]()
	go enumerator.Run(ctx, enumerator.Of("foo", "bar"), consumer)
	show(source)
	// Output: foo bar
}
