package iteratee_test

import (
	"cmp"
	"context"
	"math"
	"sync"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// of returns the element to which a pointer leads, or -1 for nil.
func of(consumer iteratee.Iteratee[int, *int]) iteratee.Iteratee[int, int] {
	return iteratee.Map(consumer, func(e *int) int {
		if e == nil {
			return -1
		}
		return *e
	})
}

func TestAggregates(t *testing.T) {
	tens := func(a, b int) int { return cmp.Compare(a/10, b/10) }
	for name, c := range map[string]struct {
		consumer iteratee.Iteratee[int, int]
		in       []int
		want     int
		rest     []int
	}{
		"Last":                         {of(iteratee.Last[int]()), []int{3, 1, 2}, 2, nil},
		"Last of one":                  {of(iteratee.Last[int]()), []int{3}, 3, nil},
		"Last of none":                 {of(iteratee.Last[int]()), nil, -1, nil},
		"ElementAt 0":                  {of(iteratee.ElementAt[int](0)), []int{3, 1, 2}, 3, []int{1, 2}},
		"ElementAt the middle":         {of(iteratee.ElementAt[int](1)), []int{3, 1, 2}, 1, []int{2}},
		"ElementAt the last":           {of(iteratee.ElementAt[int](2)), []int{3, 1, 2}, 2, nil},
		"ElementAt beyond the last":    {of(iteratee.ElementAt[int](3)), []int{3, 1, 2}, -1, nil},
		"ElementAt of none":            {of(iteratee.ElementAt[int](0)), nil, -1, nil},
		"Count":                        {iteratee.Count[int](), []int{3, 1, 2}, 3, nil},
		"Count of none":                {iteratee.Count[int](), nil, 0, nil},
		"Min":                          {of(iteratee.Min[int]()), []int{3, 1, 2}, 1, nil},
		"Min of none":                  {of(iteratee.Min[int]()), nil, -1, nil},
		"Max":                          {of(iteratee.Max[int]()), []int{1, 3, 2}, 3, nil},
		"Max of none":                  {of(iteratee.Max[int]()), nil, -1, nil},
		"MinFunc":                      {of(iteratee.MinFunc(tens)), []int{31, 12, 20}, 12, nil},
		"MinFunc of equals":            {of(iteratee.MinFunc(tens)), []int{31, 12, 11}, 12, nil},
		"MinFunc of none":              {of(iteratee.MinFunc(tens)), nil, -1, nil},
		"MaxFunc":                      {of(iteratee.MaxFunc(tens)), []int{12, 31, 20}, 31, nil},
		"MaxFunc of equals":            {of(iteratee.MaxFunc(tens)), []int{12, 31, 39}, 31, nil},
		"MaxFunc of none":              {of(iteratee.MaxFunc(tens)), nil, -1, nil},
		"Last behind Take":             {enumeratee.Transform(enumeratee.Take[int](2), of(iteratee.Last[int]())), []int{3, 1, 2}, 1, []int{2}},
		"ElementAt behind a Take of 0": {enumeratee.Transform(enumeratee.Take[int](0), of(iteratee.ElementAt[int](0))), []int{3}, -1, []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for range 3 { // used several times, and at once
				all.Go(func() {
					assert.Equal(t, pair[int, []int]{c.want, c.rest}, run(t, withRest(c.consumer), c.in...))
				})
			}
			all.Wait()
		})
	}
}

func TestElementAtAsksForNoMoreThanItNeeds(t *testing.T) {
	source := &probe.Source{N: -1}
	_, err := enumerator.Run(t.Context(), source.Enumerator(), iteratee.ElementAt[int](3))
	require.NoError(t, err)
	assert.EqualValues(t, 4, source.Pulls.Load())
	assert.PanicsWithValue(t, "iteratee: ElementAt: n must not be negative, got -1", func() { iteratee.ElementAt[int](-1) })
}

