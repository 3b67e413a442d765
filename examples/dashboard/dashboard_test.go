package dashboard

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// take returns the first n Items of the stream after cursor.
func take(t *testing.T, b *board, cursor string, n int) []enumerator.Item[any] {
	t.Helper()
	got, err := enumerator.Run(t.Context(), enumerator.Through(b.stream(cursor), enumeratee.Take[enumerator.Item[any]](n)),
		iteratee.Collect[enumerator.Item[any]]())
	require.NoError(t, err)
	return got
}

// A client that leaves after every few Items, and comes back with its last cursor, gets each measurement once, and each
// line that is a problem.
func TestStreamResumesEachSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = enumerator.Run(ctx, enumerator.Interval(period), iteratee.ForEach(b.work)) }()
		var cursor string
		last := map[string]uint64{}
		lines := 0
		for n := range 100 {
			for _, item := range take(t, b, cursor, 2+n%20) {
				cursor = item.ID()
				if item.Bookmark {
					continue
				}
				require.True(t, item.IsMessage(), "%+v", item)
				seq := item.Position.Seq
				if item.Event == "log" {
					assert.NotEqual(t, "info", item.Value.(line).Level)
					assert.Greater(t, seq, last["log"])
					lines++
				} else {
					assert.Equal(t, last[item.Event]+1, seq, item.Event)
				}
				last[item.Event] = seq
			}
			time.Sleep(time.Duration(n) * 10 * time.Millisecond)
		}
		assert.Len(t, last, 3)
		held, err := enumerator.Run(t.Context(), enumerator.Through(b.log.Last(1000), enumeratee.Compose(
			items.Filter(isProblem), enumeratee.TakeWhile(func(item enumerator.Item[line]) bool { return item.Position.Seq <= last["log"] }))),
			iteratee.Collect[enumerator.Item[line]]())
		require.NoError(t, err)
		assert.Equal(t, lines, len(held)-1, "without the first Bookmark")
	})
}

// A client without a cursor gets the last minute of the measurements. One with a bad cursor gets all that is held.
func TestStreamBeginsWithTheLastMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		for range 300 {
			require.NoError(t, b.work(t.Context(), time.Now()))
		}
		for cursor, want := range map[string]int{"": 240, "x": 300} {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			got := map[string]int{}
			resets := map[string]int{}
			_, _ = enumerator.Run(ctx, b.stream(cursor), iteratee.ForEach(func(_ context.Context, item enumerator.Item[any]) error {
				if item.Reset {
					resets[item.Event]++
				} else if item.IsMessage() {
					got[item.Event]++
				}
				return nil
			}))
			cancel()
			assert.Equal(t, want, got["load"])
			assert.Equal(t, want, got["temperature"])
			assert.LessOrEqual(t, got["log"], 300)
			if cursor == "" {
				assert.Empty(t, resets)
			} else {
				assert.Equal(t, map[string]int{"load": 1, "temperature": 1, "log": 1}, resets)
			}
		}
	})
}

func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+time.Millisecond)
		defer cancel()
		w := httptest.NewRecorder()
		func() {
			defer func() { _ = recover() }() // when ctx ends, the handler panics to cut the connection
			Handler(ctx).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/dashboard/stream?transport=events", nil))
		}()
		assert.Equal(t, 240+4, strings.Count(w.Body.String(), "event: load\n"), "a minute, and a second")
		assert.Equal(t, 240+4, strings.Count(w.Body.String(), "event: temperature\n"))
	})
}
