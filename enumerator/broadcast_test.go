package enumerator_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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

type (
	item  = enumerator.Item[int]
	items = enumerator.Enumerator[item]
)

// hubOf returns a hub into which n ints from 1 have been pushed, so that values are Seqs.
func hubOf(t *testing.T, n int, opts ...enumerator.PushOption) *enumerator.Hub[int] {
	t.Helper()
	hub := enumerator.Broadcast[int](opts...)
	for i := range n {
		require.NoError(t, hub.Push(t.Context(), i+1))
	}
	return hub
}

// shown returns a text for each item: "value", "from+n" for a Gap, "reset seq" for a Reset, "at seq" for a
// Bookmark.
func shown(is []item) (all []string) {
	for _, i := range is {
		switch {
		case i.Gap.N > 0:
			all = append(all, fmt.Sprintf("%d+%d", i.Gap.From.Seq, i.Gap.N))
		case i.Reset:
			all = append(all, fmt.Sprintf("reset %d", i.Position.Seq))
		case i.Bookmark:
			all = append(all, fmt.Sprintf("at %d", i.Position.Seq))
		default:
			all = append(all, fmt.Sprint(i.Value))
		}
	}
	return all
}

// These runs begin when 5 elements have been pushed. The sixth is pushed while they are busy with their
// first element, or wait because there is none.
func TestBroadcastReplay(t *testing.T) {
	type hub = *enumerator.Hub[int]
	var none enumerator.Position
	at := func(h hub, seq uint64) enumerator.Position {
		return enumerator.Position{Epoch: h.Position().Epoch, Seq: seq}
	}
	from := func(seq, epoch uint64) func(h hub) items {
		return func(h hub) items {
			return h.From(enumerator.Position{Epoch: h.Position().Epoch + epoch, Seq: seq})
		}
	}
	last := func(n int) func(h hub) items { return func(h hub) items { return h.Last(n) } }
	for name, c := range map[string]struct {
		start    func(h hub) items
		capacity int
		want     []string
	}{
		"live":                      {hub.Live, 9, []string{"at 5", "6"}},
		"no last":                   {last(0), 9, []string{"at 5", "6"}},
		"last":                      {last(1), 9, []string{"at 4", "5", "6"}},
		"last two":                  {last(2), 9, []string{"at 3", "4", "5", "6"}},
		"more than are held":        {last(9), 3, []string{"at 2", "3", "4", "5", "6"}},
		"last of all":               {last(9), 9, []string{"at 0", "1", "2", "3", "4", "5", "6"}},
		"from none":                 {func(h hub) items { return h.From(none) }, 9, []string{"at 5", "6"}},
		"from now":                  {from(5, 0), 9, []string{"at 5", "6"}},
		"from the one before":       {from(4, 0), 9, []string{"at 4", "5", "6"}},
		"from the beginning":        {from(0, 0), 9, []string{"at 0", "1", "2", "3", "4", "5", "6"}},
		"from all that is held":     {from(2, 0), 3, []string{"at 2", "3", "4", "5", "6"}},
		"from one that is not held": {from(1, 0), 3, []string{"reset 2", "3", "4", "5", "6"}},
		"from a beginning not held": {from(0, 0), 3, []string{"reset 2", "3", "4", "5", "6"}},
		"from one yet to come":      {from(6, 0), 3, []string{"reset 2", "3", "4", "5", "6"}},
		"from another epoch":        {from(4, 1), 3, []string{"reset 2", "3", "4", "5", "6"}},
		"from another, all held":    {from(4, 1), 9, []string{"reset 0", "1", "2", "3", "4", "5", "6"}},
		"from none or last":         {func(h hub) items { return h.FromOrLast(none, 2) }, 9, []string{"at 3", "4", "5", "6"}},
		"from none or no last":      {func(h hub) items { return h.FromOrLast(none, 0) }, 9, []string{"at 5", "6"}},
		"from one or last":          {func(h hub) items { return h.FromOrLast(at(h, 1), 2) }, 9, []string{"at 1", "2", "3", "4", "5", "6"}},
		"from now or last":          {func(h hub) items { return h.FromOrLast(at(h, 5), 2) }, 9, []string{"at 5", "6"}},
		"from the beginning or last": {func(h hub) items { return h.FromOrLast(at(h, 0), 2) }, 9,
			[]string{"at 0", "1", "2", "3", "4", "5", "6"}},
		"from one not held or last": {func(h hub) items { return h.FromOrLast(at(h, 1), 2) }, 3, []string{"reset 2", "3", "4", "5", "6"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hubOf(t, 5, enumerator.Capacity(c.capacity))
				e := c.start(h)
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						first := true
						got, err := enumerator.Run(t.Context(), e, enumeratee.Transform(
							enumeratee.MapM(func(_ context.Context, i item) (item, error) {
								if first {
									time.Sleep(time.Second)
								}
								first = false
								assert.Equal(t, h.Position().Epoch, i.Position.Epoch)
								return i, nil
							}), iteratee.Collect[item]()))
						assert.NoError(t, err)
						for _, i := range got {
							if i.Value > 0 {
								assert.EqualValues(t, i.Value, i.Position.Seq)
							}
						}
						assert.Equal(t, c.want, shown(got))
					})
				}
				synctest.Wait()
				assert.Equal(t, 3, h.Runs())
				if c.capacity == 3 { // the sixth must not replace an element that a run has yet to read
					time.Sleep(2 * time.Second)
				}
				require.NoError(t, h.Push(t.Context(), 6))
				h.End()
				wg.Wait()
				assert.Zero(t, h.Runs())
			})
		})
	}
	assert.PanicsWithValue(t, "enumerator: Last: n must not be negative, got -1", func() { hubOf(t, 0).Last(-1) })
	assert.PanicsWithValue(t, "enumerator: FromOrLast: n must not be negative, got -1", func() { hubOf(t, 0).FromOrLast(at(hubOf(t, 0), 0), -1) })
}

