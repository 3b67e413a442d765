package enumeratee_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type adapter struct {
	name string
	enumeratee.Enumeratee[int, int]
}

// anAdapter draws adapters, composed up to three deep.
func anAdapter(depth int) *rapid.Generator[adapter] {
	return rapid.Custom(func(t *rapid.T) adapter {
		n := rapid.IntRange(0, 4).Draw(t, "n")
		kinds := 10
		if depth == 0 {
			kinds--
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return adapter{"PassAlong", enumeratee.PassAlong[int]()}
		case 1:
			return adapter{fmt.Sprintf("Map(+%d)", n), enumeratee.Map(func(e int) int { return e + n })}
		case 2:
			return adapter{fmt.Sprintf("MapM(*%d)", n), enumeratee.MapM(func(_ context.Context, e int) (int, error) { return e * n, nil })}
		case 3:
			return adapter{fmt.Sprintf("Filter(%%%d)", n+1), enumeratee.Filter(func(e int) bool { return e%(n+1) == 0 })}
		case 4:
			return adapter{fmt.Sprintf("Take(%d)", n), enumeratee.Take[int](n)}
		case 5:
			return adapter{fmt.Sprintf("TakeWhile(<%d)", n*3), enumeratee.TakeWhile(below(n * 3))}
		case 6:
			return adapter{fmt.Sprintf("Drop(%d)", n), enumeratee.Drop[int](n)}
		case 7:
			return adapter{fmt.Sprintf("Heading(%d)", n), enumeratee.Heading(ints(1, n)...)}
		case 8:
			return adapter{fmt.Sprintf("Grouped(sum of %d)", n+1),
				enumeratee.Grouped(enumeratee.Transform(enumeratee.Take[int](n+1), sum()))}
		}
		a, b := anAdapter(depth-1).Draw(t, "first"), anAdapter(depth-1).Draw(t, "second")
		return adapter{"(" + a.name + " then " + b.name + ")", enumeratee.Compose(a.Enumeratee, b.Enumeratee)}
	})
}

// aConsumer draws consumers that read all, stop early, or leave something over.
func aConsumer() *rapid.Generator[iteratee.Iteratee[int, []int]] {
	return rapid.Custom(func(t *rapid.T) iteratee.Iteratee[int, []int] {
		n := rapid.IntRange(0, 4).Draw(t, "consumes")
		switch rapid.IntRange(0, 2).Draw(t, "consumer") {
		case 0:
			return iteratee.Collect[int]()
		case 1:
			return enumeratee.Transform(enumeratee.Take[int](n), iteratee.Collect[int]())
		}
		return enumeratee.Transform(enumeratee.TakeWhile(below(n*3)), iteratee.Collect[int]())
	})
}

// observed is everything that a test can see of a run.
type observed struct {
	Result, Rest []int
	Pulls        int64
}

// observe runs consumer on 1 to n. The next consumer gets the leftovers.
func observe(t require.TestingT, n int, consumer iteratee.Iteratee[int, []int]) observed {
	source := &probe.Source{N: n}
	var o observed
	result, err := enumerator.Run(context.Background(), source.Enumerator(), iteratee.FlatMap(consumer, func(got []int) iteratee.Iteratee[int, []int] {
		o.Pulls, o.Result = source.Pulls.Load(), got
		return iteratee.Collect[int]()
	}))
	require.NoError(t, err)
	o.Rest = result
	return o
}

func TestComposeIsAssociativeWithPassAlongAsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "elements")
		a, b, c := anAdapter(1).Draw(t, "a"), anAdapter(1).Draw(t, "b"), anAdapter(1).Draw(t, "c")
		consumer := aConsumer().Draw(t, "it")
		see := func(adapter enumeratee.Enumeratee[int, int]) observed {
			return observe(t, n, enumeratee.Transform(adapter, consumer))
		}

		want := see(enumeratee.Compose(enumeratee.Compose(a.Enumeratee, b.Enumeratee), c.Enumeratee))
		assert.Equal(t, want, see(enumeratee.Compose(a.Enumeratee, enumeratee.Compose(b.Enumeratee, c.Enumeratee))))

		pass := enumeratee.PassAlong[int]()
		assert.Equal(t, see(a.Enumeratee), see(enumeratee.Compose(pass, a.Enumeratee)), "left identity of %s", a.name)
		assert.Equal(t, see(a.Enumeratee), see(enumeratee.Compose(a.Enumeratee, pass)), "right identity of %s", a.name)
	})
}

