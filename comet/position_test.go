package comet_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
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

type item = enumerator.Item[string]

func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

var items = []item{
	{Reset: true, Position: at(35)},
	{Value: "it's </script>", Position: at(36)},
	{Gap: enumerator.Gap{From: at(37), N: 1000}, Position: at(1036)},
	{Value: "", Position: at(1037)},
}

func TestWithPosition(t *testing.T) {
	assert.Equal(t, []string{
		`<script>f(null,'1z-1z','reset');</script>`,
		`<script>f('it\'s \u003c\/script\u003e','1z-210');</script>`,
		`<script>f({"from":"1z-211","count":1000},'1z-2ss','gap');</script>`,
		`<script>f('','1z-2st');</script>`,
	}, asStrings(chunksOf(t, comet.Messages("f", comet.WithPosition(comet.AppendString), comet.Preamble("")), items...)))
	assert.Equal(t, []string{`<script>f("a",'');</script>`}, asStrings(
		chunksOf(t, comet.Messages("f", comet.WithPosition(comet.AppendJSON[string]), comet.Preamble("")), item{Value: "a"})))

	broken := func(dst []byte, _ string) ([]byte, error) { return dst, errBroken }
	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.FromSlice(items),
		comet.Messages("f", comet.WithPosition(broken))), iteratee.Ignore[[]byte]())
	assert.ErrorIs(t, err, errBroken)
	assert.PanicsWithValue(t, "comet: WithPosition: encode must not be nil", func() { comet.WithPosition[int](nil) })
}

func TestPositionDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops values under the race detector")
	}
	assert.EqualValues(t, 1, allocations(t, comet.Messages("f", comet.WithPosition(comet.AppendJSON[string])), items[1]))
}

func TestRecordOf(t *testing.T) {
	var lines []string
	for _, i := range items {
		line, err := json.Marshal(comet.RecordOf(i))
		require.NoError(t, err)
		lines = append(lines, string(line))
	}
	assert.Equal(t, []string{
		`{"event":"reset","id":"1z-1z","data":null}`,
		`{"id":"1z-210","data":"it's \u003c/script\u003e"}`,
		`{"event":"gap","id":"1z-2ss","data":{"from":"1z-211","count":1000}}`,
		`{"id":"1z-2st","data":""}`,
	}, lines)
}

func TestCursor(t *testing.T) {
	header := func(id string) http.Header { h := http.Header{}; h.Set("Last-Event-ID", id); return h }
	query := func(id string) url.Values { return url.Values{"lastEventId": {id}} }
	foreign := enumerator.Position{Seq: 1}

	assert.Equal(t, enumerator.Position{}, comet.Cursor(http.Header{}, url.Values{}))
	assert.Equal(t, enumerator.Position{}, comet.Cursor(header(""), query("")))
	assert.Equal(t, at(36), comet.Cursor(header("1z-210"), url.Values{}))
	assert.Equal(t, at(36), comet.Cursor(http.Header{}, query("1z-210")))
	assert.Equal(t, at(36), comet.Cursor(header("1z-210"), query("1z-1z")), "the header is newer than the URL")
	for _, id := range []string{"1", "-", "1z-", "-10", "1Z-10", "1z-210 ", "null", "undefined", "1z-210-1", "\x00"} {
		assert.Equal(t, foreign, comet.Cursor(header(id), url.Values{}), id)
	}
	hub := enumerator.Broadcast[string]()
	require.NoError(t, hub.Push(t.Context(), "a"))
	for first, err := range enumerator.All(t.Context(), hub.From(foreign)) {
		require.NoError(t, err)
		assert.True(t, first.Reset)
		break
	}
}

