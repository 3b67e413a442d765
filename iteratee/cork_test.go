package iteratee_test

import (
	"bufio"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// pairs is a source of 1, 2, …, n, which come in pairs.
func pairs(n int) enumerator.Enumerator[int] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		cork := iteratee.Cork(ctx)
		defer cork(false)
		for e := range n {
			if e%2 == 0 {
				cork(false)
				cork(e+1 < n)
			}
			if step := sink.Next(e + 1); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// derived runs e with a context that is made from the context of the run.
func derived(source enumerator.Enumerator[int]) enumerator.Enumerator[int] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		return source.Into(ctx, sink)
	})
}

func recovering(adapter enumeratee.Enumeratee[int, int]) enumeratee.Enumeratee[int, int] {
	return enumeratee.Recover(adapter, func(_ context.Context, err error, _ iteratee.Input[int]) error { return err })
}

func TestCork(t *testing.T) {
	add := func(e int) int { return e + 10 }
	corked := func(note func(string)) iteratee.Iteratee[int, struct{}] { return probe.Corks[int](note) }
	for name, tt := range map[string]struct {
		source   enumerator.Enumerator[int]
		consumer func(note func(string)) iteratee.Iteratee[int, struct{}]
		want     []string
	}{
		"source":                           {pairs(3), corked, []string{"cork", "1", "2", "uncork", "3"}},
		"a source that does not call Cork": {enumerator.Of(1, 2), corked, []string{"1", "2"}},
		"Through": {
			enumerator.Through(enumerator.Through(pairs(3), enumeratee.Map(add)), enumeratee.Filter(func(e int) bool { return e != 12 })),
			corked, []string{"cork", "11", "uncork", "13"}},
		"Transform": {
			pairs(3),
			func(note func(string)) iteratee.Iteratee[int, struct{}] {
				return enumeratee.Transform(enumeratee.Map(add), corked(note))
			},
			[]string{"cork", "11", "12", "uncork", "13"}},
		"AndThen": {enumerator.Of(8).AndThen(pairs(2)).AndThen(enumerator.Of(9)), corked, []string{"8", "cork", "1", "2", "uncork", "9"}},
		"FlatMap": {
			enumerator.FlatMap(enumerator.Of(1, 2), func(int) enumerator.Enumerator[int] { return pairs(2) }),
			corked, []string{"cork", "1", "2", "uncork", "cork", "1", "2", "uncork"}},
		"consumer ends": {
			enumerator.Through(pairs(4), enumeratee.Take[int](1)),
			corked, []string{"cork", "1", "uncork"}},
		// The consumer runs in another goroutine.
		"not before a goroutine of an adapter": {enumerator.Through(pairs(2), enumeratee.Buffer[int](0)), corked, []string{"1", "2"}},
		"not before a goroutine of the consumer": {
			pairs(2),
			func(note func(string)) iteratee.Iteratee[int, struct{}] {
				return enumeratee.Transform(enumeratee.Buffer[int](0), corked(note))
			},
			[]string{"1", "2"}},
		"side by side": {enumerator.Interleave(pairs(3), enumerator.Empty[int]()), corked, []string{"cork", "1", "2", "uncork", "3"}},
		"side by side, one after the other": {
			enumerator.FlatMapConcurrent(enumerator.Of(1, 2), 1, func(int) enumerator.Enumerator[int] { return pairs(2) }),
			corked, []string{"cork", "1", "2", "uncork", "cork", "1", "2", "uncork"}},
		"side by side, within another": {
			enumerator.Interleave(enumerator.Interleave(pairs(3)), enumerator.Empty[int]()),
			corked, []string{"cork", "1", "2", "uncork", "3"}},
		"SwitchMap": {
			enumerator.SwitchMap(enumerator.Of(1), func(int) enumerator.Enumerator[int] { return pairs(3) }),
			corked, []string{"cork", "1", "2", "uncork", "3"}},
		"in a context that the source has derived": {derived(pairs(3)), corked, []string{"cork", "1", "2", "uncork", "3"}},
		"in a context that the consumer has derived": {
			pairs(3),
			func(note func(string)) iteratee.Iteratee[int, struct{}] {
				return iteratee.New(func(ctx context.Context) (iteratee.Running[int, struct{}], iteratee.Step) {
					return corked(note).Start(context.WithValue(ctx, new(int), "value"))
				})
			},
			[]string{"cork", "1", "2", "uncork", "3"}},
		"behind Timeout":           {enumerator.Through(pairs(3), enumeratee.Timeout[int](time.Hour)), corked, []string{"cork", "1", "2", "uncork", "3"}},
		"derived, behind Timeout":  {enumerator.Through(derived(pairs(3)), enumeratee.Timeout[int](time.Hour)), corked, []string{"cork", "1", "2", "uncork", "3"}},
		"behind Recover":           {enumerator.Through(pairs(3), recovering(enumeratee.Map(add))), corked, []string{"cork", "11", "12", "uncork", "13"}},
		"derived, before a buffer": {enumerator.Through(derived(pairs(2)), enumeratee.Buffer[int](0)), corked, []string{"1", "2"}},
		"a buffer in Recover":      {enumerator.Through(derived(pairs(2)), recovering(enumeratee.Buffer[int](0))), corked, []string{"1", "2"}},
		"a buffer in Timeout": {
			enumerator.Through(derived(pairs(2)), enumeratee.Compose(enumeratee.Timeout[int](time.Hour), enumeratee.Buffer[int](0))),
			corked, []string{"1", "2"}},
		"in the goroutine of a buffer": {
			enumerator.Through(enumerator.Of(1), enumeratee.Compose(enumeratee.Buffer[int](0), enumerator.MapFlatten(func(int) enumerator.Enumerator[int] { return derived(pairs(2)) }))),
			corked, []string{"1", "2"}},
		"not for another run in the consumer": {
			enumerator.Of(7),
			func(note func(string)) iteratee.Iteratee[int, struct{}] {
				return iteratee.New(func(ctx context.Context) (iteratee.Running[int, struct{}], iteratee.Step) {
					r, step := corked(note).Start(ctx)
					return iteratee.WithResult(iteratee.Funcs[int]{
						Next: func(e int) iteratee.Step {
							if _, err := enumerator.Run(ctx, pairs(2), iteratee.Ignore[int]()); err != nil {
								return iteratee.StepError(err)
							}
							return r.Next(e)
						},
						EOF: r.EOF,
					}.Sink(), r.Result), step
				})
			},
			[]string{"7"}},
		"not for another run of the source": {
			enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
				if _, err := enumerator.Run(ctx, pairs(2), iteratee.Ignore[int]()); err != nil {
					return iteratee.StepError(err)
				}
				return sink.Next(7)
			}),
			corked, []string{"7"}},
		"not for a run that is pulled": {
			enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
				for e := range enumerator.All(ctx, pairs(2)) {
					if step := sink.Next(e); !step.IsCont() {
						return step
					}
				}
				return iteratee.StepCont
			}),
			corked, []string{"1", "2"}},
		"not in the goroutine of Unicast": {
			enumerator.Unicast(func(c enumerator.Channel[int]) {
				ignore, _ := iteratee.Ignore[int]().Start(c.Context())
				_ = pairs(2).Into(c.Context(), ignore)
				_ = c.Push(c.Context(), 7)
				c.End()
			}),
			corked, []string{"7"}},
		"not for a part of the consumer": {
			pairs(4),
			func(note func(string)) iteratee.Iteratee[int, struct{}] {
				return iteratee.FlatMap(iteratee.Head[int](), func(*int) iteratee.Iteratee[int, struct{}] { return corked(note) })
			},
			[]string{"2", "3", "4"}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				var got []string
				_, err := enumerator.Run(t.Context(), tt.source, tt.consumer(func(s string) { got = append(got, s) }))
				require.NoError(t, err)
				assert.Equal(t, tt.want, got)
			}
		})
	}
	t.Run("outside of a run", func(t *testing.T) {
		assert.NotPanics(t, func() { iteratee.Cork(t.Context())(true) })
		assert.NotPanics(t, func() { iteratee.OnCork(t.Context(), func(bool) { t.Error("called") }) })
	})
}