// A pointer belongs to its run. The next element and the next run do not change its element.
func TestAddressesAreKept(t *testing.T) {
	groups := enumeratee.Grouped(enumeratee.Transform(enumeratee.Take[int](2), iteratee.Last[int]()))
	last, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1, 2, 3, 4, 5), groups), iteratee.Collect[*int]())
	require.NoError(t, err)
	require.Len(t, last, 3)
	assert.Equal(t, []int{2, 4, 5}, []int{*last[0], *last[1], *last[2]})
}

func TestMinAndMaxOfFloatsAreThoseOfPackageSlices(t *testing.T) {
	nan := math.NaN()
	for _, in := range [][]float64{{1, nan, 2}, {nan, 1}, {1, nan}} {
		assert.True(t, math.IsNaN(*run(t, iteratee.Min[float64](), in...)))
		assert.True(t, math.IsNaN(*run(t, iteratee.Max[float64](), in...)))
	}
	zero := math.Copysign(0, -1)
	assert.True(t, math.Signbit(*run(t, iteratee.Min[float64](), 0, zero)))
	assert.False(t, math.Signbit(*run(t, iteratee.Max[float64](), zero, 0)))
}

func TestAggregatesOfFailuresAndOfTheEndOfTheContext(t *testing.T) {
	for name, consumer := range map[string]iteratee.Iteratee[int, int]{
		"Last": of(iteratee.Last[int]()), "ElementAt": of(iteratee.ElementAt[int](9)), "Count": iteratee.Count[int](), "Min": of(iteratee.Min[int]()),
	} {
		_, err := enumerator.Run(t.Context(), enumerator.Of(1).AndThen(enumerator.RepeatM(func(context.Context) (int, error) { return 0, errBoom })), consumer)
		assert.Equal(t, errBoom, err, name)
		ctx, cancel := context.WithCancelCause(t.Context())
		_, err = enumerator.Run(ctx, enumerator.Repeat(func() int { cancel(errBoom); return 1 }), consumer)
		assert.Equal(t, errBoom, err, name)
	}
}

func TestConsumeString(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want string
	}{
		{nil, ""}, {[]string{""}, ""}, {[]string{"Guillaume", "", "Sadek"}, "GuillaumeSadek"}, {[]string{"\xc3", "\xa9\xff"}, "\xc3\xa9\xff"},
	} {
		var bytes [][]byte
		for _, s := range c.in {
			bytes = append(bytes, []byte(s))
		}
		for range 2 {
			assert.Equal(t, c.want, run(t, iteratee.ConsumeString[string](), c.in...))
			assert.Equal(t, c.want, run(t, iteratee.ConsumeString[[]byte](), bytes...))
		}
	}
	type word string
	assert.Equal(t, "ab", run(t, iteratee.ConsumeString[word](), "a", "b"))
}

// The chunks may be reused, because the string does not share their memory.
func TestConsumeStringKeepsNoChunk(t *testing.T) {
	assert.NoError(t, quick.Check(func(chunks [][]byte) bool {
		memory, want := make([]byte, 0, 1000), ""
		again := enumeratee.Map(func(chunk []byte) []byte {
			clear(memory)
			memory = append(memory[:0], chunk...)
			want += string(chunk)
			return memory
		})
		return run(t, enumeratee.Transform(again, iteratee.ConsumeString[[]byte]()), chunks...) == want
	}, nil))
}

func TestAggregatesAllocateNothingPerElement(t *testing.T) {
	for name, consumer := range map[string]iteratee.Iteratee[int, int]{
		"Last": of(iteratee.Last[int]()), "ElementAt": of(iteratee.ElementAt[int](1 << 30)), "Count": iteratee.Count[int](), "Min": of(iteratee.Min[int]()), "MaxFunc": of(iteratee.MaxFunc(cmp.Compare[int])),
	} {
		allocs := func(n int) float64 {
			es := make([]int, n)
			return testing.AllocsPerRun(10, func() { enumerator.Run(context.Background(), enumerator.FromSlice(es), consumer) })
		}
		assert.InDelta(t, allocs(100), allocs(1000), 1, name)
	}
}
