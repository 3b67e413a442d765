package enumerator_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func place(epoch, seq uint64) enumerator.Position { return enumerator.Position{Epoch: epoch, Seq: seq} }

func TestPushAtRefusesOtherPlaces(t *testing.T) {
	hub := enumerator.Broadcast[int]()
	hub.Reset(place(7, 10))
	require.NoError(t, hub.PushAt(t.Context(), place(7, 15), 1))
	for _, p := range []enumerator.Position{{}, place(7, 15), place(7, 14), place(8, 16)} {
		assert.ErrorContains(t, hub.PushAt(t.Context(), p, 2), "does not come after 7-1f")
	}
	require.NoError(t, hub.Push(t.Context(), 3))
	assert.Equal(t, place(7, 16), hub.Position())
	hub.End()
	hub.Reset(place(8, 1))
	assert.Equal(t, place(7, 16), hub.Position(), "a Reset after the end has no effect")
	assert.ErrorIs(t, hub.PushAt(t.Context(), place(7, 17), 4), enumerator.ErrEnded)
	assert.Equal(t, []string{"at 10", "1", "3"}, shown(collect(t, hub.From(place(7, 10)))))

	dropping := enumerator.Broadcast[int](enumerator.WhenFull(enumerator.DropNewest))
	assert.PanicsWithValue(t, "enumerator: PushAt: the policy of the hub must not be DropNewest", func() {
		_ = dropping.PushAt(t.Context(), place(7, 1), 1)
	})
}

// If numbers are skipped, a run can continue only at an exact place.
func TestFromOfSparsePositions(t *testing.T) {
	hub := enumerator.Broadcast[int](enumerator.Capacity(3))
	hub.Reset(place(7, 10))
	for _, seq := range []uint64{20, 30, 40, 50} { // 20 leaves
		require.NoError(t, hub.PushAt(t.Context(), place(7, seq), int(seq)))
	}
	hub.End()
	for p, want := range map[enumerator.Position][]string{
		place(7, 10): {"reset 20", "30", "40", "50"},
		place(7, 19): {"reset 20", "30", "40", "50"},
		place(7, 20): {"at 20", "30", "40", "50"},
		place(7, 21): {"reset 20", "30", "40", "50"},
		place(7, 40): {"at 40", "50"},
		place(7, 49): {"reset 20", "30", "40", "50"},
		place(7, 50): {"at 50"},
		place(7, 51): {"reset 20", "30", "40", "50"},
		place(8, 50): {"reset 20", "30", "40", "50"},
		{}:           {"at 50"},
	} {
		assert.Equal(t, want, shown(collect(t, hub.From(p))), "%v", p)
	}
	assert.Equal(t, []string{"at 30", "40", "50"}, shown(collect(t, hub.Last(2))))
}

// Runs come and go while elements are pushed and the hub is reset. After each notice a run gets the elements of one
// epoch in order, with the gaps that the policy allows.
func TestResetStress(t *testing.T) {
	for _, policy := range []enumerator.Policy{enumerator.Block, enumerator.DropOldest, enumerator.FailSlow} {
		for name, opts := range map[string][]enumerator.PushOption{
			"":      {enumerator.Capacity(16)},
			"sizes": {enumerator.Capacity(64), enumerator.CapacityFunc(50, func(e enumerator.Position) int { return int(e.Seq % 7) })},
		} {
			t.Run(fmt.Sprint(policy, name), func(t *testing.T) {
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				hub := enumerator.Broadcast[enumerator.Position](append(opts, enumerator.WhenFull(policy))...)
				hub.Reset(place(1, 0))
				var wg sync.WaitGroup
				for epoch := uint64(1); epoch <= 40; epoch++ {
					for range 4 {
						wg.Go(func() { resetRun(t, hub, policy, int(epoch)) })
					}
					for n := range uint64(200) {
						p := place(epoch, 3*n+1)
						require.NoError(t, hub.PushAt(t.Context(), p, p))
					}
					hub.Reset(place(epoch+1, 0))
				}
				hub.End()
				wg.Wait()
				assert.Zero(t, hub.Runs())
			})
		}
	}
}

// resetRun reads at most 30 elements for each epoch.
func resetRun(t *testing.T, hub *enumerator.Hub[enumerator.Position], policy enumerator.Policy, epochs int) {
	var last enumerator.Position
	items, resets := 0, 0
	_, err := enumerator.Run(context.Background(), hub.Live(), iteratee.FoldUntil(0, func(_ context.Context, a int, i enumerator.Item[enumerator.Position]) (int, bool, error) {
		switch {
		case i.Reset:
			resets++
			assert.Greater(t, i.Position.Epoch, last.Epoch)
		case i.Bookmark:
			assert.Zero(t, last)
		case i.Gap.N > 0:
			assert.Equal(t, enumerator.DropOldest, policy)
			assert.Equal(t, last.Epoch, i.Position.Epoch)
			assert.Equal(t, last.Seq+1, i.Gap.From.Seq)
			if last.Seq > 0 {
				assert.Equal(t, 3*i.Gap.N, i.Position.Seq-last.Seq)
			}
		default:
			assert.Equal(t, i.Position, i.Value)
			if last.Seq > 0 {
				assert.Equal(t, place(last.Epoch, last.Seq+3), i.Position)
			} else {
				assert.Equal(t, place(last.Epoch, 1), i.Position)
			}
		}
		last = i.Position
		items++
		return a, items > 30*epochs || resets > 20, nil
	}))
	if policy == enumerator.FailSlow && err != nil {
		assert.ErrorIs(t, err, enumerator.ErrSlow)
		return
	}
	assert.NoError(t, err)
}

func TestIdleHubIsSmall(t *testing.T) {
	before, hubs := heap(), make([]*enumerator.Hub[string], 10_000)
	for i := range hubs {
		hubs[i] = enumerator.Broadcast[string]()
	}
	each := (heap() - before) / uint64(len(hubs))
	runtime.KeepAlive(hubs)
	t.Log(each, "bytes")
	assert.LessOrEqual(t, each, uint64(600))
}

// heap returns the number of bytes in use.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
