package enumeratee_test

import (
	"context"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

func ExampleAsync() {
	// The loop decides which elements it hands on, and when. This one hands on only the last, at the end.
	last := enumeratee.Async(func(ctx context.Context, in <-chan string, out iteratee.Outlet[string]) iteratee.Step {
		var held string
		for {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case e, ok := <-in:
				if !ok {
					return out.Next(held)
				}
				held = e
			}
		}
	})
	show(last, "one", "two", "three")
	// Output: [three]
}
