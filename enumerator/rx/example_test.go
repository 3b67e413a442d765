package rx_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reactivex/rxgo/v2"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/rx"
	"github.com/halley-go/halley/iteratee"
)

func ExampleFromObservable() {
	e := rx.FromObservable[int](rxgo.Range(1, 1000))
	fmt.Println(enumerator.Run(context.Background(), e, iteratee.TakeUpTo[int](3)))
	// Output: [1 2 3] <nil>
}

func ExampleToObservable() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // Take stops early; the run of the source ends with the context

	naturals := enumerator.Unfold(1, func(n int) (int, int, bool) { return n, n + 1, true })
	o := rx.ToObservable(naturals, rxgo.WithContext(ctx))
	fmt.Println(o.Take(3).ToSlice(0))
	// Output: [1 2 3] <nil>
}

func ExampleLift() {
	add := func(_ context.Context, sum, n any) (any, error) {
		if sum == nil {
			return n, nil
		}
		return sum.(int) + n.(int), nil
	}
	pairs := rx.Lift[[]any](enumerator.Of(1, 2, 3, 4, 5), func(o rxgo.Observable) rxgo.Observable {
		return o.Scan(add).BufferWithCount(2)
	})
	fmt.Println(enumerator.Run(context.Background(), pairs, iteratee.Collect[[]any]()))
	// Output: [[1 3] [6 10] [15]] <nil>
}

func ExampleLift_retry() {
	attempts := 0
	source := enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		if attempts++; attempts == 3 {
			return enumerator.Of(1, 2, 3), nil
		}
		lost := enumerator.Generate(func(context.Context) (int, bool, error) {
			return 0, false, errors.New("the connection is lost")
		})
		return enumerator.Of(1).AndThen(lost), nil
	})
	e := rx.Lift[int](source, func(o rxgo.Observable) rxgo.Observable {
		return o.Retry(5, func(error) bool { return true })
	})
	fmt.Println(enumerator.Run(context.Background(), e, iteratee.Collect[int]()))
	// Output: [1 1 1 2 3] <nil>
}
