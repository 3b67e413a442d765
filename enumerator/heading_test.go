package enumerator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// thenRest runs e with first behind tr, and then with a consumer of the rest.
func thenRest[A any](t *testing.T, e enumerator.Enumerator[int], tr enumeratee.Enumeratee[int, int], first iteratee.Iteratee[int, A]) (a A, rest []int) {
	t.Helper()
	rest, err := enumerator.Run(t.Context(), e, iteratee.FlatMap(enumeratee.Transform(tr, first),
		func(got A) iteratee.Iteratee[int, []int] { a = got; return iteratee.Collect[int]() }))
	require.NoError(t, err)
	return a, rest
}

func TestHeading(t *testing.T) {
	tr := enumerator.Heading(enumerator.Of(8, 9))
	for range 2 {
		assert.Equal(t, []int{8, 9, 1, 2}, collect(t, enumerator.Through(enumerator.Of(1, 2), tr)))
	}
	assert.Equal(t, []int{8, 9}, collect(t, enumerator.Through(enumerator.Empty[int](), tr)))
	assert.Equal(t, []int{1, 2}, collect(t, enumerator.Through(enumerator.Of(1, 2), enumerator.Heading(enumerator.Empty[int]()))))
	assert.Equal(t, []int{8, 9, 1, 7}, collect(t, enumerator.Through(enumerator.Of(1), tr).AndThen(enumerator.Of(7))))
}

func TestHeadingThatEndsTheConsumer(t *testing.T) {
	for n := 1; n <= 4; n++ {
		head, source := &probe.Source{N: 2}, &probe.Source{N: -1}
		got, err := seen(t.Context(), enumerator.Through(source.Enumerator(), enumerator.Heading(head.Enumerator())), n)
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2, 1, 2}[:n], got)
		assert.EqualValues(t, min(n, 2), head.Pulls.Load())
		assert.EqualValues(t, max(n-2, 0), source.Pulls.Load(), "nothing of the stream is asked for")
	}
	stream := enumerator.Of(1, 2)
	got, rest := thenRest(t, stream, enumerator.Heading(enumerator.Of(8, 9)), iteratee.TakeUpTo[int](1))
	assert.Equal(t, []int{8}, got)
	assert.Equal(t, []int{1, 2}, rest)
	_, rest = thenRest(t, stream, enumerator.Heading(enumerator.Of(8)), iteratee.IsEmpty[int]())
	assert.Equal(t, []int{1, 2}, rest, "8 is left over, but was never in the stream")
	_, rest = thenRest(t, stream, enumerator.Heading(enumerator.Empty[int]()), iteratee.IsEmpty[int]())
	assert.Equal(t, []int{1, 2}, rest, "1 is left over, and was")
}

func TestHeadingThatFails(t *testing.T) {
	source := &probe.Source{N: -1}
	got, err := seen(t.Context(), enumerator.Through(source.Enumerator(), enumerator.Heading(failing())), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{1}, got)
	assert.Zero(t, source.Starts.Load())

	for name, consumer := range map[string]iteratee.Iteratee[int, struct{}]{
		"the source":   enumeratee.Transform(enumerator.Heading(failing()), iteratee.Ignore[int]()),
		"the consumer": enumeratee.Transform(enumerator.Heading(enumerator.Of(8)), failsWith(errBoom)),
	} {
		var cause error
		recovered := iteratee.RecoverWith(consumer, func(err error) iteratee.Iteratee[int, struct{}] {
			cause = err
			return iteratee.Done(struct{}{}, iteratee.Empty[int]())
		})
		rest, err := enumerator.Run(t.Context(), enumerator.Of(1, 2), iteratee.FlatMap(recovered,
			func(struct{}) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() }))
		require.NoError(t, err, name)
		assert.ErrorIs(t, cause, errBoom, name)
		assert.Equal(t, []int{1, 2}, rest, name)
	}
}

func TestTrailing(t *testing.T) {
	tr := enumerator.Trailing(enumerator.Of(8, 9))
	for range 2 {
		assert.Equal(t, []int{1, 2, 8, 9}, collect(t, enumerator.Through(enumerator.Of(1, 2), tr)))
	}
	assert.Equal(t, []int{8, 9}, collect(t, enumerator.Through(enumerator.Empty[int](), tr)))
	assert.Equal(t, []int{1, 2}, collect(t, enumerator.Through(enumerator.Of(1, 2), enumerator.Trailing(enumerator.Empty[int]()))))
	assert.Equal(t, []int{1, 8, 9, 7}, collect(t, enumerator.Through(enumerator.Of(1), tr).AndThen(enumerator.Of(7))))

	source := &probe.Source{N: -1}
	assert.Equal(t, []int{1, 2, 8, 9}, collect(t, enumerator.Through(source.Enumerator(), enumeratee.Compose(enumeratee.Take[int](2), tr))), "an adapter before Trailing stops")
	assert.EqualValues(t, 2, source.Pulls.Load())
}

