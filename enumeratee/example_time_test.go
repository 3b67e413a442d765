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

func ExampleThrottle() {
	// All elements come within an hour of the first.
	show(enumeratee.Throttle[int](time.Hour), 1, 2, 3)
	// Output: [1]
}

func ExampleDebounce() {
	// 2 and 3 come within an hour of the element before. The end follows 3.
	show(enumeratee.Debounce[int](time.Hour), 1, 2, 3)
	// Output: [3]
}

func ExampleSample() {
	// The end comes before the first hour has passed.
	show(enumeratee.Sample[int](time.Hour), 1, 2, 3)
	// Output: [3]
}

func ExampleGroupedWithin() {
	// Groups of two, or of one if the second does not come within an hour.
	show(enumeratee.GroupedWithin[int](2, time.Hour), 1, 2, 3, 4, 5)
	// Output: [[1 2] [3 4] [5]]
}

func ExampleTimeout() {
	source := enumerator.Of(1, 2).AndThen(enumerator.FromChan(make(chan int))) // the channel never has an element
	_, err := enumerator.Run(context.Background(), enumerator.Through(source, enumeratee.Timeout[int](time.Millisecond)), iteratee.Collect[int]())
	fmt.Println(errors.Is(err, enumeratee.ErrTimeout))
	// Output: true
}

func ExampleDelay() {
	show(enumeratee.Delay[int](time.Millisecond), 1, 2, 3)
	// Output: [1 2 3]
}