// Each policy is tried with a ring of two, one run that is held up at 1 and one that is not.
func TestBroadcastPolicies(t *testing.T) {
	for policy, c := range map[enumerator.Policy]struct {
		slow, fast []string
		err        error
		lost       uint64
	}{
		enumerator.DropOldest: {[]string{"at 0", "1", "2+2", "4", "5"}, []string{"at 0", "1", "2", "3", "4", "5"}, nil, 2},
		enumerator.DropNewest: {[]string{"at 0", "1", "2", "3", "4+2"}, []string{"at 0", "1", "2", "3", "4+1", "5+1"}, nil, 2},
		enumerator.FailSlow:   {[]string{"at 0", "1"}, []string{"at 0", "1", "2", "3", "4", "5"}, enumerator.ErrSlow, 2},
		enumerator.Block:      {[]string{"at 0", "1", "2", "3", "4", "5"}, []string{"at 0", "1", "2", "3", "4", "5"}, nil, 0},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := enumerator.Broadcast[int](enumerator.Capacity(2), enumerator.WhenFull(policy))
				var wg sync.WaitGroup
				run := func(busy time.Duration, want []string, wantErr error) {
					wg.Go(func() {
						var got []item
						_, err := enumerator.Run(t.Context(), hub.Live(), iteratee.ForEach(func(_ context.Context, i item) error {
							if got = append(got, i); i.Value == 1 {
								time.Sleep(busy)
							}
							return nil
						}))
						assert.ErrorIs(t, err, wantErr)
						if wantErr != nil {
							assert.ErrorIs(t, err, enumerator.ErrLost)
							assert.ErrorContains(t, err, fmt.Sprintf(": %d from ", c.lost), "the number of lost elements")
						}
						assert.Equal(t, want, shown(got))
					})
				}
				run(time.Minute, c.slow, c.err)
				run(0, c.fast, nil)
				synctest.Wait()
				start := time.Now()
				for i := range 5 {
					require.NoError(t, hub.Push(t.Context(), i+1))
					synctest.Wait()
				}
				if policy == enumerator.Block {
					assert.Equal(t, time.Minute, time.Since(start), "the push has waited for the slow run")
				} else {
					assert.Zero(t, time.Since(start))
				}
				hub.End()
				wg.Wait()
				assert.Equal(t, uint64(5), hub.Position().Seq)
			})
		})
	}
}

func TestBroadcastEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*enumerator.Hub[int])
		eofs int64
		err  error
	}{
		"End":          {(*enumerator.Hub[int]).End, 0, nil},
		"EOFAndEnd":    {(*enumerator.Hub[int]).EOFAndEnd, 1, nil},
		"EndWithError": {func(h *enumerator.Hub[int]) { h.EndWithError(errBoom) }, 0, errBoom},
		"the first end counts": {func(h *enumerator.Hub[int]) {
			h.EOFAndEnd()
			h.EndWithError(errBoom)
			h.End()
		}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := hubOf(t, 2)
				run := func() {
					consumer := &probe.Counted[int, []int]{It: iteratee.Collect[int]()}
					applied := enumerator.Apply(t.Context(), enumerator.Values(hub.Last(2), nil), consumer.Iteratee())
					assert.Equal(t, c.eofs, consumer.EOFs.Load())
					got, err := enumerator.Run(t.Context(), enumerator.Empty[int](), applied)
					assert.ErrorIs(t, err, c.err)
					if c.err == nil {
						assert.Equal(t, []int{1, 2}, got)
					}
					assert.EqualValues(t, 2, consumer.Nexts.Load(), "the elements that were pushed before come first")
				}
				var wg sync.WaitGroup
				for range 9 {
					wg.Go(run)
				}
				synctest.Wait() // the runs wait
				assert.Equal(t, 9, hub.Runs())
				c.end(hub)
				wg.Wait()
				run() // a run that begins later
				assert.ErrorIs(t, hub.Push(t.Context(), 3), enumerator.ErrEnded)
				assert.EqualValues(t, 2, hub.Position().Seq)
			})
		})
	}
	assert.PanicsWithValue(t, "enumerator: EndWithError: err must not be nil", func() { hubOf(t, 0).EndWithError(nil) })
}

// A waiting push returns when its context ends, when the hub ends, and when the slow run continues or
// leaves.
func TestBroadcastWaitingPush(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(hub *enumerator.Hub[int], cancelPush, cancelRun, goOn func())
		push error
	}{
		"the context ends":       {func(_ *enumerator.Hub[int], cancelPush, _, _ func()) { cancelPush() }, errBoom},
		"the hub ends":           {func(hub *enumerator.Hub[int], _, _, _ func()) { hub.End() }, enumerator.ErrEnded},
		"the slow run continues": {func(_ *enumerator.Hub[int], _, _, goOn func()) { goOn() }, nil},
		"the slow run leaves":    {func(_ *enumerator.Hub[int], _, cancelRun, goOn func()) { cancelRun(); goOn() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancelRun := context.WithCancelCause(t.Context())
				pushCtx, cancelPush := context.WithCancelCause(t.Context())
				hub := enumerator.Broadcast[int](enumerator.Capacity(2), enumerator.WhenFull(enumerator.Block))
				gate := make(chan struct{})
				var run, pushes sync.WaitGroup
				run.Go(func() {
					_, _ = enumerator.Run(ctx, hub.Live(), iteratee.ForEach(func(_ context.Context, i item) error {
						if i.IsMessage() {
							<-gate
						}
						return nil
					}))
				})
				synctest.Wait()
				for i := range 3 { // one for the consumer, two for the ring
					require.NoError(t, hub.Push(pushCtx, i))
					synctest.Wait()
				}
				var returned atomic.Int64
				for range 3 {
					pushes.Go(func() { assert.ErrorIs(t, hub.Push(pushCtx, 9), c.push); returned.Add(1) })
				}
				synctest.Wait()
				assert.Zero(t, returned.Load())
				c.act(hub, func() { cancelPush(errBoom) }, func() { cancelRun(errCut) }, func() { close(gate) })
				pushes.Wait()
				hub.End()
				select {
				case <-gate:
				default:
					close(gate)
				}
				run.Wait()
			})
		})
	}
}

// Pushes do not wait if no run is attached.
func TestBroadcastWithNoRunAttached(t *testing.T) {
	for _, policy := range []enumerator.Policy{enumerator.Block, enumerator.DropOldest, enumerator.DropNewest, enumerator.FailSlow} {
		hub := hubOf(t, 10, enumerator.Capacity(3), enumerator.WhenFull(policy))
		hub.End()
		got, err := enumerator.Run(t.Context(), hub.Last(9), iteratee.Collect[item]())
		require.NoError(t, err)
		assert.Equal(t, []string{"at 7", "8", "9", "10"}, shown(got), policy)
	}
}