func TestTrailingRunsOnlyIfTheConsumerIsOpen(t *testing.T) {
	for name, c := range map[string]struct {
		source enumerator.Enumerator[int]
		n      int
		pulls  int
		err    error
	}{
		"done before the end":         {enumerator.Of(1, 2, 3), 2, 0, nil},
		"done with the last":          {enumerator.Of(1, 2, 3), 3, 0, nil},
		"done with the first after":   {enumerator.Of(1, 2, 3), 4, 1, nil},
		"done with the second after":  {enumerator.Of(1, 2, 3), 5, 2, nil},
		"not done":                    {enumerator.Of(1, 2, 3), 0, 2, nil},
		"after a failure of a source": {failing(), 0, 0, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			last := &probe.Source{N: 2}
			_, err := seen(t.Context(), enumerator.Through(c.source, enumerator.Trailing(last.Enumerator())), c.n)
			assert.ErrorIs(t, err, c.err)
			assert.EqualValues(t, c.pulls, last.Pulls.Load())
			assert.EqualValues(t, min(c.pulls, 1), last.Starts.Load())
			assert.Equal(t, last.Starts.Load(), last.Closes.Load())
		})
	}
	last := &probe.Source{N: 2}
	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1), enumerator.Trailing(last.Enumerator())), failsWith(errBoom))
	assert.ErrorIs(t, err, errBoom)
	assert.Zero(t, last.Starts.Load(), "after a failure of the consumer")

	got, err := seen(t.Context(), enumerator.Through(enumerator.Of(5), enumerator.Trailing(failing())).AndThen(enumerator.Of(7)), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, []int{5, 1}, got)
}

func TestTrailingLeavesOverElementsOfTheStream(t *testing.T) {
	tr := enumerator.Trailing(enumerator.Of(8, 9))
	empty, rest := thenRest(t, enumerator.Of(1, 2), tr, iteratee.IsEmpty[int]())
	assert.False(t, empty)
	assert.Equal(t, []int{1, 2}, rest)
	empty, rest = thenRest(t, enumerator.Empty[int](), tr, iteratee.IsEmpty[int]())
	assert.False(t, empty, "8 comes first")
	assert.Nil(t, rest, "the element was never in the stream")
}

func TestAdaptersEndWithTheContext(t *testing.T) {
	one := enumerator.Of(1)
	t.Run("while they wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			endsAfterASecond(t, enumerator.Map(one.AndThen(silent()), func(e int) int { return e }), 1)
			endsAfterASecond(t, enumerator.FlatMap(one, func(e int) enumerator.Enumerator[int] { return enumerator.Of(e).AndThen(silent()) }), 1)
			endsAfterASecond(t, enumerator.Through(one, enumerator.MapInputFlatten(func(in iteratee.Input[int]) enumerator.Enumerator[int] {
				if in.IsEOF() {
					return silent()
				}
				return one
			})), 1)
			endsAfterASecond(t, enumerator.Through(one, enumerator.Heading(silent())))
			endsAfterASecond(t, enumerator.Through(one, enumerator.Trailing(silent())), 1)
		})
	})
	t.Run("between elements", func(t *testing.T) {
		endsAtOnce(t, enumerator.Map(probe.Naturals(), func(e int) int { return e }))
		endsAtOnce(t, enumerator.FlatMap(probe.Naturals(), func(int) enumerator.Enumerator[int] { return (&probe.Source{N: 1}).Enumerator() }))
		endsAtOnce(t, enumerator.Through(probe.Naturals(), enumerator.Heading(one)))
		endsAtOnce(t, enumerator.Through(one, enumerator.Trailing(probe.Naturals())))
	})
}

