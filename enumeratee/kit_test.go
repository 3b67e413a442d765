package enumeratee_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
	"github.com/halley-go/halley/iteratee/iterateetest"
)

type tee = enumeratee.Enumeratee[int, int]

// operator draws an adapter. some draws the adapters of which it is made.
type operator func(t *rapid.T, some func() tee) tee

// lossless has the exported functions whose Enumeratee gives back all elements that were not consumed, unless
// an adapter of which it is made does not. See enumerateetest.TestRest.
var lossless = map[string]operator{
	"PassAlong": func(*rapid.T, func() tee) tee { return enumeratee.PassAlong[int]() },
	"Map": func(t *rapid.T, _ func() tee) tee {
		n := someInt(t)
		return enumeratee.Map(func(e int) int { return e + n })
	},
	"MapM": func(t *rapid.T, _ func() tee) tee {
		boom := boomAt(t)
		return enumeratee.MapM(func(_ context.Context, e int) (int, error) { return -e, boom(e) })
	},
	"Filter":    func(t *rapid.T, _ func() tee) tee { return enumeratee.Filter(below(someInt(t))) },
	"FilterNot": func(t *rapid.T, _ func() tee) tee { return enumeratee.FilterNot(below(someInt(t))) },
	"FilterMap": func(t *rapid.T, _ func() tee) tee {
		n := someInt(t)
		return enumeratee.FilterMap(func(e int) (int, bool) { return -e, e != n })
	},
	"Take":      func(t *rapid.T, _ func() tee) tee { return enumeratee.Take[int](someInt(t)) },
	"TakeWhile": func(t *rapid.T, _ func() tee) tee { return enumeratee.TakeWhile(below(someInt(t))) },
	"BreakE":    func(t *rapid.T, _ func() tee) tee { return enumeratee.BreakE(below(someInt(t))) },
	"Drop":      func(t *rapid.T, _ func() tee) tee { return enumeratee.Drop[int](someInt(t)) },
	"DropWhile": func(t *rapid.T, _ func() tee) tee { return enumeratee.DropWhile(below(someInt(t))) },
	"Heading":   func(t *rapid.T, _ func() tee) tee { return enumeratee.Heading(someInts(t, 2)...) },
	"ScanLeft": func(t *rapid.T, _ func() tee) tee {
		return enumeratee.ScanLeft(someInt(t), func(a, e int) int { return a + e })
	},
	"OnEOF": func(t *rapid.T, _ func() tee) tee {
		err := someError(t)
		return enumeratee.OnEOF[int](func(context.Context) error { return err })
	},
	"OnDone":               func(*rapid.T, func() tee) tee { return enumeratee.OnDone[int](func() {}) },
	"Throttle":             func(*rapid.T, func() tee) tee { return enumeratee.Throttle[int](time.Hour) },
	"Timeout":              func(*rapid.T, func() tee) tee { return enumeratee.Timeout[int](time.Hour) },
	"Tap":                  func(*rapid.T, func() tee) tee { return enumeratee.Tap(func(int) {}, func(error) {}) },
	"DistinctUntilChanged": func(*rapid.T, func() tee) tee { return enumeratee.DistinctUntilChanged[int]() },
	"DistinctUntilChangedFunc": func(t *rapid.T, _ func() tee) tee {
		n := someInt(t)
		return enumeratee.DistinctUntilChangedFunc(func(last, e int) bool { return e-last < n })
	},
	"Distinct": func(t *rapid.T, _ func() tee) tee {
		return enumeratee.Distinct(1+someInt(t), func(e int) int { return e / 2 })
	},
	"DefaultIfEmpty": func(t *rapid.T, _ func() tee) tee { return enumeratee.DefaultIfEmpty(someInt(t)) },
	"Pairwise": func(*rapid.T, func() tee) tee {
		total := func(p iteratee.Pair[int, int]) int { return p.First + p.Second }
		return enumeratee.Compose(enumeratee.Pairwise[int](), enumeratee.Map(total))
	},

	"TimeoutFirst": func(*rapid.T, func() tee) tee { return enumeratee.TimeoutFirst[int](time.Hour) },

	"New": func(_ *rapid.T, some func() tee) tee { return enumeratee.New(some().Attach) },
	"Defer": func(t *rapid.T, some func() tee) tee {
		adapter, err := some(), someError(t)
		return enumeratee.Defer(func(context.Context) (tee, error) { return adapter, err })
	},
	"Compose":  func(_ *rapid.T, some func() tee) tee { return enumeratee.Compose(some(), some()) },
	"Compose3": func(_ *rapid.T, some func() tee) tee { return enumeratee.Compose3(some(), some(), some()) },
	"Compose4": func(_ *rapid.T, some func() tee) tee {
		return enumeratee.Compose4(some(), some(), some(), some())
	},
	"Compose5": func(_ *rapid.T, some func() tee) tee {
		return enumeratee.Compose5(some(), some(), some(), some(), some())
	},
	"Compose6": func(_ *rapid.T, some func() tee) tee {
		return enumeratee.Compose6(some(), some(), some(), some(), some(), some())
	},
}

