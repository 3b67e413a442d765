package enumerator_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// pushing returns a Unicast whose function pushes es and then calls end.
func pushing(es []int, end func(enumerator.Channel[int]), opts ...enumerator.PushOption) enumerator.Enumerator[int] {
	return enumerator.Unicast(func(ch enumerator.Channel[int]) {
		for _, e := range es {
			if ch.Push(ch.Context(), e) != nil {
				return
			}
		}
		end(ch)
	}, opts...)
}

func TestUnicastEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(enumerator.Channel[int])
		want []int
		err  error
	}{
		"End":          {enumerator.Channel[int].End, []int{1, 2, 3, 9}, nil},
		"EOFAndEnd":    {enumerator.Channel[int].EOFAndEnd, []int{1, 2, 3}, nil},
		"EndWithError": {func(ch enumerator.Channel[int]) { ch.EndWithError(errBoom) }, []int{1, 2, 3}, errBoom},
		"the first of several counts": {func(ch enumerator.Channel[int]) {
			ch.End()
			ch.EndWithError(errBoom)
			ch.EOFAndEnd()
		}, []int{1, 2, 3, 9}, nil},
	} {
		for capacity := 1; capacity < 6; capacity++ {
			t.Run(name, func(t *testing.T) {
				e := pushing([]int{1, 2, 3}, c.end, enumerator.Capacity(capacity)).AndThen(enumerator.Of(9))
				for range 2 {
					var got []int
					_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(_ context.Context, e int) error { got = append(got, e); return nil }))
					assert.ErrorIs(t, err, c.err)
					assert.Equal(t, c.want, got)
				}
			})
		}
	}
	assert.Panics(t, func() { enumerator.Unicast[int](nil) })
	assert.PanicsWithValue(t, "enumerator: EndWithError: err must not be nil", func() {
		_, _ = seen(t.Context(), pushing(nil, func(ch enumerator.Channel[int]) { ch.EndWithError(nil) }), 1)
	})
}

// The end of the context takes long here, because many functions wait for it.
func TestUnicastTakesNothingAfterItsContext(t *testing.T) {
	pushed := make(chan error, 1)
	source := enumerator.Unicast(func(ch enumerator.Channel[int]) {
		for range 10_000 {
			context.AfterFunc(ch.Context(), func() {})
		}
		assert.NoError(t, ch.Push(t.Context(), 1))
		<-ch.Context().Done()
		pushed <- ch.Push(t.Context(), 2)
	})
	for range 20 {
		_, err := enumerator.Run(t.Context(), source, iteratee.Head[int]())
		require.NoError(t, err)
		require.Equal(t, enumerator.ErrStopped, <-pushed)
	}
}

func TestUnicastSendsEOFOnlyWhenToldTo(t *testing.T) {
	for end, want := range map[*func(enumerator.Channel[int])]int64{
		ptr(enumerator.Channel[int].End):                                   0,
		ptr(enumerator.Channel[int].EOFAndEnd):                             1,
		ptr(func(ch enumerator.Channel[int]) { ch.EndWithError(errBoom) }): 0,
	} {
		consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
		_ = enumerator.Apply(t.Context(), pushing([]int{1}, *end), consumer.Iteratee())
		assert.Equal(t, want, consumer.EOFs.Load())
		assert.EqualValues(t, 1, consumer.Nexts.Load())
	}
}

func ptr[T any](v T) *T { return &v }

func TestUnicastFromManyGoroutines(t *testing.T) {
	const pushers, each = 8, 500
	e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
		var wg sync.WaitGroup
		for p := range pushers {
			wg.Go(func() {
				for i := range each {
					assert.NoError(t, ch.Push(ch.Context(), p*each+i))
				}
			})
		}
		wg.Wait()
		ch.End()
	}, enumerator.Capacity(3))
	var sources [][]int
	for p := range pushers {
		sources = append(sources, collect(t, count(p*each, each)))
	}
	hasAllInOrder(t, e, sources)
}

