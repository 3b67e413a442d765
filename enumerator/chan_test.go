package enumerator_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
)

func TestFromChan(t *testing.T) {
	filled := func(n int) chan int {
		ch := make(chan int, n)
		for i := range n {
			ch <- i + 1
		}
		return ch
	}
	closed := func(n int) chan int {
		ch := filled(n)
		close(ch)
		return ch
	}
	assert.Nil(t, collect(t, enumerator.FromChan(closed(0))))
	assert.Equal(t, []int{1, 2, 9}, collect(t, enumerator.FromChan(closed(2)).AndThen(enumerator.Of(9))))

	e := enumerator.FromChan(closed(5))
	got, err := seen(t.Context(), e, 1)
	require.NoError(t, err)
	assert.Equal(t, []int{1}, got)
	assert.Equal(t, []int{2, 3}, collect(t, enumerator.Through(e, enumeratee.Take[int](2))), "every received element reaches a consumer")
	assert.Nil(t, collect(t, enumerator.Through(e, enumeratee.Take[int](0))))
	assert.Equal(t, []int{4, 5}, collect(t, e))
	assert.Nil(t, collect(t, e), "the first run has received all elements")

	open := filled(4)
	endsAtOnce(t, enumerator.FromChan(open))
	assert.Len(t, open, 3)
	_, err = enumerator.Run(t.Context(), enumerator.FromChan(open), failsWith(errBoom))
	assert.ErrorIs(t, err, errBoom)
	assert.Len(t, open, 2)
}

func TestFromChanWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endsAfterASecond(t, enumerator.FromChan[int](nil))
		ch := make(chan int, 1)
		ch <- 1
		endsAfterASecond(t, enumerator.FromChan(ch), 1)
	})
	synctest.Test(t, func(t *testing.T) { // runs of one channel share its elements
		ch := make(chan int)
		e := enumerator.FromChan(ch)
		var all []int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				got, err := seen(t.Context(), e, 0)
				assert.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, got...)
			})
		}
		for i := range 50 {
			ch <- i
		}
		close(ch)
		wg.Wait()
		assert.ElementsMatch(t, numbers(50), all)
	})
}
