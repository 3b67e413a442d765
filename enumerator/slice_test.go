package enumerator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestOfKeepsACopy(t *testing.T) {
	es := []int{1, 2, 3}
	e := enumerator.Of(es...)
	es[0] = 9
	assert.Equal(t, []int{1, 2, 3}, collect(t, e))
}

func TestFromSliceStopsAtEachElement(t *testing.T) {
	// n goes past the size of a batch. Each adapter makes the consumer take elements in another way.
	es := make([]int, 300)
	for i := range es {
		es[i] = i
	}
	inc := enumeratee.Map(func(e int) int { return e + 1 })
	for n := range len(es) + 1 {
		for name, tr := range map[string]enumeratee.Enumeratee[int, int]{
			"one by one": enumeratee.Take[int](n),
			"mapped":     enumeratee.Compose(inc, enumeratee.Take[int](n)),
			"filtered":   enumeratee.Compose(enumeratee.Filter(func(int) bool { return true }), enumeratee.Take[int](n)),
		} {
			rest, err := enumerator.Run(t.Context(), enumerator.FromSlice(es), iteratee.FlatMap(
				enumeratee.Transform(tr, iteratee.Ignore[int]()),
				func(struct{}) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() }))
			require.NoError(t, err)
			require.Len(t, rest, len(es)-n, name)
		}
	}
}

func TestFromInput(t *testing.T) {
	el, eof := iteratee.El[int], iteratee.EOF[int]()
	for name, c := range map[string]struct {
		in   iteratee.Input[int]
		n    int
		want []int
		next int // the number of starts of the next source
	}{
		"empty":                      {iteratee.Empty[int](), 0, []int{1}, 1},
		"an element":                 {el(7), 0, []int{7, 1}, 1},
		"several":                    {el(7).Then(el(8)), 0, []int{7, 8, 1}, 1},
		"EOF":                        {eof, 0, nil, 0},
		"several and EOF":            {el(7).Then(el(8)).Then(eof), 0, []int{7, 8}, 0},
		"a consumer done before":     {el(7).Then(el(8)), 1, []int{7}, 0},
		"a consumer done at the end": {el(7).Then(el(8)), 2, []int{7, 8}, 0},
		"a consumer done after EOF":  {el(7).Then(eof), 2, []int{7}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			next := &probe.Source{N: 1}
			e := enumerator.FromInput(c.in).AndThen(next.Enumerator())
			for run := 1; run <= 2; run++ {
				got, err := seen(t.Context(), e, c.n)
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				assert.EqualValues(t, run*c.next, next.Starts.Load())
			}
		})
	}

	consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
	_ = enumerator.Apply(t.Context(), enumerator.FromInput(el(7)), consumer.Iteratee())
	assert.Zero(t, consumer.EOFs.Load())
	_ = enumerator.Apply(t.Context(), enumerator.FromInput(el(7).Then(eof)), consumer.Iteratee())
	assert.EqualValues(t, 1, consumer.EOFs.Load())
	_, err := enumerator.Run(t.Context(), enumerator.FromInput(el(7).Then(eof)), failsWith(errBoom))
	assert.ErrorIs(t, err, errBoom)
}
