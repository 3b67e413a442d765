package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/iteratee"
)

func ExampleRestart() {
	tries := 0
	weather := enumerator.Defer(func(context.Context) (enumerator.Enumerator[string], error) {
		if tries++; tries < 3 {
			return enumerator.Empty[string](), errors.New("no connection")
		}
		return enumerator.Of("fair", "rain"), nil
	})
	for e, err := range enumerator.All(context.Background(), retry.Restart(weather, backoff.WithMaxTries(5), pace)) {
		fmt.Println(e, err)
	}
	// Output:
	// fair <nil>
	// rain <nil>
}

// A log that is asked for what comes after an entry, and breaks off after two.
func ExampleResume() {
	log := []string{"a", "b", "c", "d", "e"}
	breaksOff := enumerator.Generate(func(context.Context) (string, bool, error) { return "", false, errors.New("cut off") })
	after := func(_ context.Context, last string, ok bool) enumerator.Enumerator[string] {
		rest := log
		if ok {
			rest = log[slices.Index(log, last)+1:]
		}
		if len(rest) > 2 {
			return enumerator.FromSlice(rest[:2]).AndThen(breaksOff)
		}
		return enumerator.FromSlice(rest)
	}
	all, err := enumerator.Run(context.Background(), retry.Resume(after, pace), iteratee.Collect[string]())
	fmt.Println(all, err)
	// Output: [a b c d e] <nil>
}

// pace is for examples: it does not wait.
var pace = backoff.WithBackOff(&backoff.ZeroBackOff{})
