package enumerator_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// model does sequentially what a hub does concurrently.
type model struct {
	capacity int
	most     int // the greatest sum of sizes, 0 if sizes do not count
	left     int // the number of elements of kept that have left the ring
	policy   enumerator.Policy
	kept     []uint64 // the Seq of every element except those that were never stored
	seq      uint64
	ended    bool
	runs     []*modelRun

	epoch  uint64
	start  uint64 // Seq of the last Reset
	first  int    // the index in kept of the first element after it
	sparse bool   // there was a Reset or a PushAt
}

// modelRun is a run whose consumer keeps each item until the test lets it continue.
type modelRun struct {
	next  int // the index of the next element in kept
	seen  uint64
	begun bool
	reset bool // the run begins with a Reset and not with a Bookmark
	busy  bool
	over  bool
	want  []string

	// The fields of the real run.
	cancel context.CancelFunc
	goOn   chan struct{}
	mu     sync.Mutex
	got    []string
	err    error
}

// sizeOf returns the size of the element with this Seq.
func sizeOf(seq uint64) int { return int(seq * 7 % 6) } // 1 2 3 4 5 0, in some order, then again

func (m *model) oldest() int { return m.left }

// oldestWith returns the value of oldest after one more push.
func (m *model) oldestWith(seq uint64) int {
	fits := func(from int) bool {
		sum := 0
		for _, s := range append(slices.Clone(m.kept[from:]), seq) {
			sum += max(sizeOf(s), 1)
		}
		return len(m.kept)-from < m.capacity && (m.most == 0 || sum <= m.most)
	}
	oldest := m.left
	for oldest < len(m.kept) && !fits(oldest) {
		oldest++
	}
	return oldest
}

// gone returns the last Seq that is no longer held.
func (m *model) gone() uint64 {
	if m.oldest() == m.first {
		return m.start
	}
	return m.kept[m.oldest()-1]
}

// before returns the Seq before the element with this index in kept.
func (m *model) before(index int) uint64 {
	switch {
	case m.policy == enumerator.DropNewest:
		return m.kept[index] - 1
	case index == m.first:
		return m.start
	}
	return m.kept[index-1]
}

// full reports whether a run needs an element that would have to leave for the next one.
func (m *model) full(seq uint64) bool {
	for _, r := range m.runs {
		if !r.over && r.next < m.oldestWith(seq) {
			return m.policy == enumerator.Block || m.policy == enumerator.DropNewest
		}
	}
	return false
}

// read makes r take the next item unless it is busy or over.
func (m *model) read(r *modelRun) {
	if r.busy || r.over {
		return
	}
	r.busy = true
	if !r.begun {
		r.begun = true
		kind := "at"
		if r.reset {
			kind = "reset"
		}
		r.want = append(r.want, fmt.Sprint(kind, " ", r.seen))
		return
	}
	var lost, upTo uint64
	if m.policy == enumerator.DropNewest {
		upTo = m.seq
		if r.next < len(m.kept) {
			upTo = m.before(r.next)
		}
		lost = upTo - r.seen
	} else if oldest := m.oldest(); r.next < oldest {
		lost, upTo = uint64(oldest-r.next), m.kept[oldest-1]
		r.next = oldest
	}
	switch {
	case lost > 0 && m.policy == enumerator.FailSlow:
		r.over = true
	case lost > 0:
		r.want = append(r.want, fmt.Sprintf("%d+%d", r.seen+1, lost))
		r.seen = upTo
	case r.next < len(m.kept):
		r.seen = m.kept[r.next]
		r.want = append(r.want, fmt.Sprint(r.seen))
		r.next++
	case m.ended:
		r.over = true
	default:
		r.busy = false
	}
}

func TestBroadcastIsItsModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) { // rapid asks a *testing.T for its Deadline, which fails in a bubble
			m := &model{
				capacity: rapid.IntRange(1, 4).Draw(t, "capacity"),
				policy: rapid.SampledFrom([]enumerator.Policy{enumerator.Block, enumerator.DropOldest, enumerator.DropNewest, enumerator.FailSlow}).
					Draw(t, "policy"),
			}
			opts := []enumerator.PushOption{enumerator.Capacity(m.capacity), enumerator.WhenFull(m.policy)}
			if rapid.Bool().Draw(t, "sizes count") {
				m.most = rapid.IntRange(1, 9).Draw(t, "most")
				opts = append(opts, enumerator.CapacityFunc(m.most, sizeOf))
			}
			hub := enumerator.Broadcast[uint64](opts...)
			m.epoch = hub.Position().Epoch
			var wg sync.WaitGroup
			defer wg.Wait()
			defer func() {
				for _, r := range m.runs {
					r.cancel()
				}
			}()

			attach := func(e enumerator.Enumerator[enumerator.Item[uint64]], r *modelRun) {
				ctx, cancel := context.WithCancel(context.Background())
				r.cancel, r.goOn = cancel, make(chan struct{})
				m.runs = append(m.runs, r)
				wg.Go(func() {
					_, r.err = enumerator.Run(ctx, e, iteratee.ForEach(func(ctx context.Context, i enumerator.Item[uint64]) error {
						r.mu.Lock()
						r.got = append(r.got, shownOf(i))
						r.mu.Unlock()
						select {
						case <-r.goOn:
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					}))
				})
				m.read(r)
			}
			one := func(t *rapid.T, wanted func(*modelRun) bool) *modelRun {
				var some []*modelRun
				for _, r := range m.runs {
					if wanted(r) {
						some = append(some, r)
					}
				}
				if len(some) == 0 {
					t.Skip("no such run")
				}
				return rapid.SampledFrom(some).Draw(t, "run")
			}
			live := func() *modelRun { return &modelRun{next: len(m.kept), seen: m.seq} }
			push := func(t *rapid.T) {
				ctx, cancel := context.WithCancel(context.Background())
				cancel() // ends a push that would wait
				seq := m.seq + 1
				push := func() error { return hub.Push(ctx, seq) }
				at := m.policy != enumerator.DropNewest && rapid.Bool().Draw(t, "at")
				if at {
					seq = m.seq + rapid.Uint64Range(1, 3).Draw(t, "step")
					push = func() error { return hub.PushAt(ctx, enumerator.Position{Epoch: m.epoch, Seq: seq}, seq) }
				}
				full := m.full(seq)
				err := push()
				switch {
				case full && m.policy == enumerator.Block && err != nil && !errors.Is(err, enumerator.ErrEnded):
					assert.ErrorIs(t, err, context.Canceled)
				case m.ended:
					assert.ErrorIs(t, err, enumerator.ErrEnded)
				default:
					assert.NoError(t, err)
					m.sparse = m.sparse || at
					m.seq = seq
					if !full {
						m.left = m.oldestWith(m.seq)
						m.kept = append(m.kept, m.seq)
					}
					for _, r := range m.runs {
						m.read(r)
					}
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"Push":       push,
				"Push again": push,
				"Reset": func(t *rapid.T) {
					if rapid.IntRange(0, 4).Draw(t, "really") > 0 {
						t.Skip("later")
					}
					p := enumerator.Position{Epoch: m.epoch + rapid.Uint64Range(0, 1).Draw(t, "epoch"), Seq: rapid.Uint64Range(0, m.seq+2).Draw(t, "seq")}
					if hub.Reset(p); m.ended {
						return
					}
					m.epoch, m.start, m.seq, m.sparse = p.Epoch, p.Seq, p.Seq, true
					m.first, m.left = len(m.kept), len(m.kept)
					for _, r := range m.runs {
						if !r.over {
							r.next, r.seen, r.begun, r.reset = m.first, m.start, false, true
							m.read(r)
						}
					}
				},
				"Live": func(*rapid.T) { attach(hub.Live(), live()) },
				"Last": func(t *rapid.T) {
					n := rapid.IntRange(0, 5).Draw(t, "n")
					r := live()
					if r.next = max(len(m.kept)-n, m.oldest()); r.next < len(m.kept) {
						r.seen = m.before(r.next)
					}
					attach(hub.Last(n), r)
				},
				"From": func(t *rapid.T) {
					p := enumerator.Position{Epoch: m.epoch, Seq: rapid.Uint64Range(0, m.seq+1).Draw(t, "seq")}
					if rapid.IntRange(0, 9).Draw(t, "other epoch") == 0 {
						p.Epoch--
					}
					r := &modelRun{next: m.oldest(), seen: p.Seq}
					known := p.Epoch == m.epoch && p.Seq >= m.gone() && p.Seq <= m.seq
					if m.sparse {
						known = known && (p.Seq == m.gone() || slices.Contains(m.kept[m.oldest():], p.Seq))
					}
					if !known {
						r.seen, r.reset = m.gone(), true
					}
					for r.next < len(m.kept) && m.kept[r.next] <= r.seen {
						r.next++
					}
					if p == (enumerator.Position{}) {
						r = live()
					}
					attach(hub.From(p), r)
				},
				"continue": func(t *rapid.T) {
					r := one(t, func(r *modelRun) bool { return r.busy && !r.over })
					r.goOn <- struct{}{}
					r.busy = false
					m.read(r)
				},
				"leave": func(t *rapid.T) {
					r := one(t, func(r *modelRun) bool { return !r.over })
					r.cancel()
					r.over = true
				},
				"End": func(t *rapid.T) {
					if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
						t.Skip("later")
					}
					hub.End()
					m.ended = true
					for _, r := range m.runs {
						m.read(r)
					}
				},
				"": func(t *rapid.T) {
					synctest.Wait()
					attached := 0
					for i, r := range m.runs {
						r.mu.Lock()
						require.Equal(t, r.want, r.got, "run %d", i)
						r.mu.Unlock()
						if !r.over {
							attached++
						}
					}
					require.Equal(t, attached, hub.Runs())
					require.Equal(t, enumerator.Position{Epoch: m.epoch, Seq: m.seq}, hub.Position())
				},
			})
		})
	})
}