func TestLongPoll(t *testing.T) {
	const wait = 25 * time.Second
	push := func(hub *enumerator.Hub[string], values ...string) {
		for _, value := range values {
			require.NoError(t, hub.Push(context.Background(), value))
		}
	}
	poll := func(hub *enumerator.Hub[string], after enumerator.Position) (got []item, took time.Duration) {
		start := time.Now()
		got, err := enumerator.Run(context.Background(), comet.LongPoll(hub, after, wait), iteratee.Collect[item]())
		require.NoError(t, err)
		return got, time.Since(start)
	}
	values := func(items []item) (vs []string) {
		for _, i := range items {
			vs = append(vs, i.Value)
		}
		return vs
	}

	t.Run("a new client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			for range 2 {
				got, took := poll(hub, enumerator.Position{})
				assert.Equal(t, []item{{Position: hub.Position(), Reset: true}}, got)
				assert.Zero(t, took)
				push(hub, "a", "b")
			}
		})
	})
	t.Run("elements are held", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			start := hub.Position()
			push(hub, "a", "b", "c")
			got, took := poll(hub, start)
			assert.Equal(t, []string{"a", "b", "c"}, values(got))
			assert.Zero(t, took)
			got, took = poll(hub, got[1].Position)
			assert.Equal(t, []string{"c"}, values(got))
			assert.Zero(t, took)
		})
	})
	t.Run("no element arrives", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			push(hub, "a")
			got, took := poll(hub, hub.Position())
			assert.Empty(t, got)
			assert.Equal(t, wait, took)
			assert.Zero(t, hub.Runs())
		})
	})
	t.Run("an element arrives", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			go func() {
				time.Sleep(time.Second)
				push(hub, "a")
				time.Sleep(time.Second)
				push(hub, "b")
			}()
			got, took := poll(hub, hub.Position())
			assert.Equal(t, []string{"a"}, values(got))
			assert.Equal(t, time.Second, took)
			got, took = poll(hub, got[0].Position)
			assert.Equal(t, []string{"b"}, values(got))
			assert.Equal(t, time.Second, took)
		})
	})
	t.Run("a flood", func(t *testing.T) { // the answer ends nevertheless
		hub := enumerator.Broadcast[string]()
		start := hub.Position()
		push(hub, "a", "b")
		var got []string
		for i, err := range enumerator.All(t.Context(), comet.LongPoll(hub, start, wait)) {
			require.NoError(t, err)
			got = append(got, i.Value)
			push(hub, "more")
		}
		assert.Equal(t, []string{"a", "b"}, got)
	})
	t.Run("a foreign position", func(t *testing.T) {
		hub := enumerator.Broadcast[string](enumerator.Capacity(2))
		push(hub, "a", "b", "c")
		got, _ := poll(hub, at(1))
		assert.True(t, got[0].Reset)
		assert.Equal(t, []string{"", "b", "c"}, values(got))
		empty := enumerator.Broadcast[string]()
		got, took := poll(empty, at(1))
		assert.Equal(t, []item{{Position: empty.Position(), Reset: true}}, got)
		assert.Less(t, took, wait)
	})
	t.Run("the hub has ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			start := hub.Position()
			push(hub, "a")
			hub.End()
			got, _ := poll(hub, start)
			assert.Equal(t, []string{"a"}, values(got))
			got, took := poll(hub, got[0].Position)
			assert.Empty(t, got)
			assert.Zero(t, took)

			failing := enumerator.Broadcast[string]()
			failing.EndWithError(errBroken)
			_, err := enumerator.Run(t.Context(), comet.LongPoll(failing, failing.Position(), wait), iteratee.Ignore[item]())
			assert.ErrorIs(t, err, errBroken)
		})
	})
	t.Run("the client leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[string]()
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { time.Sleep(time.Second); cancel(errBroken) }()
			_, err := enumerator.Run(ctx, comet.LongPoll(hub, hub.Position(), wait), iteratee.Ignore[item]())
			assert.ErrorIs(t, err, errBroken)
		})
	})
	t.Run("the consumer ends", func(t *testing.T) {
		hub := enumerator.Broadcast[string]()
		start := hub.Position()
		push(hub, "a", "b")
		first, err := enumerator.Run(t.Context(), comet.LongPoll(hub, start, wait).AndThen(comet.LongPoll(hub, start, wait)), iteratee.Head[item]())
		require.NoError(t, err)
		assert.Equal(t, "a", first.Value)
		both, err := enumerator.Run(t.Context(), comet.LongPoll(hub, start, wait).AndThen(enumerator.Of(item{Value: "z"})), iteratee.Collect[item]())
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "z"}, values(both), "the consumer stays open for the next source")
	})
	assert.PanicsWithValue(t, "comet: LongPoll: wait must be positive, got 0s",
		func() { comet.LongPoll(enumerator.Broadcast[int](), enumerator.Position{}, 0) })
}

// Nothing is lost or repeated between polls.
func TestLongPollsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := enumerator.Broadcast[int](enumerator.Capacity(1000))
		cursor := hub.Position()
		go func() {
			for n := range 500 {
				time.Sleep(time.Duration(n%7) * time.Second)
				assert.NoError(t, hub.Push(t.Context(), n))
			}
		}()
		numbers := enumeratee.Map(func(i enumerator.Item[int]) int { cursor = i.Position; return i.Value })
		var got []int
		for len(got) < 500 {
			answer, err := enumerator.Run(t.Context(), enumerator.Through(comet.LongPoll(hub, cursor, 5*time.Second), numbers), iteratee.Collect[int]())
			require.NoError(t, err)
			got = append(got, answer...)
			time.Sleep(3 * time.Second)
		}
		for n, v := range got {
			require.Equal(t, n, v)
		}
	})
}