// The end of the function does not end the stream. Any holder of the channel can end it.
func TestUnicastOutlivesItsFunction(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	channels, told := make(chan enumerator.Channel[int], 1), make(chan struct{})
	go func() {
		ch := <-channels
		assert.NoError(t, ch.Push(context.Background(), 1))
		assert.NoError(t, ch.Push(context.Background(), 2))
		ch.End()
		assert.ErrorIs(t, ch.Push(context.Background(), 3), enumerator.ErrEnded)
		close(told)
		<-ch.Context().Done()
		channels <- ch
	}()
	busy := enumeratee.Map(func(i int) int {
		<-told // otherwise the run could be over before the third Push
		return i
	})
	assert.Equal(t, []int{1, 2}, collect(t, enumerator.Through(
		enumerator.Unicast(func(ch enumerator.Channel[int]) { channels <- ch }), busy)))
	ch := <-channels
	assert.ErrorIs(t, context.Cause(ch.Context()), enumerator.ErrStopped)
	assert.ErrorIs(t, ch.Push(context.Background(), 4), enumerator.ErrStopped, "the run is over")
	ch.End()
}

// An operator that stops the source has a cause of its own, which tells the pusher as much.
func TestUnicastLearnsWhyItIsStopped(t *testing.T) {
	for name, of := range map[string]func(enumerator.Enumerator[int]) enumerator.Enumerator[int]{
		"Buffer": func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
			return enumerator.Through(e, enumeratee.Buffer[int](1))
		},
		"Interleave": func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] { return enumerator.Interleave(e) },
		"both": func(e enumerator.Enumerator[int]) enumerator.Enumerator[int] {
			return enumerator.Through(enumerator.Interleave(e), enumeratee.Buffer[int](1))
		},
	} {
		for end, want := range map[error]error{nil: enumerator.ErrStopped, errBoom: errBoom} {
			t.Run(fmt.Sprint(name, end), func(t *testing.T) {
				var cause error
				e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
					assert.NoError(t, ch.Push(context.Background(), 1))
					<-ch.Context().Done()
					cause = context.Cause(ch.Context())
					var err error
					for err == nil {
						err = ch.Push(context.Background(), 2)
					}
					assert.ErrorIs(t, err, want)
				})
				_, err := enumerator.Run(t.Context(), of(e), iteratee.FoldUntil(0, func(context.Context, int, int) (int, bool, error) { return 0, true, end }))
				assert.Equal(t, end, err)
				assert.ErrorIs(t, cause, want)
			})
		}
	}
}

// Each policy is tried with room for two, and a consumer that keeps the first element and waits.
func TestUnicastPolicies(t *testing.T) {
	for policy, c := range map[enumerator.Policy]struct {
		want    []int
		errs    []error // the errors of the pushes of 1 to 5
		dropped uint64
		err     error
	}{
		enumerator.DropOldest: {[]int{1, 4, 5}, make([]error, 5), 2, nil},
		enumerator.DropNewest: {[]int{1, 2, 3}, make([]error, 5), 2, nil},
		enumerator.FailSlow:   {[]int{1, 2, 3}, []error{nil, nil, nil, enumerator.ErrSlow, enumerator.ErrEnded}, 0, enumerator.ErrSlow},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			busy, idle := make(chan struct{}), make(chan struct{})
			e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
				for i, want := range c.errs {
					assert.Equal(t, want, ch.Push(ch.Context(), i+1))
					if i == 0 {
						<-busy
					}
				}
				assert.Equal(t, c.dropped, ch.Dropped())
				ch.End()
				close(idle)
			}, enumerator.Capacity(2), enumerator.WhenFull(policy))
			var got []int
			_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(_ context.Context, e int) error {
				if got = append(got, e); e == 1 {
					close(busy)
					<-idle
				}
				return nil
			}))
			assert.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestUnicastBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pushed := 0
		e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
			for ch.Push(context.Background(), pushed+1) == nil {
				pushed++
			}
		}, enumerator.Capacity(3))
		_, err := enumerator.Run(t.Context(), enumerator.Through(e, enumeratee.Take[int](5)), iteratee.ForEach(func(_ context.Context, e int) error {
			synctest.Wait()
			assert.Equal(t, e+3, pushed, "the room is full, and the consumer has one element")
			return nil
		}))
		require.NoError(t, err)
	})
}