func shownOf(i enumerator.Item[uint64]) string {
	return shown([]item{{Value: int(i.Value), Position: i.Position, Gap: i.Gap, Reset: i.Reset, Bookmark: i.Bookmark}})[0]
}

// Hundreds of runs come and go while elements are pushed. Each must see some of them in order, with
// exactly the gaps that the policy allows.
func TestBroadcastStress(t *testing.T) {
	const capacity = 64
	n, runs := 50_000, 500
	if probe.Long() {
		n, runs = 100_000, 1000
	}
	test := func(name string, policy enumerator.Policy, opts ...enumerator.PushOption) {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			hub := enumerator.Broadcast[int](append(opts, enumerator.WhenFull(policy))...)
			seen := &fates{got: make([]bool, n+1), lost: make([]bool, n+1)}
			starts := map[int]int{} // the number of runs that start at each element: some alone, some together
			for i := range runs {
				if i%2 == 0 {
					starts[rand.IntN(n)+1]++
				} else {
					starts[rand.IntN(9)*n/9+1]++
				}
			}
			var wg sync.WaitGroup
			for i := 1; i <= n; i++ {
				for range starts[i] {
					wg.Go(func() { stressRun(t, hub, policy, seen) })
				}
				if err := hub.Push(t.Context(), i); err != nil {
					t.Fatal(err)
				}
			}
			hub.End()
			wg.Wait()
			assert.Zero(t, hub.Runs())
			if policy == enumerator.DropNewest {
				for i := range n + 1 {
					if seen.got[i] && seen.lost[i] {
						t.Fatalf("%d was dropped for one and not for another", i)
					}
				}
			}
		})
	}
	size := func(e int) int { return e % 5 * (e % 100) } // from 0 to 396
	for _, policy := range []enumerator.Policy{enumerator.Block, enumerator.DropOldest, enumerator.DropNewest, enumerator.FailSlow} {
		test(policy.String(), policy, enumerator.Capacity(capacity))
		test(policy.String()+", sizes", policy, enumerator.Capacity(2*capacity), enumerator.CapacityFunc(capacity*50, size))
	}
}

type fates struct {
	mu        sync.Mutex
	got, lost []bool
}

func stressRun(t *testing.T, hub *enumerator.Hub[int], policy enumerator.Policy, fates *fates) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var e items
	before := hub.Position()
	next := uint64(0) // the Seq that must come next, 0 if the first notice tells it
	switch rand.IntN(3) {
	case 0:
		e = hub.Live()
	case 1:
		e = hub.Last(rand.IntN(99))
	case 2:
		before.Seq -= min(before.Seq, uint64(rand.IntN(99)))
		e, next = hub.From(before), before.Seq+1
		if before.Seq == 0 {
			next = 1
		}
	}
	stay, how, count, begun := 1+rand.IntN(2000), rand.IntN(4), 0, false
	defer func() {
		if v := recover(); v != nil && v != errBoom {
			panic(v)
		}
	}()
	_, err := enumerator.Run(ctx, e, iteratee.FoldUntil(0, func(_ context.Context, a int, i item) (int, bool, error) {
		seq := i.Position.Seq
		first := seq - uint64(max(int(i.Gap.N), 1)) + 1
		switch {
		case i.Bookmark && next > 0 && seq+1 != next:
			t.Errorf("%v: the run begins at %d, and not at %d", policy, seq+1, next)
		case i.Reset || i.Bookmark:
			assert.False(t, begun, "one notice comes first")
			begun, next = true, seq+1
			return a, false, nil
		case first != next:
			t.Errorf("%v: %d came in place of %d", policy, first, next)
		case i.Gap.N > 0:
			assert.True(t, policy == enumerator.DropOldest || policy == enumerator.DropNewest, "%v leaves a gap", policy)
			assert.Equal(t, first, i.Gap.From.Seq)
		default:
			assert.EqualValues(t, seq, i.Value)
		}
		next = seq + 1
		if policy == enumerator.DropNewest {
			fates.mu.Lock()
			fates.got[seq] = fates.got[seq] || i.Gap.N == 0
			for s := first; i.Gap.N > 0 && s <= seq; s++ {
				fates.lost[s] = true
			}
			fates.mu.Unlock()
		}
		if count++; count%100 == 0 {
			runtime.Gosched() // makes this run late
		}
		if count < stay {
			return a, false, nil
		}
		switch how {
		case 0:
			return a, true, nil
		case 1:
			return a, false, errBoom
		case 2:
			cancel()
		case 3:
			panic(errBoom)
		}
		return a, false, nil
	}))
	switch {
	case err == nil:
	case policy == enumerator.FailSlow && count < stay:
		assert.ErrorIs(t, err, enumerator.ErrSlow)
	case how == 1:
		assert.ErrorIs(t, err, errBoom)
	case how == 2:
		assert.ErrorIs(t, err, context.Canceled)
	default:
		assert.NoError(t, err)
	}
}
