package iteratee_test

import (
	"context"
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

// A round is a run of its own, also if the function of an Iteratee or of an Enumeratee starts one that could
// begin again.
func TestRepeatStartsEachRoundAfresh(t *testing.T) {
	var started, closed int
	next := func() int { started++; return started } // a round takes one element more than the round before
	want := [][]int{{1}, {2, 3}, {4, 5, 6}, {7}}

	type sink = iteratee.Sink[int]
	take, collect := enumeratee.Take[int], iteratee.Collect[int]()
	for name, adapter := range map[string]enumeratee.Enumeratee[int, int]{
		"Defer": enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[int, int], error) { return take(next()), nil }),
		"New": enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (sink, iteratee.Step) {
			return take(next()).Attach(stage, out)
		}),
		"New of a Compose": enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (sink, iteratee.Step) {
			return enumeratee.Compose(take(next()), take(9)).Attach(stage, out)
		}),
		"with something open": enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (sink, iteratee.Step) {
			stage.AtEnd(func() { closed++ })
			return take(next()).Attach(stage, out)
		}),
	} {
		for how, adapter := range map[string]enumeratee.Enumeratee[int, int]{
			"alone":         adapter,
			"behind a Take": enumeratee.Compose(take(9), adapter),
			"before a Take": enumeratee.Compose(adapter, take(9)),
		} {
			started, closed = 0, 0
			assert.Equal(t, want, run(t, iteratee.Repeat(enumeratee.Transform(adapter, collect)), 1, 2, 3, 4, 5, 6, 7), "%s, %s", name, how)
			if name == "with something open" {
				assert.Equal(t, started, closed)
			}
		}
	}
	for name, consumer := range map[string]iteratee.Iteratee[int, []int]{
		"a Transform": iteratee.New(func(ctx context.Context) (iteratee.Running[int, []int], iteratee.Step) {
			return enumeratee.Transform(take(next()), collect).Start(ctx)
		}),
		"a Map": iteratee.New(func(ctx context.Context) (iteratee.Running[int, []int], iteratee.Step) {
			same := func(es []int) []int { return es }
			return iteratee.Map(enumeratee.Transform(take(next()), collect), same).Start(ctx)
		}),
	} {
		started = 0
		assert.Equal(t, want, run(t, iteratee.Repeat(consumer), 1, 2, 3, 4, 5, 6, 7), name)
	}
	set := iteratee.New(func(ctx context.Context) (iteratee.Running[int, map[int]bool], iteratee.Step) {
		return iteratee.Fold(map[int]bool{}, func(set map[int]bool, e int) map[int]bool { set[e] = true; return set }).Start(ctx)
	})
	assert.Equal(t, []map[int]bool{{1: true, 2: true}, {3: true}}, run(t, iteratee.Repeat(enumeratee.Transform(take(2), set)), 1, 2, 3))
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