// The consumer is done in a goroutine, while a source within an adapter before it waits.
func TestASourceWithinAnAdapterIsStopped(t *testing.T) {
	waits := enumerator.Of(1).AndThen(enumerator.Never[int]())
	same := func(e int) int { return e }
	buffer, one := enumeratee.Buffer[int](1), iteratee.TakeUpTo[int](1)
	for of, inner := range map[string]source{
		"a source":         waits,
		"a mapped source":  enumerator.Map(waits, same),
		"a buffered one":   enumerator.Through(waits, buffer),
		"sources together": enumerator.Interleave(waits),
	} {
		for name, adapter := range map[string]enumeratee.Enumeratee[int, int]{
			"Heading":    enumerator.Heading(inner),
			"Trailing":   enumeratee.Compose(enumeratee.Filter(func(int) bool { return false }), enumerator.Trailing(inner)),
			"MapFlatten": enumerator.MapFlatten(func(int) source { return inner }),
		} {
			for how, run := range map[string]func(ctx context.Context) ([]int, error){
				"before a Buffer": func(ctx context.Context) ([]int, error) {
					return enumerator.Run(ctx, enumerator.Of(1), enumeratee.Transform(enumeratee.Compose(adapter, buffer), one))
				},
				"between two": func(ctx context.Context) ([]int, error) {
					return enumerator.Run(ctx, enumerator.Of(1), enumeratee.Transform(enumeratee.Compose3(buffer, adapter, buffer), one))
				},
				"before a consumer with one": func(ctx context.Context) ([]int, error) {
					return enumerator.Run(ctx, enumerator.Of(1), enumeratee.Transform(adapter, enumeratee.Transform(buffer, one)))
				},
				"before one, behind the source": func(ctx context.Context) ([]int, error) {
					return enumerator.Run(ctx, enumerator.Through(enumerator.Of(1), enumeratee.Compose(adapter, buffer)), one)
				},
				"behind the source": func(ctx context.Context) ([]int, error) {
					return enumerator.Run(ctx, enumerator.Through(enumerator.Of(1), adapter), enumeratee.Transform(buffer, one))
				},
				"in a part": func(ctx context.Context) ([]int, error) {
					part := enumeratee.Transform(enumeratee.Compose(adapter, buffer), one)
					return enumerator.Run(ctx, enumerator.Of(1), iteratee.FlatMap(part, func(es []int) iteratee.Iteratee[int, []int] {
						return iteratee.Done(es, iteratee.Empty[int]())
					}))
				},
			} {
				t.Run(name+" of "+of+", "+how, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
						defer cancel()
						got, err := run(ctx)
						assert.NoError(t, err)
						assert.Equal(t, []int{1}, got)
					})
				})
			}
		}
	}
}

// A failure of a source within an adapter reaches a consumer that waits for its context in a goroutine.
func TestAFailureWithinAnAdapterFreesAConsumer(t *testing.T) {
	fails := enumerator.Interleave(enumerator.Of(1), after(time.Second, enumerator.Throw[int](errBoom)))
	buffer := enumeratee.Buffer[int](1)
	waits := iteratee.ForEach(func(ctx context.Context, _ int) error { <-ctx.Done(); return context.Cause(ctx) })
	for name, adapter := range map[string]enumeratee.Enumeratee[int, int]{
		"Heading":    enumerator.Heading(fails),
		"Trailing":   enumeratee.Compose(enumeratee.Filter(func(int) bool { return false }), enumerator.Trailing(fails)),
		"MapFlatten": enumerator.MapFlatten(func(int) source { return fails }),
	} {
		for how, adapter := range map[string]enumeratee.Enumeratee[int, int]{
			"alone":           adapter,
			"before a Buffer": enumeratee.Compose(adapter, buffer),
			"between two":     enumeratee.Compose3(buffer, adapter, buffer),
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					_, err := enumerator.Run(ctx, enumerator.Of(1), enumeratee.Transform(adapter, waits))
					assert.Equal(t, errBoom, err)
					_, err = enumerator.Run(ctx, enumerator.Through(enumerator.Of(1), adapter), waits)
					assert.Equal(t, errBoom, err)
				})
			})
		}
	}
}

// A source within an adapter does not drive the run, so an adapter before that one can still interrupt the
// source of the run.
func TestASourceWithinAnAdapterLeavesTheSourceOfTheRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		heading := enumerator.Heading(enumerator.Map(enumerator.Of(0), func(e int) int { return e }))
		adapter := enumeratee.Compose(enumeratee.Buffer[int](1), heading)
		waits := enumerator.Of(1).AndThen(enumerator.Never[int]())
		got, err := enumerator.Run(ctx, waits, enumeratee.Transform(adapter, iteratee.TakeUpTo[int](2)))
		assert.NoError(t, err)
		assert.Equal(t, []int{0, 1}, got)
	})
}