// A run is abandoned at each element, and while it waits. The hub forgets it, and its goroutine ends.
func TestBroadcastAbandoned(t *testing.T) {
	const n = 5
	for k := 1; k <= n+1; k++ {
		for name, each := range map[string]func(cancel func()) error{ // called at the k-th element
			"done":   func(func()) error { return nil },
			"error":  func(func()) error { return errBoom },
			"cancel": func(cancel func()) error { cancel(); return nil },
			"panic":  func(func()) error { panic(errBoom) },
			"Goexit": func(func()) error { runtime.Goexit(); return nil },
		} {
			if k > n && name != "cancel" {
				continue // no element comes while the run waits
			}
			for _, policy := range []enumerator.Policy{enumerator.Block, enumerator.DropOldest} {
				t.Run(fmt.Sprint(name, " ", policy, " at ", k), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := context.WithCancelCause(t.Context())
						hub := hubOf(t, n, enumerator.Capacity(n), enumerator.WhenFull(policy))
						over := make(chan error, 1)
						go func() {
							err := errors.New("panicked")
							defer func() { _ = recover(); over <- err }()
							_, err = enumerator.Run(ctx, hub.Last(n), iteratee.FoldUntil(0, func(_ context.Context, a int, i item) (int, bool, error) {
								if i.Value != k {
									return a, false, nil
								}
								return a, name == "done", each(func() { cancel(errCut) })
							}))
						}()
						synctest.Wait()
						if k > n {
							assert.Equal(t, 1, hub.Runs())
							cancel(errCut)
						}
						err := <-over
						switch name {
						case "error":
							assert.ErrorIs(t, err, errBoom)
						case "cancel":
							assert.ErrorIs(t, err, errCut)
						}
						assert.Zero(t, hub.Runs())
						for i := range 3 * n { // the run holds up no push
							require.NoError(t, hub.Push(t.Context(), i))
						}
						cancel(nil)
					})
				})
			}
		}
	}
}

// Some of many waiting runs are cancelled before and while all are woken.
func TestBroadcastCancelsSomeOfManyWaitingRuns(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	const n = 200
	for range 20 {
		hub := enumerator.Broadcast[int]()
		var wg sync.WaitGroup
		var cancels []context.CancelFunc
		for i := range n {
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			wg.Go(func() {
				got, err := seen(ctx, enumerator.Values(hub.Last(2), nil), 2)
				if i%2 == 0 {
					assert.NoError(t, err)
					assert.Equal(t, []int{1, 2}, got)
				} else if err != nil {
					assert.ErrorIs(t, err, context.Canceled)
				}
			})
		}
		wg.Go(func() {
			for i := 1; i < n; i += 2 {
				cancels[i]()
			}
		})
		wg.Go(func() {
			assert.NoError(t, hub.Push(t.Context(), 1))
			runtime.Gosched()
			assert.NoError(t, hub.Push(t.Context(), 2))
		})
		wg.Wait()
		assert.Zero(t, hub.Runs())
		for _, cancel := range cancels {
			cancel()
		}
	}
}

// In Play, a consumer that is done already completes at the next push.
func TestBroadcastDoesNotWaitForADoneConsumer(t *testing.T) {
	hub := enumerator.Broadcast[int]()
	assert.Nil(t, collect(t, enumerator.Through(hub.Live(), enumeratee.Take[item](0))))
}

func TestBroadcastEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endsAfterASecond(t, enumerator.Values(hubOf(t, 1).Last(1), nil), 1)
	})
	endsAtOnce(t, hubOf(t, 9).Last(9))

	// The cause wins even if the hub has ended by then, because the stream may have been cut short.
	for name, end := range map[string]func(*enumerator.Hub[int]){
		"End":          (*enumerator.Hub[int]).End,
		"EOFAndEnd":    (*enumerator.Hub[int]).EOFAndEnd,
		"EndWithError": func(h *enumerator.Hub[int]) { h.EndWithError(errBoom) },
	} {
		hub := hubOf(t, 1)
		end(hub)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := enumerator.Run(ctx, hub.Last(1), iteratee.ForEach(func(context.Context, item) error { cancel(); return nil }))
		assert.Equal(t, context.Canceled, err, name)
	}
}

