package enumeratee_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestTimeoutFirst(t *testing.T) {
	five := enumeratee.TimeoutFirst[int](5 * time.Second)
	checkTimes(t, map[string]timing[int]{
		"nothing":                            {five, []int{4}, 0, nil, 4},
		"in time":                            {five, []int{4, 8, 12}, 0, []seen[int]{{1, 4}, {2, 8}}, 12},
		"only the first is timed":            {five, []int{4, 100, 300}, 0, []seen[int]{{1, 4}, {2, 100}}, 300},
		"the consumer's time does not count": {five, []int{1, 2, 3}, time.Minute, []seen[int]{{1, 1}, {2, 61}}, 121},
	})
	bubbles(t, map[string]func(*testing.T){
		"too late": func(t *testing.T) {
			_, err := enumerator.Run(t.Context(), enumerator.Through(at(6, 6), five), iteratee.Collect[int]())
			assert.ErrorIs(t, err, enumeratee.ErrTimeout)
		},
		"no first, and no end": func(t *testing.T) {
			passed := since()
			_, err := enumerator.Run(t.Context(), enumerator.Through(stuck(0), five), iteratee.Collect[int]())
			assert.EqualError(t, err, "enumeratee: timeout: no element came within 5s")
			assert.Equal(t, 5*time.Second, passed())
		},
	})
	assert.PanicsWithValue(t, "enumeratee: TimeoutFirst: d must be positive, got 0s", func() { enumeratee.TimeoutFirst[int](0) })
}

func ExampleTimeoutFirst() {
	source := enumerator.FromChan(make(chan int)) // nothing comes
	_, err := enumerator.Run(context.Background(), enumerator.Through(source, enumeratee.TimeoutFirst[int](time.Millisecond)), iteratee.Ignore[int]())
	fmt.Println(errors.Is(err, enumeratee.ErrTimeout))
	// Output: true
}