func TestThroughEqualsTransform(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "elements")
		a, b := anAdapter(2).Draw(t, "a"), anAdapter(1).Draw(t, "b")
		consumer := aConsumer().Draw(t, "it")
		run := func(e func(enumerator.Enumerator[int]) enumerator.Enumerator[int], consumer iteratee.Iteratee[int, []int]) observed {
			source := &probe.Source{N: n}
			got, err := enumerator.Run(context.Background(), e(source.Enumerator()), consumer)
			require.NoError(t, err)
			return observed{Result: got, Pulls: source.Pulls.Load()}
		}
		want := run(func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] { return e },
			enumeratee.Transform(a.Enumeratee, enumeratee.Transform(b.Enumeratee, consumer)))
		for name, e := range map[string]func(enumerator.Enumerator[int]) enumerator.Enumerator[int]{
			"a behind the source": func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
				return enumerator.Through(e, a.Enumeratee)
			},
			"a behind the source and nothing": func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
				return enumerator.Empty[int]().AndThen(enumerator.Through(e, a.Enumeratee))
			},
		} {
			assert.Equal(t, want, run(e, enumeratee.Transform(b.Enumeratee, consumer)), name)
		}
		assert.Equal(t, want, run(func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
			return enumerator.Through(enumerator.Through(e, a.Enumeratee), b.Enumeratee)
		}, consumer))
		assert.Equal(t, want, run(func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
			return enumerator.Through(e, enumeratee.Compose(a.Enumeratee, b.Enumeratee))
		}, consumer))
	})
}

func TestAndThenIsAssociativeWithEmptyAsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := func(label string) enumerator.Enumerator[int] {
			n := rapid.IntRange(0, 4).Draw(t, label)
			return enumerator.Through((&probe.Source{N: n}).Enumerator(), anAdapter(1).Draw(t, label+" through").Enumeratee)
		}
		a, b, c := source("a"), source("b"), source("c")
		consumer := aConsumer().Draw(t, "it")
		see := func(e enumerator.Enumerator[int]) []int {
			got, err := enumerator.Run(context.Background(), e, consumer)
			require.NoError(t, err)
			return got
		}
		assert.Equal(t, see(a.AndThen(b).AndThen(c)), see(a.AndThen(b.AndThen(c))))
		assert.Equal(t, see(a), see(a.AndThen(enumerator.Empty[int]())))
		assert.Equal(t, see(a), see(enumerator.Empty[int]().AndThen(a)))
	})
}

func TestMapFuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "elements")
		consumer := aConsumer().Draw(t, "it")
		f, g := func(e int) int { return e + 3 }, func(e int) int { return e * 2 }
		assert.Equal(t,
			observe(t, n, enumeratee.Transform(enumeratee.Map(func(e int) int { return g(f(e)) }), consumer)),
			observe(t, n, enumeratee.Transform(enumeratee.Compose(enumeratee.Map(f), enumeratee.Map(g)), consumer)))
	})
}

func TestTakeAndDropSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "elements")
		k := rapid.IntRange(0, 14).Draw(t, "k")
		all := observe(t, n, iteratee.Collect[int]()).Result
		taken := observe(t, n, enumeratee.Transform(enumeratee.Take[int](k), iteratee.Collect[int]()))
		dropped := observe(t, n, enumeratee.Transform(enumeratee.Drop[int](k), iteratee.Collect[int]()))
		assert.Equal(t, all, slices.Concat(taken.Result, dropped.Result))
		assert.Equal(t, dropped.Result, taken.Rest)
		assert.EqualValues(t, min(n, k), taken.Pulls)
	})
}

func TestBatchesAreCallsOfNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		es := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 300).Draw(t, "elements")
		a := anAdapter(2).Draw(t, "a")
		consumer := enumeratee.Transform(a.Enumeratee, aConsumer().Draw(t, "it"))
		run := func(source enumerator.Enumerator[int]) [][]int {
			got, err := enumerator.Run(context.Background(), source, iteratee.FlatMap(consumer, func(got []int) iteratee.Iteratee[int, [][]int] {
				return iteratee.Map(iteratee.Collect[int](), func(rest []int) [][]int { return [][]int{got, rest} })
			}))
			require.NoError(t, err)
			return got
		}
		assert.Equal(t, run(enumerator.FromSeq(slices.Values(es))), run(enumerator.FromSlice(es)))

		// The same without a FlatMap in between, which takes elements one by one.
		direct, err := enumerator.Run(context.Background(), enumerator.FromSlice(es), consumer)
		require.NoError(t, err)
		single, err := enumerator.Run(context.Background(), enumerator.FromSeq(slices.Values(es)), consumer)
		require.NoError(t, err)
		assert.Equal(t, single, direct)
	})
}