// Elements that have left are freed, even if a run is behind or entries are allocated together.
func TestBroadcastKeepsNoDroppedElement(t *testing.T) {
	type message = *[1 << 10]int
	const capacity, n = 4, 100
	for name, c := range map[string]struct {
		opts []enumerator.PushOption
		want int
	}{
		"Capacity":     {[]enumerator.PushOption{enumerator.Capacity(capacity)}, capacity},
		"CapacityFunc": {[]enumerator.PushOption{enumerator.CapacityFunc(32<<10, func(m message) int { return len(m) * 8 })}, capacity},
		"both":         {[]enumerator.PushOption{enumerator.Capacity(capacity), enumerator.CapacityFunc(24<<10, func(m message) int { return len(m) * 8 })}, 3},
		"too large":    {[]enumerator.PushOption{enumerator.CapacityFunc(1, func(m message) int { return len(m) * 8 })}, 1},
	} {
		for _, attached := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				hub := enumerator.Broadcast[message](c.opts...)
				ctx, cancel := context.WithCancel(t.Context())
				var all sync.WaitGroup
				defer all.Wait()
				defer cancel()
				if attached {
					busy := make(chan struct{})
					all.Go(func() {
						_, _ = enumerator.Run(ctx, hub.Live(), iteratee.ForEach(func(ctx context.Context, _ enumerator.Item[message]) error {
							close(busy)
							<-ctx.Done()
							return nil
						}))
					})
					for hub.Runs() == 0 {
						runtime.Gosched()
					}
					require.NoError(t, hub.Push(t.Context(), new([1 << 10]int)))
					<-busy
				}
				var held atomic.Int64
				for range n {
					m := new([1 << 10]int)
					held.Add(1)
					runtime.AddCleanup(m, func(int) { held.Add(-1) }, 0)
					require.NoError(t, hub.Push(t.Context(), m))
				}
				assert.Eventually(t, func() bool {
					runtime.GC()
					return held.Load() <= int64(c.want)
				}, 30*time.Second, time.Millisecond)
				assert.EqualValues(t, c.want, held.Load())
				runtime.KeepAlive(hub)
			})
		}
	}
}

// As long as one of several entries that were allocated together is in use, all stay in memory.
func TestEntriesAllocatedTogetherKeepLittle(t *testing.T) {
	assert.Equal(t, 1024/(24+8), enumerator.BlockOf[int]())
	assert.Equal(t, 1024/(24+16), enumerator.BlockOf[struct {
		a    [2]uint16
		none [0]*int
	}]())
	assert.Equal(t, 1024/(24+160), enumerator.BlockOf[[20]float64]())
	assert.Equal(t, 1, enumerator.BlockOf[[1 << 20]byte]())
	assert.Equal(t, 1, enumerator.BlockOf[string]())
	assert.Equal(t, 1, enumerator.BlockOf[[]byte]())
	assert.Equal(t, 1, enumerator.BlockOf[any]())
	assert.Equal(t, 1, enumerator.BlockOf[time.Time](), "it has a *Location")
	assert.Equal(t, 1, enumerator.BlockOf[[1]struct{ f func() }]())
}

func TestCapacityFunc(t *testing.T) {
	length := func(s string) int { return len(s) }
	for name, c := range map[string]struct {
		opts []enumerator.PushOption
		in   []string
		want string // the elements held after each push, oldest first
	}{
		"just full":           {[]enumerator.PushOption{enumerator.CapacityFunc(4, length)}, []string{"a", "bb", "c", "d"}, "a|a bb|a bb c|bb c d"},
		"several leave":       {[]enumerator.PushOption{enumerator.CapacityFunc(4, length)}, []string{"a", "b", "c", "ddd", "e"}, "a|a b|a b c|c ddd|ddd e"},
		"too large":           {[]enumerator.PushOption{enumerator.CapacityFunc(4, length)}, []string{"a", "bbbbbbb", "c"}, "a|bbbbbbb|c"},
		"as large as allowed": {[]enumerator.PushOption{enumerator.CapacityFunc(4, length)}, []string{"a", "bbbb", "c"}, "a|bbbb|c"},
		"of size 0":           {[]enumerator.PushOption{enumerator.CapacityFunc(2, func(string) int { return 0 })}, []string{"a", "b", "c"}, "a|a b|b c"},
		"Capacity too":        {[]enumerator.PushOption{enumerator.CapacityFunc(4, length), enumerator.Capacity(2)}, []string{"a", "b", "c", "dddd"}, "a|a b|b c|dddd"},
		"the sum overflows":   {[]enumerator.PushOption{enumerator.CapacityFunc(math.MaxInt, func(string) int { return math.MaxInt })}, []string{"a", "b"}, "a|b"},
		"no limit":            {[]enumerator.PushOption{enumerator.CapacityFunc(math.MaxInt, length)}, []string{"a", "b"}, "a|a b"},
	} {
		t.Run(name, func(t *testing.T) {
			hub := enumerator.Broadcast[string](c.opts...)
			var got []string
			for _, e := range c.in {
				require.NoError(t, hub.Push(t.Context(), e))
				var held []string
				_, _ = enumerator.Run(t.Context(), hub.Last(99), iteratee.FoldUntil(0, func(_ context.Context, n int, i enumerator.Item[string]) (int, bool, error) {
					if i.IsMessage() {
						held = append(held, i.Value)
					}
					return n, i.Position == hub.Position(), nil
				}))
				got = append(got, strings.Join(held, " "))
			}
			assert.Equal(t, c.want, strings.Join(got, "|"))
		})
	}
}

