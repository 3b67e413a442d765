package iteratee_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type ints = iteratee.Iteratee[int, int]

func TestFlatMapLeftovers(t *testing.T) {
	el, empty, eof := iteratee.El[int], iteratee.Empty[int](), iteratee.EOF[int]()
	for _, c := range []struct {
		name          string
		first, second ints
		in            []int
		want          int
		rest          []int
	}{
		{"nothing left", iteratee.Done(1, empty), iteratee.Done(2, empty), []int{7}, 2, []int{7}},
		{"first leaves", iteratee.Done(1, el(5)), iteratee.Done(2, empty), []int{7}, 2, []int{5, 7}},
		{"second leaves", iteratee.Done(1, empty), iteratee.Done(2, el(6)), []int{7}, 2, []int{6, 7}},
		{"both leave", iteratee.Done(1, el(5)), iteratee.Done(2, el(6)), []int{7}, 2, []int{6, 5, 7}},
		{"second consumes the rest", iteratee.Done(1, el(5)), head(), []int{7}, 5, []int{7}},
		{"second leaves the rest again", iteratee.Done(1, el(5)), peek(), []int{7}, 5, []int{5, 7}},
		{"first peeks, second takes", peek(), head(), []int{7, 8}, 7, []int{8}},
		{"first takes, second peeks", head(), peek(), []int{7, 8}, 8, []int{8}},
		{"both at EOF", head(), head(), nil, 0, nil},
		{"first leaves EOF", iteratee.Done(1, eof), head(), []int{7}, 0, nil},
		{"first leaves an element and EOF", iteratee.Done(1, el(5).Then(eof)), head(), []int{7}, 5, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			consumer := iteratee.FlatMap(c.first, func(int) ints { return c.second })
			assert.Equal(t, pair[int, []int]{c.want, c.rest}, run(t, withRest(consumer), c.in...))
			assert.Equal(t, c.want, run(t, consumer, c.in...), "without a third")
		})
	}
}

// head is iteratee.Head, with 0 at EOF.
func head() ints {
	return iteratee.Map(iteratee.Head[int](), func(e *int) int {
		if e == nil {
			return 0
		}
		return *e
	})
}

func TestFlatMapDoesNotCallFAfterAFailure(t *testing.T) {
	consumer := iteratee.FlatMap(iteratee.Error[int, int](errBoom, iteratee.El(1)), func(int) ints { t.Error("called"); return head() })
	_, err := enumerator.Run(t.Context(), enumerator.Of(1), consumer)
	assert.ErrorIs(t, err, errBoom)
}

func TestFlatMapKeepsTheInputThatFailed(t *testing.T) {
	r, _ := iteratee.FlatMap(head(), func(int) ints { return iteratee.Error[int, int](errBoom, iteratee.El(5)) }).Start(t.Context())
	step := r.Next(1)
	assert.ErrorIs(t, step.Err(), errBoom)
	assert.Equal(t, []int{5}, r.Rest().Els())
	assert.Equal(t, step, r.Next(2), "it stays failed")
	assert.Equal(t, []int{5}, r.Rest().Els())
}

func TestResumeAfterApply(t *testing.T) {
	sum := iteratee.Fold(0, add)
	half := enumerator.Apply(t.Context(), enumerator.Of(1, 2), sum)
	total, err := enumerator.Run(t.Context(), enumerator.Of(3, 4), half)
	require.NoError(t, err)
	assert.Equal(t, 10, total)
}

// tape is the model of a chain: a list that is read and written at its front.
type tape struct {
	els []int
	got []int
}

func TestFlatMapChainsAgainstATape(t *testing.T) { rapid.Check(t, chainEqualsTape) }

func FuzzFlatMap(f *testing.F) { f.Fuzz(rapid.MakeFuzz(chainEqualsTape)) }

func chainEqualsTape(t *rapid.T) {
	in := rapid.SliceOfN(rapid.IntRange(1, 9), 0, 6).Draw(t, "in")
	ops := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 12).Draw(t, "ops")
	leftNested := rapid.Bool().Draw(t, "leftNested")

	want := tape{els: in}
	parts := make([]ints, len(ops))
	for i, op := range ops {
		switch op {
		case 0:
			parts[i] = head()
			want.read(true)
		case 1:
			parts[i] = peek()
			want.read(false)
		case 2:
			parts[i] = iteratee.Done(-i, iteratee.El(100+i))
			want.els = append([]int{100 + i}, want.els...)
			want.got = append(want.got, -i)
		case 3:
			parts[i] = iteratee.Done(-i, iteratee.Empty[int]())
			want.got = append(want.got, -i)
		}
	}

	type results = iteratee.Iteratee[int, []int]
	var chain results
	if leftNested {
		chain = iteratee.Done([]int(nil), iteratee.Empty[int]())
		for _, part := range parts {
			chain = iteratee.FlatMap(chain, func(got []int) results {
				return iteratee.Map(part, func(a int) []int { return append(got[:len(got):len(got)], a) })
			})
		}
	} else {
		var from func(i int, got []int) results
		from = func(i int, got []int) results {
			if i == len(parts) {
				return iteratee.Done(got, iteratee.Empty[int]())
			}
			return iteratee.FlatMap(parts[i], func(a int) results { return from(i+1, append(got[:len(got):len(got)], a)) })
		}
		chain = from(0, nil)
	}
	got, err := enumerator.Run(context.Background(), enumerator.Of(in...), withRest(chain))
	require.NoError(t, err)
	assert.Equal(t, want.got, got.A)
	assert.Equal(t, append([]int{}, want.els...), append([]int{}, got.B...))
}

func (tp *tape) read(consume bool) {
	if len(tp.els) == 0 {
		tp.got = append(tp.got, 0)
		return
	}
	tp.got = append(tp.got, tp.els[0])
	if consume {
		tp.els = tp.els[1:]
	}
}

func TestAMillionFlatMaps(t *testing.T) {
	n := probe.Deep(t)
	endless := enumerator.Unfold(1, func(i int) (int, int, bool) { return i, i + 1, true })

	t.Run("nested to the right", func(t *testing.T) {
		var from func(left, sum int) ints
		from = func(left, sum int) ints {
			if left == 0 {
				return iteratee.Done(sum, iteratee.Empty[int]())
			}
			return iteratee.FlatMap(head(), func(e int) ints { return from(left-1, sum+e) })
		}
		sum, err := enumerator.Run(t.Context(), endless, from(n, 0))
		require.NoError(t, err)
		assert.Equal(t, n*(n+1)/2, sum)
	})
	t.Run("nested to the left", func(t *testing.T) {
		chain := iteratee.Done(0, iteratee.Empty[int]())
		for range n {
			chain = iteratee.FlatMap(chain, func(sum int) ints {
				return iteratee.Map(head(), func(e int) int { return sum + e })
			})
		}
		sum, err := enumerator.Run(t.Context(), endless, chain)
		require.NoError(t, err)
		assert.Equal(t, n*(n+1)/2, sum)
	})
	t.Run("alternating with Map", func(t *testing.T) {
		var count func(left int) ints
		count = func(left int) ints {
			if left == 0 {
				return iteratee.Done(0, iteratee.Empty[int]())
			}
			return iteratee.FlatMap(head(), func(int) ints {
				return iteratee.Map(count(left-1), func(n int) int { return n + 1 })
			})
		}
		got, err := enumerator.Run(t.Context(), endless, count(n))
		require.NoError(t, err)
		assert.Equal(t, n, got)
	})
}
