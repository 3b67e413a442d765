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
	// All come within the hour that begins with the first.
	show(enumeratee.Throttle[int](time.Hour), 1, 2, 3)
	// Output: [1]
}

func ExampleDebounce() {
	// None is followed by an hour without another, and the last by the end.
	show(enumeratee.Debounce[int](time.Hour), 1, 2, 3)
	// Output: [3]
}

func ExampleSample() {
	// The end comes before the first hour has passed.
	show(enumeratee.Sample[int](time.Hour), 1, 2, 3)
	// Output: [3]
}

func ExampleGroupedWithin() {
	// Two at a time, or fewer if the second has not come within an hour.
	show(enumeratee.GroupedWithin[int](2, time.Hour), 1, 2, 3, 4, 5)
	// Output: [[1 2] [3 4] [5]]
}

func ExampleTimeout() {
	source := enumerator.Of(1, 2).AndThen(enumerator.FromChan(make(chan int))) // then nothing more comes
	_, err := enumerator.Run(context.Background(), enumerator.Through(source, enumeratee.Timeout[int](time.Millisecond)), iteratee.Collect[int]())
	fmt.Println(errors.Is(err, enumeratee.ErrTimeout))
	// Output: true
}

func ExampleDelay() {
	show(enumeratee.Delay[int](time.Millisecond), 1, 2, 3)
	// Output: [1 2 3]
}