func TestCapacityFuncMisused(t *testing.T) {
	short := enumerator.CapacityFunc(9, func(s string) int { return len(s) - 1 })
	for want, f := range map[string]func(){
		"enumerator: CapacityFunc: max must be positive, got 0":                                                  func() { enumerator.CapacityFunc(0, func(int) int { return 1 }) },
		"enumerator: CapacityFunc: size must not be nil":                                                         func() { enumerator.CapacityFunc[int](1, nil) },
		"enumerator: Broadcast: CapacityFunc needs a func(int) int for these elements, got a func(string) int":   func() { enumerator.Broadcast[int](short) },
		"enumerator: Share: CapacityFunc needs a func(int) int for these elements, got a func(string) int":       func() { enumerator.Share(enumerator.Of(1), short) },
		"enumerator: Unicast: CapacityFunc needs a func([]uint8) int for these elements, got a func(string) int": func() { enumerator.Unicast(func(enumerator.Channel[[]byte]) {}, short) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
	const negative = "enumerator: CapacityFunc: size must not be negative, got -1"
	hub := enumerator.Broadcast[string](short)
	assert.EqualError(t, hub.Push(t.Context(), ""), negative)
	assert.Zero(t, hub.Position().Seq)
	require.NoError(t, hub.Push(t.Context(), "a"))

	_, err := enumerator.Run(t.Context(), enumerator.Share(enumerator.Of("a", ""), short).Live(), iteratee.Ignore[enumerator.Item[string]]())
	assert.EqualError(t, err, negative)
	got, err := enumerator.Run(t.Context(), enumerator.Unicast(func(ch enumerator.Channel[string]) {
		assert.EqualError(t, ch.Push(ch.Context(), ""), negative)
		assert.NoError(t, ch.Push(ch.Context(), "a"))
		ch.End()
	}, short), iteratee.Collect[string]())
	assert.NoError(t, err)
	assert.Equal(t, []string{"a"}, got)
}

func TestValues(t *testing.T) {
	at := enumerator.Position{Epoch: 1, Seq: 4}
	gap := item{Position: at, Gap: enumerator.Gap{From: enumerator.Position{Epoch: 1, Seq: 2}, N: 3}}
	reset := item{Position: at, Reset: true}
	value := item{Position: at, Value: 7}
	assert.NoError(t, value.Lost())
	bookmark, end := item{Position: at, Bookmark: true}, item{Position: at, End: true}
	assert.NoError(t, bookmark.Lost())
	assert.NoError(t, end.Lost())
	for want, i := range map[string]item{"enumerator: elements were lost: 3 from 1-12 on": gap, "enumerator: elements were lost: all up to 1-14": reset} {
		assert.EqualError(t, i.Lost(), want)
		e := enumerator.Of(bookmark, value, i, value, end)

		got, err := seen(t.Context(), enumerator.Values(e, nil), 0)
		assert.ErrorIs(t, err, enumerator.ErrLost)
		assert.Equal(t, []int{7}, got)

		var lost []item
		got = collect(t, enumerator.Values(e, func(i item) error { lost = append(lost, i); return nil }))
		assert.Equal(t, []int{7, 7}, got)
		assert.Equal(t, []item{i}, lost)

		_, err = seen(t.Context(), enumerator.Values(e, func(item) error { return errBoom }), 0)
		assert.ErrorIs(t, err, errBoom)
	}
}