// A waiting push returns when its own context ends, and when the stream ends.
func TestUnicastWaitingPush(t *testing.T) {
	full := enumerator.Capacity(1)
	for name, c := range map[string]struct {
		act  func(ch enumerator.Channel[int], cancelPush, cancelRun func())
		push error
		run  error
	}{
		"the context ends":   {func(_ enumerator.Channel[int], cancelPush, _ func()) { cancelPush() }, errBoom, enumerator.ErrSlow},
		"the run is cut":     {func(_ enumerator.Channel[int], _, cancelRun func()) { cancelRun() }, errCut, errCut},
		"End":                {func(ch enumerator.Channel[int], _, _ func()) { ch.End() }, enumerator.ErrEnded, nil},
		"the consumer fails": {func(enumerator.Channel[int], func(), func()) {}, errFull, errFull},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancelRun := context.WithCancelCause(t.Context())
				pushCtx, cancelPush := context.WithCancelCause(t.Context())
				e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
					for range 2 { // one for the consumer, one to fill the room
						assert.NoError(t, ch.Push(pushCtx, 1))
						synctest.Wait()
					}
					for range 3 {
						go func() { assert.ErrorIs(t, ch.Push(pushCtx, 2), c.push) }()
					}
					synctest.Wait()
					c.act(ch, func() { cancelPush(errBoom) }, func() { cancelRun(errCut) })
					time.Sleep(time.Minute)
					ch.EndWithError(enumerator.ErrSlow)
				}, full)
				_, err := enumerator.Run(ctx, e, iteratee.ForEach(func(context.Context, int) error {
					time.Sleep(time.Second)
					if errors.Is(c.run, errFull) {
						return errFull
					}
					return nil
				}))
				assert.ErrorIs(t, err, c.run)
				cancelPush(nil)
			})
		})
	}
}

var errCut, errFull = errors.New("the run was cut"), errors.New("the consumer has had enough")

// The run ends in each way at each element. The pusher learns of it and ends before the run.
func TestUnicastAbandoned(t *testing.T) {
	for k := 1; k <= 5; k++ {
		for name, c := range map[string]struct {
			each func(cancel func()) error // called at the k-th element
			want error                     // the error of the push
		}{
			"done":    {func(func()) error { return nil }, enumerator.ErrStopped},
			"error":   {func(func()) error { return errBoom }, errBoom},
			"cancel":  {func(cancel func()) error { cancel(); return nil }, errCut},
			"panic":   {func(func()) error { panic(errBoom) }, enumerator.ErrStopped},
			"Goexit":  {func(func()) error { runtime.Goexit(); return nil }, enumerator.ErrStopped},
			"nothing": {nil, errCut},
		} {
			t.Run(name, func(t *testing.T) {
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				ctx, cancel := context.WithCancelCause(t.Context())
				returned := false
				e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
					defer func() { returned = true }()
					for i := 1; ; i++ {
						if c.each == nil && i == k {
							cancel(errCut)
							<-ch.Context().Done()
						}
						if err := ch.Push(context.Background(), i); err != nil {
							assert.ErrorIs(t, err, c.want)
							assert.ErrorIs(t, context.Cause(ch.Context()), c.want)
							return
						}
					}
				}, enumerator.Capacity(2))
				over := make(chan struct{})
				go func() {
					defer close(over)
					defer func() { _ = recover() }()
					defer func() { assert.True(t, returned, "the function returns before the run") }()
					_, _ = enumerator.Run(ctx, e, iteratee.FoldUntil(0, func(_ context.Context, n, e int) (int, bool, error) {
						if c.each == nil || e != k {
							return e, false, nil
						}
						return e, name == "done", c.each(func() { cancel(errCut) })
					}))
				}()
				<-over
				cancel(nil)
			})
		}
	}
}

