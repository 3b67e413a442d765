package iteratee_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestRepeat(t *testing.T) {
	two := enumeratee.Transform(enumeratee.Take[int](2), iteratee.Collect[int]())
	assert.Equal(t, [][]int{{1, 2}, {3}}, run(t, iteratee.Repeat(two), 1, 2, 3))
	assert.Equal(t, [][]int{{1, 2}, {3, 4}}, run(t, iteratee.Repeat(two), 1, 2, 3, 4), "no ghost round")
	assert.Nil(t, run(t, iteratee.Repeat(two)))
}

func TestRepeatStartsARoundWithTheLeftoversOfTheLast(t *testing.T) {
	// Groups numbers of the same sign. Each group leaves over the first number of the next.
	run1 := iteratee.FlatMap(iteratee.Head[int](), func(first *int) iteratee.Iteratee[int, []int] {
		same := enumeratee.TakeWhile(func(e int) bool { return e > 0 == (*first > 0) })
		return iteratee.Map(enumeratee.Transform(same, iteratee.Collect[int]()), func(es []int) []int { return append([]int{*first}, es...) })
	})
	assert.Equal(t, [][]int{{1, 2}, {-3, -4}, {5}}, run(t, iteratee.Repeat(run1), 1, 2, -3, -4, 5))
}

func TestRepeatWithoutProgressFails(t *testing.T) {
	for name, consumer := range map[string]ints{
		"done from the start": iteratee.Done(1, iteratee.Empty[int]()),
		"puts all back":       peek(),
		"adds something":      iteratee.Done(1, iteratee.El(1)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := enumerator.Run(t.Context(), enumerator.Of(1, 2), iteratee.Repeat(consumer))
			assert.ErrorIs(t, err, iteratee.ErrNoProgress)
		})
	}
	assert.Nil(t, run(t, iteratee.Repeat(peek())), "without an element there is no round")
}

func TestRepeatConsumesChunksByParts(t *testing.T) {
	letter := iteratee.Cont(func(in iteratee.Input[string]) iteratee.Iteratee[string, string] {
		s, ok := in.El()
		if !ok || len(s) == 1 {
			return iteratee.Done(s, iteratee.Empty[string]())
		}
		return iteratee.Done(s[:1], iteratee.El(s[1:]))
	})
	assert.Equal(t, []string{"a", "b", "c", "d"}, run(t, iteratee.Repeat(letter), "abc", "d"))
}

func TestRepeatKeepsTheErrorOfARound(t *testing.T) {
	consumer := iteratee.FlatMap(head(), func(e int) ints {
		if e == 2 {
			return iteratee.Error[int, int](errBoom, iteratee.Empty[int]())
		}
		return iteratee.Done(e, iteratee.Empty[int]())
	})
	_, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3), iteratee.Repeat(consumer))
	assert.ErrorIs(t, err, errBoom)
}
