package background

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// read returns the messages of a run, when it has ended.
func read[E any](t *testing.T, runs *Runs[E], id string) []E {
	t.Helper()
	hub, err := runs.Hub(id)
	require.NoError(t, err)
	got, err := enumerator.Run(t.Context(), enumerator.Values(hub.Last(10), nil), iteratee.Collect[E]())
	require.NoError(t, err)
	return got
}

func TestRunsAreKeptAfterTheirEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := New[string](t.Context())
		id, err := runs.Start("one", func(ctx context.Context, hub *enumerator.Hub[string]) {
			for _, text := range []string{"kiki", "foo", "bar"} {
				time.Sleep(time.Second)
				assert.NoError(t, hub.Push(ctx, text))
			}
		})
		require.NoError(t, err)
		for range 2 {
			assert.Equal(t, []string{"kiki", "foo", "bar"}, read(t, runs, id))
		}
		time.Sleep(keptFor - time.Nanosecond)
		assert.Equal(t, []string{"kiki", "foo", "bar"}, read(t, runs, id))
		assert.NoError(t, runs.Cancel(id), "no effect")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		_, err = runs.Hub(id)
		assert.Equal(t, errUnknown, err)
		assert.Equal(t, errUnknown, runs.Cancel(id))
		assert.Empty(t, runs.byID)
	})
}

// untilEnd is work that pushes the cause of the end of its context.
func untilEnd(ctx context.Context, hub *enumerator.Hub[error]) {
	<-ctx.Done()
	_ = hub.Push(context.WithoutCancel(ctx), context.Cause(ctx))
}

func TestTheContextOfARunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		runs := New[error](ctx)
		var ids []string
		for range 3 {
			id, err := runs.Start("one", untilEnd)
			require.NoError(t, err)
			ids = append(ids, id)
		}
		require.NoError(t, runs.Cancel(ids[0]))
		assert.Equal(t, []error{context.Canceled}, read(t, runs, ids[0]))

		began := time.Now()
		assert.Equal(t, []error{context.DeadlineExceeded}, read(t, runs, ids[1]))
		assert.Equal(t, longest, time.Since(began))

		id, err := runs.Start("one", untilEnd)
		require.NoError(t, err)
		cancel()
		assert.Equal(t, []error{context.Canceled}, read(t, runs, id))
	})
}

func TestTheNumberOfRunsIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := New[error](t.Context())
		started := func(visitor string) (n int) {
			for {
				if _, err := runs.Start(visitor, untilEnd); err != nil {
					assert.Equal(t, errBusy, err)
					return n
				}
				n++
			}
		}
		kept := func() int {
			runs.mu.Lock()
			defer runs.mu.Unlock()
			return len(runs.byID)
		}
		for n := range maxRuns / maxVisitorRuns {
			assert.Equal(t, maxVisitorRuns, started(fmt.Sprint("visitor ", n)))
		}
		assert.Zero(t, started("another"))
		assert.Equal(t, maxRuns, kept())
		time.Sleep(longest + keptFor + time.Second)
		assert.Equal(t, maxVisitorRuns, started("another"))
		assert.Equal(t, maxVisitorRuns, kept())
		time.Sleep(longest)
		synctest.Wait()
	})
}
