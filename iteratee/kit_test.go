package iteratee_test

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
	"github.com/halley-go/halley/iteratee/iterateetest"
)

// part is an Iteratee with a result of any type.
type part = iteratee.Iteratee[int, any]

func partOf[A any](consumer iteratee.Iteratee[int, A]) part {
	return iteratee.Map(consumer, func(a A) any { return a })
}

// someInt draws parameters; it is as small as the elements and the streams are.
func someInt(t *rapid.T) int { return rapid.IntRange(0, 4).Draw(t, "n") }

// aPart draws a part. It is made of others, up to depth levels deep.
func aPart(t *rapid.T, depth int) part {
	names := slices.Sorted(maps.Keys(operators))
	if depth == 0 {
		names = []string{"Collect", "Cont", "Done", "Error", "FoldM", "FoldUntil", "Head", "New", "New", "New", "TakeUpTo"}
	}
	return operators[rapid.SampledFrom(names).Draw(t, "operator")](t, depth)
}

// operators has an Iteratee of each exported function that returns one. Its parameters are drawn.
var operators map[string]func(t *rapid.T, depth int) part

func init() {
	operators = map[string]func(*rapid.T, int) part{ // in init, because some draw from it
		"Fold":      func(t *rapid.T, _ int) part { return partOf(iteratee.Fold(someInt(t), add)) },
		"Collect":   func(*rapid.T, int) part { return partOf(iteratee.Collect[int]()) },
		"Ignore":    func(*rapid.T, int) part { return partOf(iteratee.Ignore[int]()) },
		"Head":      func(*rapid.T, int) part { return partOf(iteratee.Head[int]()) },
		"Last":      func(*rapid.T, int) part { return partOf(of(iteratee.Last[int]())) },
		"ElementAt": func(t *rapid.T, _ int) part { return partOf(of(iteratee.ElementAt[int](someInt(t)))) },
		"Count":     func(*rapid.T, int) part { return partOf(iteratee.Count[int]()) },
		"Min":       func(*rapid.T, int) part { return partOf(of(iteratee.Min[int]())) },
		"MinFunc":   func(*rapid.T, int) part { return partOf(of(iteratee.MinFunc(cmp.Compare[int]))) },
		"Max":       func(*rapid.T, int) part { return partOf(of(iteratee.Max[int]())) },
		"MaxFunc":   func(*rapid.T, int) part { return partOf(of(iteratee.MaxFunc(cmp.Compare[int]))) },
		"IsEmpty":   func(*rapid.T, int) part { return partOf(iteratee.IsEmpty[int]()) },
		"Cont":      func(*rapid.T, int) part { return partOf(peek()) },
		"TakeUpTo": func(t *rapid.T, _ int) part {
			return partOf(iteratee.TakeUpTo[int](someInt(t)))
		},
		"EOFOrElse": func(t *rapid.T, _ int) part {
			return partOf(iteratee.EOFOrElse[int](someInt(t), someInt(t)))
		},
		"FoldM": func(t *rapid.T, _ int) part {
			last := someInt(t)
			return partOf(iteratee.FoldM(0, func(_ context.Context, a, e int) (int, error) {
				if e == last {
					return 0, errBoom
				}
				return a + e, nil
			}))
		},
		"FoldUntil": func(t *rapid.T, _ int) part {
			last := someInt(t)
			return partOf(iteratee.FoldUntil(0, func(_ context.Context, a, e int) (int, bool, error) { return a + e, e == last, nil }))
		},
		"ForEach": func(t *rapid.T, _ int) part {
			last := someInt(t)
			return partOf(iteratee.ForEach(func(_ context.Context, e int) error {
				if e == last {
					return errBoom
				}
				return nil
			}))
		},
		"Done": func(t *rapid.T, _ int) part { return partOf(iteratee.Done(someInt(t), iteratee.Empty[int]())) },
		"Error": func(t *rapid.T, _ int) part {
			if rapid.Bool().Draw(t, "at once") {
				return iteratee.Error[int, any](errBoom, iteratee.Empty[int]())
			}
			return iteratee.Cont(func(in iteratee.Input[int]) part { return iteratee.Error[int, any](errBoom, in) })
		},
		"New":  func(t *rapid.T, _ int) part { return partOf(lookAhead(rapid.IntRange(1, 3).Draw(t, "n"))) },
		"Map":  func(t *rapid.T, depth int) part { return partOf(aPart(t, depth-1)) },
		"MapM": func(t *rapid.T, depth int) part { return mapM(t, aPart(t, depth-1)) },
		"Defer": func(t *rapid.T, depth int) part {
			consumer := aPart(t, depth-1)
			err := rapid.SampledFrom([]error{nil, nil, errBoom}).Draw(t, "err")
			return iteratee.Defer(func(context.Context) (part, error) { return consumer, err })
		},
		"FlatMap": func(t *rapid.T, depth int) part {
			second := aPart(t, depth-1)
			return iteratee.FlatMap(aPart(t, depth-1), func(first any) part {
				return iteratee.Map(second, func(second any) any { return []any{first, second} })
			})
		},
		"RecoverWith": func(t *rapid.T, depth int) part {
			second := aPart(t, depth-1)
			return iteratee.RecoverWith(aPart(t, depth-1), func(error) part { return second })
		},
		"Recover": func(t *rapid.T, depth int) part {
			err := rapid.SampledFrom([]error{nil, nil, errBoom}).Draw(t, "err")
			return iteratee.Recover(aPart(t, depth-1), func(error) (any, error) { return "recovered", err })
		},
		"Repeat": func(t *rapid.T, depth int) part { return partOf(iteratee.Repeat(aPart(t, depth-1))) },
		"Zip": func(t *rapid.T, depth int) part {
			return partOf(iteratee.Zip(aPart(t, depth-1), aPart(t, depth-1)))
		},
		"ZipWith": func(t *rapid.T, depth int) part {
			return iteratee.ZipWith(aPart(t, depth-1), aPart(t, depth-1), func(a, b any) any { return []any{a, b} })
		},
		"Join": func(t *rapid.T, depth int) part {
			inner := aPart(t, depth-1)
			return iteratee.Join(iteratee.Map(aPart(t, depth-1), func(any) part { return inner }))
		},
		"JoinConcat": func(t *rapid.T, depth int) part {
			inner := aPart(t, depth-1)
			return iteratee.JoinConcat(iteratee.Map(aPart(t, depth-1), func(any) part { return inner }))
		},

		"ToChan": func(*rapid.T, int) part { // each run has its own channel, so that none waits
			return iteratee.Defer(func(context.Context) (part, error) {
				return partOf(iteratee.ToChan(make(chan int, 100))), nil
			})
		},

		// These can be used once, so each run makes another.
		"Advance": func(t *rapid.T, depth int) part {
			consumer := aPart(t, depth-1)
			return iteratee.Defer(func(ctx context.Context) (part, error) {
				return iteratee.Advance(ctx, consumer, func(context.Context, iteratee.Sink[int]) iteratee.Step { return iteratee.StepCont }), nil
			})
		},
		"Feed": func(t *rapid.T, _ int) part { // without leftovers, which would not be elements of the stream
			in := rapid.SampledFrom([]iteratee.Input[int]{iteratee.Empty[int](), iteratee.El(1), iteratee.EOF[int]()}).Draw(t, "in")
			return iteratee.Defer(func(ctx context.Context) (part, error) {
				return partOf(iteratee.Feed(ctx, iteratee.Collect[int](), in)), nil
			})
		},
		"Resume": func(t *rapid.T, depth int) part {
			consumer := aPart(t, depth-1)
			return iteratee.Defer(func(ctx context.Context) (part, error) {
				r, step := consumer.Start(ctx)
				return iteratee.Resume(r, step), nil
			})
		},
	}
}

