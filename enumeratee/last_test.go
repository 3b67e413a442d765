package enumeratee_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestTakeLast(t *testing.T) {
	two := enumeratee.TakeLast[int](2)
	checkEdges(t, map[string]edge{
		"more":       {two, []int{1, 2, 3}, []int{2, 3}, 1, []int{3}, []int{2, 3}},
		"as many":    {two, []int{1, 2}, []int{1, 2}, 2, nil, []int{2}},
		"fewer":      {two, []int{1}, []int{1}, 1, nil, []int{1}},
		"none":       {two, nil, nil, 0, nil, nil},
		"the last 0": {enumeratee.TakeLast[int](0), []int{1, 2}, nil, 0, nil, nil},
		"many":       {enumeratee.TakeLast[int](100), ints(1, 300), ints(201, 300), 99, []int{300}, []int{299, 300}},
	})
	assert.PanicsWithValue(t, "enumeratee: TakeLast: n must not be negative, got -1", func() { enumeratee.TakeLast[int](-1) })
}

func TestDropLast(t *testing.T) {
	two := enumeratee.DropLast[int](2)
	checkEdges(t, map[string]edge{
		"more":       {two, []int{1, 2, 3, 4, 5}, []int{1, 2, 3}, 1, []int{2, 3, 4, 5}, []int{1, 2, 3, 4, 5}},
		"to the end": {two, []int{1, 2, 3}, []int{1}, 1, []int{2, 3}, []int{1, 2, 3}},
		"as many":    {two, []int{1, 2}, nil, 0, nil, nil},
		"none":       {two, nil, nil, 0, nil, nil},
		"the last 0": {enumeratee.DropLast[int](0), []int{1, 2}, []int{1, 2}, 1, []int{2}, []int{1, 2}},
	})
	assert.PanicsWithValue(t, "enumeratee: DropLast: n must not be negative, got -1", func() { enumeratee.DropLast[int](-1) })
}

func TestTakeLastAndDropLastSplitAStream(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, n := someInts(rt, 9), someInt(rt)
		all := append(through(t, enumeratee.DropLast[int](n), in...), through(t, enumeratee.TakeLast[int](n), in...)...)
		assert.Equal(rt, append([]int(nil), in...), all)
	})
}

// The run ends while TakeLast hands on the elements that it holds.
func TestTakeLastNoticesTheEndOfTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var got []int
	cancels := iteratee.Fold(0, func(n, e int) int {
		got = append(got, e)
		cancel(errBoom)
		return n
	})
	_, err := enumerator.Run(ctx, enumerator.Of(1, 2, 3, 4), enumeratee.Transform(enumeratee.TakeLast[int](3), cancels))
	assert.Equal(t, errBoom, err)
	assert.Equal(t, []int{2}, got)
}

// TakeLast does not keep dropped elements in memory, and does not allocate room for a large n in advance.
func TestTakeLastKeepsNoMoreThanN(t *testing.T) {
	collected := make(chan bool, 1)
	source := enumerator.FromSeq(func(yield func(*[1 << 10]byte) bool) {
		first := new([1 << 10]byte)
		runtime.SetFinalizer(first, func(*[1 << 10]byte) { collected <- true })
		ok := yield(first)
		first = nil
		for i := 0; ok && i < 3; i++ {
			ok = yield(new([1 << 10]byte))
		}
		for range 100 {
			runtime.GC()
			select {
			case <-collected:
				collected <- true
				return
			default:
				runtime.Gosched()
			}
		}
	})
	_, err := enumerator.Run(t.Context(), enumerator.Through(source, enumeratee.TakeLast[*[1 << 10]byte](2)), iteratee.Ignore[*[1 << 10]byte]())
	assert.NoError(t, err)
	assert.Len(t, collected, 1)
	assert.Equal(t, []int{1, 2}, through(t, enumeratee.TakeLast[int](1<<40), 1, 2))
}

func TestDefaultIfEmpty(t *testing.T) {
	seven := enumeratee.DefaultIfEmpty(7)
	checkEdges(t, map[string]edge{
		"some": {seven, []int{1, 2}, []int{1, 2}, 1, []int{2}, []int{1, 2}},
		"none": {seven, nil, []int{7}, 1, nil, nil},
	})
	assert.Equal(t, []int{7}, through(t, enumeratee.Compose(enumeratee.Take[int](0), seven), 1, 2), "behind an adapter that stops")
}