func ExampleCork() {
	// A source that gets several numbers at a time.
	packets := [][]int{{1, 2, 3}, {4}}
	numbers := enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		cork := iteratee.Cork(ctx)
		defer cork(false)
		for _, packet := range packets {
			cork(false) // before it waits for the packet
			for i, n := range packet {
				if i+1 < len(packet) {
					cork(true)
				}
				if step := sink.Next(n); !step.IsCont() {
					return step
				}
			}
		}
		return iteratee.StepCont
	})

	// A consumer that writes the elements of a burst in one line.
	lines := iteratee.New(func(ctx context.Context) (iteratee.Running[int, struct{}], iteratee.Step) {
		var line []int
		held := false
		end := func() {
			if len(line) > 0 {
				fmt.Println(line)
				line = nil
			}
		}
		iteratee.OnCork(ctx, func(corked bool) {
			if held = corked; !held {
				end()
			}
		})
		return iteratee.ForEach(func(_ context.Context, n int) error {
			if line = append(line, n); !held {
				end()
			}
			return nil
		}).Start(ctx)
	})
	_, err := enumerator.Run(context.Background(), numbers, lines)
	fmt.Println(err)
	// Output:
	// [1 2 3]
	// [4]
	// <nil>
}

// A consumer with a buffer, which it flushes after each element or each burst.
func ExampleOnCork() {
	numbers := make(chan int, 3)
	for n := range 3 {
		numbers <- n
	}
	close(numbers)

	write := iteratee.New(func(ctx context.Context) (iteratee.Running[int, struct{}], iteratee.Step) {
		w, held := bufio.NewWriter(packets{}), false
		iteratee.OnCork(ctx, func(corked bool) {
			if held = corked; !held {
				_ = w.Flush() // the next write returns the same error
			}
		})
		return iteratee.ForEach(func(_ context.Context, n int) error {
			fmt.Fprint(w, n)
			if held {
				return nil
			}
			return w.Flush()
		}).Start(ctx)
	})
	_, err := enumerator.Run(context.Background(), enumerator.FromChan(numbers), write)
	fmt.Println(err)
	// Output:
	// a packet: 012
	// <nil>
}

// packets is a connection that sends the bytes of each Write at once.
type packets struct{}

func (packets) Write(p []byte) (int, error) {
	fmt.Printf("a packet: %s\n", p)
	return len(p), nil
}