func TestUnicastPanics(t *testing.T) {
	type value struct{ int }
	boom := &value{7}
	for name, f := range map[string]func(enumerator.Channel[int]){
		"at once":          func(enumerator.Channel[int]) { panic(boom) },
		"after an element": func(ch enumerator.Channel[int]) { _ = ch.Push(ch.Context(), 1); panic(boom) },
		"after the end":    func(ch enumerator.Channel[int]) { ch.End(); <-ch.Context().Done(); panic(boom) },
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			var got any
			func() {
				defer func() { got = recover() }()
				_, _ = seen(t.Context(), enumerator.Unicast(f), 3)
			}()
			assert.Same(t, boom, got, "the same value")
		})
	}
	assert.PanicsWithError(t, "enumerator: Unicast: the function has called runtime.Goexit", func() {
		_, _ = seen(t.Context(), enumerator.Unicast(func(enumerator.Channel[int]) { runtime.Goexit() }), 3)
	})
	assert.PanicsWithValue(t, "consumer", func() {
		e := enumerator.Unicast(func(ch enumerator.Channel[int]) { _ = ch.Push(ch.Context(), 1); <-ch.Context().Done(); panic(boom) })
		_, _ = enumerator.Run(t.Context(), e, iteratee.Fold(0, func(int, int) int { panic("consumer") }))
	}, "the first panic reaches the caller")
}

func TestUnicastEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endsAfterASecond(t, enumerator.Unicast(func(ch enumerator.Channel[int]) { _ = ch.Push(ch.Context(), 1) }), 1)
	})
	endsAtOnce(t, enumerator.Unicast(func(ch enumerator.Channel[int]) {
		for ch.Push(ch.Context(), 1) == nil {
		}
	}))
}

func TestUnicastDoesNotStartForADoneConsumer(t *testing.T) {
	never := enumerator.Unicast(func(enumerator.Channel[int]) { t.Error("started") })
	assert.Nil(t, collect(t, enumerator.Through(never, enumeratee.Take[int](0))))
}

func TestPushOptions(t *testing.T) {
	assert.PanicsWithValue(t, "enumerator: Capacity: n must be positive, got 0", func() { enumerator.Capacity(0) })
	assert.PanicsWithValue(t, "enumerator: Capacity: n must not be more than 1073741824, got 1073741825", func() { enumerator.Capacity(1<<30 + 1) })
	assert.PanicsWithValue(t, "enumerator: WhenFull: no such policy: 4", func() { enumerator.WhenFull(4) })
	assert.PanicsWithValue(t, "enumerator: WhenFull: no such policy: -1", func() { enumerator.WhenFull(-1) })
	assert.Equal(t, "Block DropOldest DropNewest FailSlow Policy(7)", enumerator.Block.String()+" "+enumerator.DropOldest.String()+" "+
		enumerator.DropNewest.String()+" "+enumerator.FailSlow.String()+" "+enumerator.Policy(7).String())
}

// Each policy is tried with room for a sum of sizes of 5, and a consumer that keeps the first element
// and waits.
func TestUnicastBySizes(t *testing.T) {
	length := func(s string) int { return len(s) }
	in := []string{"first", "aaa", "bb", "c", "", "dddd", "eeeeeee", "f"}
	for policy, c := range map[enumerator.Policy]struct {
		want    []string
		dropped uint64
		err     error
	}{
		enumerator.DropOldest: {[]string{"first", "f"}, 6, nil},
		enumerator.DropNewest: {[]string{"first", "aaa", "bb"}, 5, nil},
		enumerator.FailSlow:   {[]string{"first", "aaa", "bb"}, 0, enumerator.ErrSlow},
		enumerator.Block:      {in, 0, nil},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := enumerator.Unicast(func(ch enumerator.Channel[string]) {
					for i, e := range in {
						_ = ch.Push(ch.Context(), e)
						if i == 0 {
							synctest.Wait()
						}
					}
					assert.Equal(t, c.dropped, ch.Dropped())
					ch.End()
				}, enumerator.CapacityFunc(5, length), enumerator.WhenFull(policy))
				var got []string
				_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(_ context.Context, e string) error {
					time.Sleep(time.Hour)
					got = append(got, e)
					return nil
				}))
				assert.ErrorIs(t, err, c.err)
				assert.Equal(t, c.want, got)
			})
		})
	}
}
