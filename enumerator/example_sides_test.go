package enumerator_test

import (
	"context"
	"fmt"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// A channel that is closed ends the stream, also while that waits.
func ExampleTakeUntil() {
	closing := make(chan struct{})
	numbers := enumerator.Range(1, 3).AndThen(enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		close(closing)
		return enumerator.Never[int](), nil
	}))
	show(enumerator.TakeUntil(numbers, enumerator.FromChan(closing)))
	// Output: 1 2 3
}

// The elements before the first client are dropped.
func ExampleDropUntil() {
	client := make(chan string)
	ticks := enumerator.Of("a", "b").AndThen(enumerator.Defer(func(context.Context) (enumerator.Enumerator[string], error) {
		close(client)
		return enumerator.Repeat(func() string { return "c" }), nil
	}))
	fmt.Println(enumerator.Run(context.Background(), enumerator.DropUntil(ticks, enumerator.FromChan(client)), iteratee.TakeUpTo[string](2)))
	// Output: [c c] <nil>
}

func ExampleZip() {
	places := enumerator.Of("first", "second", "third")
	names := enumerator.Of("Halley", "Encke")
	for pair, err := range enumerator.All(context.Background(), enumerator.Zip(places, names)) {
		fmt.Println(pair.First, pair.Second, err)
	}
	// Output:
	// first Halley <nil>
	// second Encke <nil>
}

func ExampleZipWith() {
	show(enumerator.ZipWith(enumerator.Of(1, 2, 3), enumerator.Of(10, 20, 30), func(a, b int) int { return a + b }))
	// Output: 11 22 33
}

// The unit comes early or late, so there are one to three combinations. The last of them is always the same.
func ExampleCombineLatest() {
	temperatures := enumerator.Of(19, 20, 21)
	units := enumerator.Of("°C")
	all, err := enumerator.Run(context.Background(),
		enumerator.CombineLatest(temperatures, units, func(t int, unit string) string { return fmt.Sprint(t, unit) }),
		iteratee.Collect[string]())
	fmt.Println(all[len(all)-1], err)
	// Output: 21°C <nil>
}

// Orders come once there is a price.
func ExampleWithLatestFrom() {
	priced := make(chan struct{})
	prices := enumerator.Of(100).AndThen(enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		close(priced)
		return enumerator.Never[int](), nil
	}))
	orders := enumerator.Defer(func(context.Context) (enumerator.Enumerator[string], error) {
		<-priced
		return enumerator.Of("tea", "jam"), nil
	})
	for line, err := range enumerator.All(context.Background(), enumerator.WithLatestFrom(orders, prices, func(order string, price int) string {
		return fmt.Sprint(order, " for ", price)
	})) {
		fmt.Println(line, err)
	}
	// Output:
	// tea for 100 <nil>
	// jam for 100 <nil>
}

// The first mirror that answers is read.
func ExampleRace() {
	slow := enumerator.Never[string]()
	fast := enumerator.Of("to", "be", "or", "not")
	show(enumerator.Race(slow, fast))
	// Output: to be or not
}

// The end of the source is a sample too.
func ExampleSampleBy() {
	clicks := enumerator.Never[struct{}]()
	show(enumerator.SampleBy(enumerator.Of(1, 2, 3), clicks))
	// Output: 3
}

// The pause after a short word has to be longer.
func ExampleDebounceBy() {
	typed := enumerator.Of("h", "ha", "hal")
	pause := func(word string) enumerator.Enumerator[time.Time] {
		return enumerator.Timer(time.Hour / time.Duration(len(word)))
	}
	show(enumerator.DebounceBy(typed, pause))
	// Output: hal
}
