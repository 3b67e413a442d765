package enumerator_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// When its context ends, a run ends after the element in hand. Here the consumer takes 100 ms for each
// element, and the context ends in the middle of the n-th.
func TestCancelIsPrompt(t *testing.T) {
	const many = 1000
	es := make([]int, many)
	list := strings.Repeat("1\n", many)
	pass := func(name string, adapter enumeratee.Enumeratee[int, int]) (string, enumerator.Enumerator[int]) {
		return "FromSlice through " + name, enumerator.Through(enumerator.FromSlice(es), adapter)
	}
	lengths := enumeratee.Map(func(line []byte) int { return len(line) })
	fast := func(context.Context) (int, error) { return 1, nil }
	sources := map[string]enumerator.Enumerator[int]{
		"Of":                    enumerator.Of(es...),
		"FromSlice":             enumerator.FromSlice(es),
		"FromSeq":               enumerator.FromSeq(slices.Values(es)),
		"Unfold":                enumerator.Unfold(0, func(s int) (int, int, bool) { return s, s, true }),
		"Repeat":                enumerator.Repeat(func() int { return 1 }),
		"RepeatM":               enumerator.RepeatM(fast),
		"FromInput":             enumerator.FromInput(iteratee.Els(es...)),
		"AndThen":               enumerator.Of(1, 2, 3).AndThen(enumerator.FromSlice(es)),
		"Interleave":            enumerator.Interleave(enumerator.FromSlice(es), enumerator.FromSlice(es)),
		"FlatMap":               enumerator.FlatMap(enumerator.Of(1), func(int) enumerator.Enumerator[int] { return enumerator.FromSlice(es) }),
		"MapConcat":             enumerator.Through(enumerator.Of(1), enumeratee.MapConcat(func(int) []int { return es })),
		"MapConcat of few each": enumerator.Through(enumerator.FromSlice(es), enumeratee.MapConcat(func(e int) []int { return []int{e, e, e} })),
		"MapInput": enumerator.Through(enumerator.Of(1), enumeratee.MapInput(func(iteratee.Input[int]) iteratee.Input[int] {
			return iteratee.Els(es...)
		})),
		"Heading":          enumerator.Through(enumerator.Of(1), enumeratee.Heading(es...)),
		"Heading a source": enumerator.Through(enumerator.Of(1), enumerator.Heading(enumerator.FromSlice(es))),
		"Trailing":         enumerator.Through(enumerator.Of(1), enumerator.Trailing(enumerator.FromSlice(es))),
		"text.Lines":       enumerator.Through(enumerator.Of([]byte(list)), enumeratee.Compose(text.Lines(10), lengths)),
		"text.Search": enumerator.Through(enumerator.Of([]byte(list)), enumeratee.Compose(text.Search([]byte("\n")),
			enumeratee.Map(func(m text.MatchInfo) int { return len(m.Content) }))),
		"ndjson.Decode":    enumerator.Through(enumerator.Of([]byte(list)), ndjson.Decode[int](10)),
		"ndjson.DecodeSeq": enumerator.Through(enumerator.Of([]byte(strings.Repeat("\x1e1\n", many))), ndjson.DecodeSeq[int](10, nil)),
		"FromScanner": enumerator.Map(enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
			return enumerator.FromScanner(bufio.NewScanner(strings.NewReader(list))), nil
		}), func(line []byte) int { return len(line) }),
		"FromReader": enumerator.Map(enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
			return enumerator.FromReader(bytes.NewReader(make([]byte, many)), 1), nil
		}), func(line []byte) int { return len(line) }),
		"FromWriter": enumerator.Map(enumerator.FromWriter(func(w io.Writer) error {
			for range many {
				if _, err := w.Write([]byte("1")); err != nil {
					return err
				}
			}
			return nil
		}), func(line []byte) int { return len(line) }),
		"FromChan": enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
			ch := make(chan int, many)
			for _, e := range es {
				ch <- e
			}
			return enumerator.FromChan(ch), nil
		}),
		"Broadcast": enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
			hub := enumerator.Broadcast[int](enumerator.Capacity(many))
			for _, e := range es {
				if err := hub.Push(ctx, e); err != nil {
					return enumerator.Empty[int](), err
				}
			}
			return enumerator.Values(hub.Last(many), nil), nil
		}),
		"Unicast": enumerator.Unicast(func(c enumerator.Channel[int]) {
			for _, e := range es {
				if c.Push(c.Context(), e) != nil {
					return
				}
			}
		}, enumerator.Capacity(many)),
		"a rest of RunPartial": enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
			lookAhead := iteratee.Done(0, iteratee.Els(es...))
			_, rest, stop, err := enumerator.RunPartial(ctx, enumerator.FromSlice(es), lookAhead)
			iteratee.AtEnd(ctx, stop)
			return rest, err
		}),
	}
	for _, adapter := range []struct {
		name string
		t    enumeratee.Enumeratee[int, int]
	}{
		{"Map", enumeratee.Map(func(e int) int { return e })},
		{"Filter", enumeratee.Filter(func(int) bool { return true })},
		{"Take", enumeratee.Take[int](many)},
		{"Grouped", enumeratee.Grouped(iteratee.Map(iteratee.Head[int](), func(e *int) int { return *e }))},
		{"Buffer", enumeratee.Buffer[int](100)},
		{"MapConcurrent", enumeratee.MapConcurrent(4, func(_ context.Context, e int) (int, error) { return e, nil })},
		{"Map after Buffer", enumeratee.Compose(enumeratee.Buffer[int](100), enumeratee.MapConcat(func(e int) []int { return []int{e, e} }))},
	} {
		name, e := pass(adapter.name, adapter.t)
		sources[name] = e
	}
	for name, source := range sources {
		for _, n := range []int{1, 3, 40, 200} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const each = 100 * time.Millisecond
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					time.AfterFunc(time.Duration(n)*each-each/2, func() { cancel(errBoom) })
					taken := 0
					slow := iteratee.Fold(0, func(int, int) int {
						taken++
						time.Sleep(each)
						return 0
					})
					start := time.Now()
					_, err := enumerator.Run(ctx, source, slow)
					assert.ErrorIs(t, err, errBoom)
					assert.Equal(t, n, taken)
					assert.Equal(t, time.Duration(n)*each, time.Since(start))
				})
			})
		}
	}
}

