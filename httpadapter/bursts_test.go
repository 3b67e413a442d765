package httpadapter_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// What a hub holds is flushed twice, however its stream is wrapped: the head with the first, since
// that leaves at once, and all others.
func TestABurstIsFlushedOnceHoweverTheSourceIsWrapped(t *testing.T) {
	type items = enumerator.Enumerator[enumerator.Item[int]]
	derived := func(e items) items {
		return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[int]]) iteratee.Step {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			return e.Into(ctx, sink)
		})
	}
	for name, wrap := range map[string]func(hub *enumerator.Hub[int], start enumerator.Position) items{
		"as it is": func(hub *enumerator.Hub[int], _ enumerator.Position) items { return hub.Last(100) },
		"derived":  func(hub *enumerator.Hub[int], _ enumerator.Position) items { return derived(hub.Last(100)) },
		"Interleave": func(hub *enumerator.Hub[int], _ enumerator.Position) items {
			return enumerator.Interleave(hub.Last(100))
		},
		"LongPoll": func(hub *enumerator.Hub[int], start enumerator.Position) items {
			return comet.LongPoll(hub, start, time.Hour)
		},
		"Timeout": func(hub *enumerator.Hub[int], _ enumerator.Position) items {
			return enumerator.Through(hub.Last(100), enumeratee.Timeout[enumerator.Item[int]](time.Hour))
		},
		"all of these": func(hub *enumerator.Hub[int], start enumerator.Position) items {
			return derived(enumerator.Interleave(derived(comet.LongPoll(hub, start, time.Hour)), enumerator.Empty[enumerator.Item[int]]()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := enumerator.Broadcast[int](enumerator.Capacity(200))
				require.NoError(t, hub.Push(t.Context(), 0))
				start := hub.Position()
				for n := range 100 {
					require.NoError(t, hub.Push(t.Context(), n))
				}
				hub.End()
				w := newRecorder(t)
				require.NoError(t, w.serve(t.Context(), enumerator.Map(enumerator.Values(wrap(hub, start), nil), func(int) []byte { return []byte("x") })))
				count := map[string]int{}
				for _, call := range w.calls() {
					count[call]++
				}
				assert.Equal(t, map[string]int{"head 200": 1, "write x": 100, "flush": 2}, count)
			})
		})
	}
}
