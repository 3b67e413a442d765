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
	"github.com/halley-go/halley/iteratee"
)

type derivedKey struct{}

// A derive makes a context of another one.
type derive func(context.Context) (context.Context, context.CancelFunc)

var derives = map[string]derive{
	"WithCancel": context.WithCancel,
	"WithTimeout": func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Hour)
	},
	"WithValue": func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithValue(ctx, derivedKey{}, 1), func() {}
	},
}

// source returns e, run with a derived context.
func (d derive) source(e source) source {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
		ctx, cancel := d(ctx)
		defer cancel()
		return e.Into(ctx, sink)
	})
}

type last = iteratee.Iteratee[int, int]

// consumer returns c, run with a derived context.
func (d derive) consumer(c last) last {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[int, int], iteratee.Step) {
		own, cancel := d(ctx)
		iteratee.AtEnd(ctx, cancel)
		return c.Start(own)
	})
}

// A consumer in another goroutine interrupts a source that waits, even if package context has made the
// context of the consumer, of the source or of the adapter between them.
func TestADerivedContextDoesNotLoseInterrupts(t *testing.T) {
	for name, waits := range map[string]func() source{ // each gives 1, and then waits
		"Never":    func() source { return enumerator.Of(1).AndThen(enumerator.Never[int]()) },
		"Generate": func() source { return enumerator.Of(1).AndThen(silent()) },
		"Interval": func() source {
			return enumerator.Of(1).AndThen(enumerator.Map(enumerator.Interval(time.Hour), func(time.Time) int { return 2 }))
		},
		"FromChan": func() source {
			ch := make(chan int, 1)
			ch <- 1
			return enumerator.FromChan(ch)
		},
		"Broadcast": func() source {
			hub := enumerator.Broadcast[int]()
			_ = hub.Push(context.Background(), 1)
			return values(hub.Last(1))
		},
		"Unicast": func() source {
			return enumerator.Unicast(func(ch enumerator.Channel[int]) { _ = ch.Push(ch.Context(), 1) })
		},
		"FlatMap": func() source {
			return enumerator.FlatMap(enumerator.Of(1), func(e int) source { return enumerator.Of(e).AndThen(enumerator.Never[int]()) })
		},
		"Interleave": func() source { return enumerator.Interleave(enumerator.Of(1), enumerator.Never[int]()) },
		"SwitchMap": func() source {
			return enumerator.SwitchMap(enumerator.Of(1), func(e int) source { return enumerator.Of(e).AndThen(enumerator.Never[int]()) })
		},
		"a rest of RunPartial": func() source {
			_, rest, _, _ := enumerator.RunPartial(context.Background(), enumerator.Of(0, 1).AndThen(enumerator.Never[int]()), iteratee.TakeUpTo[int](1))
			return rest
		},
	} {
		before := func(e source) source { return enumerator.Through(e, enumeratee.Buffer[int](1)) }
		behind := func(c last) last { return enumeratee.Transform(enumeratee.Buffer[int](1), c) }
		for way, d := range derives {
			for of, run := range map[string]func(context.Context, source, last) (int, error){
				"the consumer": func(ctx context.Context, e source, c last) (int, error) {
					return enumerator.Run(ctx, e, d.consumer(behind(c)))
				},
				"the source": func(ctx context.Context, e source, c last) (int, error) {
					return enumerator.Run(ctx, d.source(e), behind(c))
				},
				"the adapter": func(ctx context.Context, e source, c last) (int, error) {
					return enumerator.Run(ctx, d.source(before(e)), c)
				},
				"all": func(ctx context.Context, e source, c last) (int, error) {
					return enumerator.Run(ctx, d.source(before(d.source(e))), d.consumer(behind(d.consumer(c))))
				},
			} {
				t.Run(name+"/"+way+" of "+of, func(t *testing.T) {
					for _, failure := range []error{nil, errBoom} {
						synctest.Test(t, func(t *testing.T) {
							start := time.Now()
							got, err := run(t.Context(), waits(), iteratee.FoldUntil(0, func(_ context.Context, _, e int) (int, bool, error) {
								time.Sleep(time.Minute)
								return e, true, failure
							}))
							assert.Equal(t, failure, err)
							assert.Equal(t, failure == nil, got == 1)
							assert.Equal(t, time.Minute, time.Since(start))
						})
					}
				})
			}
		}
	}
}

// A part of a consumer that is done does not interrupt the source, because the next part wants its
// elements. A derived context of the part does not change that.
func TestADerivedContextOfAPartDoesNotInterrupt(t *testing.T) {
	for way, d := range derives {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				head := iteratee.Map(iteratee.Head[int](), func(e *int) int { return *e })
				part := d.consumer(enumeratee.Transform(enumeratee.Buffer[int](1), head))
				slow := enumerator.Of(1).AndThen(after(time.Minute, enumerator.Of(2, 3)))
				got, err := enumerator.Run(t.Context(), slow, iteratee.FlatMap(part, func(int) iteratee.Iteratee[int, []int] {
					return iteratee.Collect[int]()
				}))
				require.NoError(t, err)
				assert.Equal(t, []int{2, 3}, got)
			})
		})
	}
}
