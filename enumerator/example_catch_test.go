package enumerator_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// A file that need not exist.
func ExampleCatch() {
	custom := enumerator.FromFile("no such file", 1024)
	hello := enumerator.Catch(custom, func(err error) enumerator.Enumerator[[]byte] {
		if errors.Is(err, fs.ErrNotExist) {
			return enumerator.FromFile("testdata/hello.txt", 1024)
		}
		return enumerator.Throw[[]byte](err)
	})
	text, err := enumerator.Run(context.Background(), hello, iteratee.Consume[byte]())
	fmt.Printf("%q %v\n", text, err)
	// Output: "hello\n" <nil>
}

// Another source takes over if an element takes too long.
func ExampleCatch_timeout() {
	slow := enumerator.Never[string]()
	inTime := enumerator.Through(slow, enumeratee.Timeout[string](time.Millisecond))
	show(enumerator.Catch(inTime, func(err error) enumerator.Enumerator[string] {
		if errors.Is(err, enumeratee.ErrTimeout) {
			return enumerator.Of("from the cache")
		}
		return enumerator.Throw[string](err)
	}))
	// Output: from the cache
}

func ExampleRetry() {
	tries := 0
	weather := enumerator.Defer(func(context.Context) (none enumerator.Enumerator[string], err error) {
		if tries++; tries < 3 {
			return none, errors.New("no connection")
		}
		return enumerator.Of("fair", "rain"), nil
	})
	show(enumerator.Retry(weather, 2))
	// Output: fair rain
}

func ExampleThrow() {
	reports := enumerator.Of("fair", "rain").AndThen(enumerator.Throw[string](errors.New("no more reports")))
	for report, err := range enumerator.All(context.Background(), reports) {
		fmt.Printf("%q %v\n", report, err)
	}
	// Output:
	// "fair" <nil>
	// "rain" <nil>
	// "" no more reports
}

// A log of all that happens.
func ExampleMaterialize() {
	reports := enumerator.Of("fair").AndThen(enumerator.Throw[string](errors.New("no connection")))
	for event := range enumerator.All(context.Background(), enumerator.Materialize(reports)) {
		if event.End {
			fmt.Println("end:", event.Err)
		} else {
			fmt.Println("element:", event.Value)
		}
	}
	// Output:
	// element: fair
	// end: no connection
}

// A record that ends where the stream has ended, and not where the record does.
func ExampleDematerialize() {
	record := enumerator.Of(
		enumerator.Notification[string]{Value: "fair"},
		enumerator.Notification[string]{Value: "rain"},
		enumerator.Notification[string]{End: true},
	)
	show(enumerator.Dematerialize(record))
	// Output: fair rain
}
