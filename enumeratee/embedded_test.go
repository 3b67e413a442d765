package enumeratee_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// counted is a Sink that embeds another, as adapters do, and has a Next of its own.
type counted struct {
	iteratee.Running[int, struct{}]
	nexts *int
}

func (c counted) Next(e int) iteratee.Step {
	*c.nexts++
	return c.Running.Next(e)
}

// counting is an adapter that embeds its consumer and has a Next of its own.
type counting struct {
	enumeratee.Stage
	iteratee.Outlet[int]
	nexts *int
}

func (c counting) Next(e int) iteratee.Step {
	*c.nexts++
	return c.Outlet.Next(e)
}

// checkNextIsCalled runs es through the adapter, before a consumer that embeds one with a Batch, and
// before an adapter that embeds its consumer. Each must be handed every element by its own Next. It returns
// how many elements the consumers have got.
func checkNextIsCalled(t testingT, name string, es []int, adapter tee) (all int) {
	nexts, got := 0, 0
	noting := iteratee.Fold(struct{}{}, func(struct{}, int) struct{} { got++; return struct{}{} })
	embedding := iteratee.New(func(ctx context.Context) (iteratee.Running[int, struct{}], iteratee.Step) {
		r, step := noting.Start(ctx)
		_, ok := r.(fast.Batcher[int, iteratee.Step])
		assert.True(t, ok, "the consumer that is embedded has a Batch")
		return counted{r, &nexts}, step
	})
	between := enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[int]) (iteratee.Sink[int], iteratee.Step) {
		return counting{stage, out, &nexts}, iteratee.StepCont
	})
	source := enumerator.FromSlice(es)
	for how, run := range map[string]func(ctx context.Context){
		"Transform": func(ctx context.Context) { enumerator.Run(ctx, source, enumeratee.Transform(adapter, embedding)) },
		"ApplyOn":   func(ctx context.Context) { enumerator.Run(ctx, source, enumeratee.ApplyOn(adapter, embedding)) },
		"Grouped": func(ctx context.Context) {
			folder := enumeratee.Transform(enumeratee.Compose(enumeratee.Take[int](3), adapter), embedding)
			enumerator.Run(ctx, source, enumeratee.Transform(enumeratee.Grouped(folder), iteratee.Ignore[struct{}]()))
		},
		"Through": func(ctx context.Context) { enumerator.Run(ctx, enumerator.Through(source, adapter), embedding) },
		"Compose": func(ctx context.Context) {
			enumerator.Run(ctx, source, enumeratee.Transform(enumeratee.Compose(adapter, between), noting))
		},
		"Compose, before a Filter": func(ctx context.Context) {
			all := enumeratee.Filter(func(int) bool { return true })
			enumerator.Run(ctx, source, enumeratee.Transform(enumeratee.Compose3(adapter, between, all), noting))
		},
	} {
		for _, ctx := range []context.Context{context.Background(), t.Context()} {
			nexts, got = 0, 0
			run(ctx)
			assert.Equal(t, got, nexts, "%s, %s", name, how)
			all += got
		}
	}
	return all
}

type testingT interface {
	assert.TestingT
	Context() context.Context
}

func TestNoAdapterGoesAroundTheNextOfItsConsumer(t *testing.T) {
	for _, operators := range []map[string]operator{lossless, others} {
		for name, draw := range operators {
			rapid.Check(t, func(t *rapid.T) {
				es := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 100).Draw(t, "elements")
				checkNextIsCalled(t, name, es, draw(t, someOf(t, lossless, others)))
			})
		}
	}
	many := ints(1, 100)
	for name, adapter := range map[string]tee{
		"MapConcat of many": enumeratee.MapConcat(func(int) []int { return many }),
		"MapInput of many":  enumeratee.MapInput(func(iteratee.Input[int]) iteratee.Input[int] { return iteratee.Els(many...) }),
		"Heading of many":   enumeratee.Heading(many...),
	} {
		assert.NotZero(t, checkNextIsCalled(t, name, []int{1, 2, 3}, adapter))
	}
	for _, name := range slices.Sorted(maps.Keys(concurrent)) {
		synctest.Test(t, func(t *testing.T) { checkNextIsCalled(t, name, many, concurrent[name]()) })
	}
}