// Here the context ends when the consumer returns, and the next element may be due as well.
func TestCancelIsPromptThoughTheNextIsDue(t *testing.T) {
	fast := enumerator.Repeat(func() int { time.Sleep(100 * time.Microsecond); return 1 })
	same := func(_ context.Context, e int) (int, error) { return e, nil }
	tick := func(time.Time) int { return 1 }
	for name, source := range map[string]enumerator.Enumerator[int]{
		"Interval":               enumerator.Map(enumerator.Interval(time.Millisecond), tick),
		"Sample":                 enumerator.Through(fast, enumeratee.Sample[int](time.Millisecond)),
		"Debounce":               enumerator.Map(enumerator.Through(enumerator.Interval(2*time.Millisecond), enumeratee.Debounce[time.Time](time.Millisecond)), tick),
		"Delay":                  enumerator.Through(fast, enumeratee.Delay[int](time.Millisecond)),
		"GroupedWithin":          enumerator.Map(enumerator.Through(fast, enumeratee.GroupedWithin[int](1, time.Millisecond)), func(es []int) int { return es[0] }),
		"MapConcurrent":          enumerator.Through(fast, enumeratee.MapConcurrent(9, same)),
		"MapConcurrentUnordered": enumerator.Through(fast, enumeratee.MapConcurrentUnordered(9, same)),
		"Conflate":               enumerator.Through(fast, enumeratee.Conflate(func(_, e int) int { return e })),
		"a rest of RunPartial": enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
			_, rest, stop, err := enumerator.RunPartial(context.Background(), enumerator.FromSlice(make([]int, 1000)), iteratee.Head[int]())
			iteratee.AtEnd(ctx, stop)
			return rest, err
		}),
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 3, 40} {
				for range 10 { // a select may choose the next element by chance
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := context.WithCancelCause(t.Context())
						defer cancel(nil)
						taken := 0
						_, err := enumerator.Run(ctx, source, iteratee.Fold(0, func(int, int) int {
							time.Sleep(100 * time.Millisecond)
							if taken++; taken == n {
								cancel(errBoom)
							}
							return 0
						}))
						assert.ErrorIs(t, err, errBoom)
						assert.Equal(t, n, taken)
					})
				}
			}
		})
	}
}

func TestCancelIsPromptWhereTheSourceIsSlow(t *testing.T) {
	slow := func() int { time.Sleep(100 * time.Millisecond); return 1 }
	for name, source := range map[string]enumerator.Enumerator[int]{
		"Repeat":  enumerator.Repeat(slow),
		"Unfold":  enumerator.Unfold(0, func(s int) (int, int, bool) { return slow(), s, true }),
		"RepeatM": enumerator.RepeatM(func(context.Context) (int, error) { return slow(), nil }),
		"FromSeq": enumerator.FromSeq(func(yield func(int) bool) {
			for yield(slow()) {
			}
		}),
		"FromSeq2": enumerator.FromSeq2(func(yield func(int, error) bool) {
			for yield(slow(), nil) {
			}
		}),
		"Map":    enumerator.Map(probe.Naturals(), func(int) int { return slow() }),
		"Filter": enumerator.Through(enumerator.Repeat(func() int { return 1 }), enumeratee.Filter(func(int) bool { slow(); return false })),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errBoom)
				defer cancel()
				start := time.Now()
				_, err := enumerator.Run(ctx, source, iteratee.Ignore[int]())
				assert.ErrorIs(t, err, errBoom)
				assert.Equal(t, 100*time.Millisecond, time.Since(start))
			})
		})
	}
}