// lookAhead ends with the first n elements, or with those up to EOF, and leaves all of them over.
func lookAhead(n int) iteratee.Iteratee[int, []int] {
	return iteratee.New(func(context.Context) (iteratee.Running[int, []int], iteratee.Step) {
		var seen []int
		end := iteratee.StepCont
		return iteratee.WithResult(iteratee.Funcs[int]{
			Next: func(e int) iteratee.Step {
				if end.IsCont() {
					if seen = append(seen, e); len(seen) == n {
						end = iteratee.StepDone
					}
				}
				return end
			},
			EOF: func() iteratee.Step { end = iteratee.StepDone; return end },
			Rest: func() (in iteratee.Input[int]) {
				for _, e := range seen {
					if !end.IsCont() {
						in = in.Then(iteratee.El(e))
					}
				}
				return in
			},
		}.Sink(), func() ([]int, error) { return seen, nil }), iteratee.StepCont
	})
}

func mapM(t *rapid.T, consumer part) part {
	err := rapid.SampledFrom([]error{nil, nil, errBoom}).Draw(t, "err")
	return iteratee.MapM(consumer, func(_ context.Context, a any) (any, error) { return a, err })
}

func TestEveryIterateeKeepsTheLaws(t *testing.T) {
	for name, operator := range operators {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				consumer := operator(t, rapid.IntRange(1, 2).Draw(t, "depth"))
				assert.NoError(t, iterateetest.Test(consumer, rapid.SliceOfN(rapid.IntRange(0, 4), 0, 5).Draw(t, "in")))
			})
		})
	}
	t.Run("of bytes", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			in := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 3), 0, 5).Draw(t, "in")
			assert.NoError(t, iterateetest.Test(iteratee.Consume[byte](), in), "Consume")
			assert.NoError(t, iterateetest.Test(iteratee.ConsumeString[[]byte](), in), "ConsumeString")
			assert.NoError(t, iterateetest.Test(iteratee.ToWriter(io.Discard), in), "ToWriter")
			assert.NoError(t, iterateetest.Test(readAll(), in), "Read")
			assert.NoError(t, iterateetest.Test(readN(rapid.IntRange(0, 4).Draw(t, "n")), in), "Read")
		})
	})
}

func TestNoIterateeIsForgotten(t *testing.T) {
	listed := append(slices.Collect(maps.Keys(operators)), "Consume", "ConsumeString", "Read", "ToWriter")
	probe.Listed(t, "Iteratee", listed, "add it to operators in kit_test.go")
}