// others has the exported functions that make several elements of one, make one of several, or drop one.
var others = map[string]operator{
	"MapConcat": func(t *rapid.T, _ func() tee) tee {
		n := someInt(t)
		return enumeratee.MapConcat(func(e int) []int { return ints(e, min(n, e+1)) })
	},
	"MapInput": func(t *rapid.T, _ func() tee) tee { return enumeratee.MapInput(anInputFunc(t)) },
	"MapInputM": func(t *rapid.T, _ func() tee) tee {
		f, boom := anInputFunc(t), boomAt(t)
		return enumeratee.MapInputM(func(_ context.Context, in iteratee.Input[int]) (iteratee.Input[int], error) {
			return f(in), boom(in.Els()[0])
		})
	},
	"GroupBy": func(t *rapid.T, _ func() tee) tee {
		some := someOf(t, lossless) // others may hand on in another order than that of the stream
		of := []tee{some(), some(), some()}
		return enumeratee.GroupBy(1+someInt(t), func(e int) int { return e % 3 }, func(k int) tee { return of[k] })
	},
	"Grouped": func(t *rapid.T, _ func() tee) tee { return enumeratee.Grouped(aFolder(t)) },
	"GroupedWhile": func(t *rapid.T, _ func() tee) tee {
		n := someInt(t)
		return enumeratee.GroupedWhile(aFolder(t), func(last, e int) bool { return e-last < n })
	},
	"Recover": func(t *rapid.T, some func() tee) tee {
		adapter, err := some(), someError(t)
		return enumeratee.Recover(adapter, func(context.Context, error, iteratee.Input[int]) error { return err })
	},
}

// holders has the exported functions that hold elements while the consumer is open, and give them back. Behind
// an adapter that drops elements, those need not be the end of the stream.
var holders = map[string]operator{
	"TakeLast": func(t *rapid.T, _ func() tee) tee { return enumeratee.TakeLast[int](someInt(t)) },
	"DropLast": func(t *rapid.T, _ func() tee) tee { return enumeratee.DropLast[int](someInt(t)) },
	"Sliding": func(t *rapid.T, _ func() tee) tee {
		total := enumeratee.Map(func(es []int) (n int) {
			for _, e := range es {
				n += e
			}
			return n
		})
		return enumeratee.Compose(enumeratee.Sliding[int](1+someInt(t), 1+someInt(t)), total)
	},
}

// someOf draws an adapter that is not made of others.
func someOf(t *rapid.T, from ...map[string]operator) func() tee {
	simple := map[string]operator{}
	for _, operators := range from {
		maps.Copy(simple, operators)
	}
	for _, name := range []string{"New", "Defer", "Recover", "GroupBy", "Compose", "Compose3", "Compose4", "Compose5", "Compose6"} {
		delete(simple, name)
	}
	names := slices.Sorted(maps.Keys(simple))
	return func() tee { return simple[rapid.SampledFrom(names).Draw(t, "of")](t, nil) }
}

func someInt(t *rapid.T) int { return rapid.IntRange(0, 4).Draw(t, "n") }

func someInts(t *rapid.T, most int) []int {
	return rapid.SliceOfN(rapid.IntRange(0, 4), 0, most).Draw(t, "elements")
}

func someError(t *rapid.T) error {
	return rapid.SampledFrom([]error{nil, nil, errBoom}).Draw(t, "error")
}

// boomAt draws a function that fails for one element, or never.
func boomAt(t *rapid.T) func(int) error {
	at := rapid.IntRange(0, 9).Draw(t, "fails at")
	return func(e int) error {
		if e == at {
			return errBoom
		}
		return nil
	}
}

// anInputFunc draws a function that returns no element, one, several, or the end.
func anInputFunc(t *rapid.T) func(iteratee.Input[int]) iteratee.Input[int] {
	n := someInt(t)
	return func(in iteratee.Input[int]) (out iteratee.Input[int]) {
		e, _ := in.El()
		for _, e := range ints(e, min(n, e+1)) {
			out = out.Then(iteratee.El(e))
		}
		if e == n {
			out = out.Then(iteratee.EOF[int]())
		}
		return out
	}
}

