package iteratee_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func ExampleLast() {
	last, err := enumerator.Run(context.Background(), enumerator.Of("a", "b", "c"), iteratee.Last[string]())
	fmt.Println(*last, err)
	// Output: c <nil>
}

func ExampleElementAt() {
	e, err := enumerator.Run(context.Background(), enumerator.Of("a", "b", "c"), iteratee.ElementAt[string](1))
	fmt.Println(*e, err)
	e, err = enumerator.Run(context.Background(), enumerator.Of("a"), iteratee.ElementAt[string](1))
	fmt.Println(e, err)
	// Output:
	// b <nil>
	// <nil> <nil>
}

func ExampleCount() {
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("a", "b", "c"), iteratee.Count[string]()))
	// Output: 3 <nil>
}

func ExampleMin() {
	least, err := enumerator.Run(context.Background(), enumerator.Of(3, 1, 2), iteratee.Min[int]())
	fmt.Println(*least, err)
	// Output: 1 <nil>
}

func ExampleMinFunc() {
	byLength := func(a, b string) int { return len(a) - len(b) }
	shortest, err := enumerator.Run(context.Background(), enumerator.Of("four", "one", "two"), iteratee.MinFunc(byLength))
	fmt.Println(*shortest, err)
	// Output: one <nil>
}

func ExampleMax() {
	greatest, err := enumerator.Run(context.Background(), enumerator.Of(1, 3, 2), iteratee.Max[int]())
	fmt.Println(*greatest, err)
	// Output: 3 <nil>
}

func ExampleMaxFunc() {
	ignoringCase := func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }
	greatest, err := enumerator.Run(context.Background(), enumerator.Of("a", "B"), iteratee.MaxFunc(ignoringCase))
	fmt.Println(*greatest, err)
	// Output: B <nil>
}

func ExampleConsumeString() {
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of("Guillaume", "Sadek"), iteratee.ConsumeString[string]()))
	fmt.Println(enumerator.Run(context.Background(), enumerator.Of([]byte("caf\xc3"), []byte("\xa9")), iteratee.ConsumeString[[]byte]()))
	// Output:
	// GuillaumeSadek <nil>
	// café <nil>
}