// aFolder draws an Iteratee for groups. Some have leftovers, fail, or make no progress.
func aFolder(t *rapid.T) iteratee.Iteratee[int, int] {
	n := someInt(t)
	return rapid.SampledFrom([]iteratee.Iteratee[int, int]{
		enumeratee.Transform(enumeratee.Take[int](n), sum()),
		enumeratee.Transform(enumeratee.TakeWhile(below(n)), sum()),
		iteratee.FlatMap(iteratee.Head[int](), func(*int) iteratee.Iteratee[int, int] {
			return enumeratee.Transform(enumeratee.TakeWhile(below(n)), sum())
		}),
		iteratee.FoldM(0, func(_ context.Context, a, e int) (int, error) {
			if e == n {
				return 0, errBoom
			}
			return a + e, nil
		}),
	}).Draw(t, "folder")
}

func TestEveryEnumerateeKeepsTheLaws(t *testing.T) {
	for name, draw := range lossless {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				if rapid.Bool().Draw(t, "loses nothing") {
					assert.NoError(t, enumerateetest.TestRest(draw(t, someOf(t, lossless)), someInts(t, 3)))
					return
				}
				assert.NoError(t, enumerateetest.Test(draw(t, someOf(t, lossless, others)), someInts(t, 3)))
			})
		})
	}
	for name, draw := range holders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				adapter := enumeratee.Compose(draw(t, nil), someOf(t, lossless, others)())
				assert.NoError(t, enumerateetest.Test(adapter, someInts(t, 3)))
			})
		})
	}
	for name, draw := range others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				assert.NoError(t, enumerateetest.Test(draw(t, someOf(t, lossless, others)), someInts(t, 3)))
			})
		})
	}
}

// allocating has the exported functions whose Enumeratee allocates for each element or group.
var allocating = []string{"GroupBy", "Grouped", "GroupedWhile", "MapInput", "Sliding"}

func TestOtherEnumerateesAllocateNothingPerElement(t *testing.T) {
	for _, list := range []map[string]operator{lossless, others, holders} {
		for name, draw := range list {
			most := 0.0
			for seed := range 20 {
				adapter := rapid.Custom(func(t *rapid.T) tee {
					rapid.Bool().Draw(t, "something, as rapid demands")
					return draw(t, func() tee { return enumeratee.PassAlong[int]() })
				}).Example(seed)
				allocs := func(n int) float64 {
					return testing.AllocsPerRun(3, func() {
						source := enumerator.Through((&probe.Source{N: n}).Enumerator(), adapter)
						_, _ = enumerator.Run(context.Background(), source, iteratee.Ignore[int]())
					})
				}
				most = max(most, allocs(1100)-allocs(100))
			}
			assert.Equal(t, slices.Contains(allocating, name), most > 20, "%s allocates %v times for 1000 elements. If it must allocate, it belongs in allocating in kit_test.go", name, most)
		}
	}
}

func TestTransformAndApplyOnKeepTheLaws(t *testing.T) {
	// Consumers that leave elements or EOF over.
	consumers := []iteratee.Iteratee[int, []int]{
		iteratee.Collect[int](),
		iteratee.Repeat(sum()),
		enumeratee.Transform(enumeratee.TakeWhile(below(3)), iteratee.Collect[int]()),
		iteratee.FlatMap(iteratee.TakeUpTo[int](1), func([]int) iteratee.Iteratee[int, []int] { return iteratee.TakeUpTo[int](1) }),
		iteratee.Map(iteratee.IsEmpty[int](), func(bool) []int { return nil }),
		iteratee.Error[int, []int](errBoom, iteratee.Empty[int]()),
	}
	rapid.Check(t, func(t *rapid.T) {
		some := someOf(t, lossless, others)
		adapter := enumeratee.Compose(some(), some())
		consumer, in := rapid.SampledFrom(consumers).Draw(t, "consumer"), someInts(t, 5)
		assert.NoError(t, iterateetest.Test(enumeratee.Transform(adapter, consumer), in), "Transform")
		assert.NoError(t, iterateetest.Test(iteratee.Join(enumeratee.ApplyOn(adapter, consumer)), in), "Join of ApplyOn")
		take := enumeratee.Take[int](someInt(t)) // hands on elements of the same stream
		assert.NoError(t, iterateetest.Test(iteratee.JoinConcat(enumeratee.ApplyOn(take, consumer)), in), "JoinConcat of ApplyOn")
	})
}

func TestNoEnumerateeIsForgotten(t *testing.T) {
	listed := slices.Concat(slices.Collect(maps.Keys(lossless)), slices.Collect(maps.Keys(others)), slices.Collect(maps.Keys(holders)), slices.Collect(maps.Keys(concurrent)))
	probe.Listed(t, "Enumeratee", listed, "add it to lossless, others or holders in kit_test.go, or to concurrent in concurrent_kit_test.go")
	probe.Listed(t, "Iteratee", []string{"ApplyOn", "Transform"}, "test it as TestTransformAndApplyOnKeepTheLaws does, and add it here")
}
