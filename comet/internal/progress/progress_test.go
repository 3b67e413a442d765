package progress_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/comet/internal/progress"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type item = enumerator.Item[int]

func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

func bookmark(seq uint64) item { return item{Position: at(seq), Bookmark: true} }
func message(seq uint64) item  { return item{Position: at(seq), Value: 1} }
func end(seq uint64) item      { return item{Position: at(seq), End: true} }

// run returns the Items that tracker hands on.
func run(tracker *progress.Tracker[int], source enumerator.Enumerator[item]) ([]item, error) {
	return enumerator.Run(context.Background(), tracker.Items(source), iteratee.Collect[item]())
}

func TestBookmarks(t *testing.T) {
	t.Run("a second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var tracker progress.Tracker[int]
			untold := func(want ...item) {
				for _, w := range want {
					got, ok := tracker.Untold()
					assert.True(t, ok)
					assert.Equal(t, w, got)
				}
				_, ok := tracker.Untold()
				assert.False(t, ok)
			}
			steps := []struct {
				item  item
				after func()
			}{
				{bookmark(1), func() { untold() }},            // the first is handed on
				{bookmark(2), nil},                            // held back
				{bookmark(3), func() { untold(bookmark(3)) }}, // only the newest
				{bookmark(4), nil},
				{message(5), func() { untold() }}, // newer than 4
				{bookmark(6), func() { time.Sleep(time.Second) }},
				{bookmark(7), func() { untold() }}, // handed on after a second, with 6
				{bookmark(8), func() { time.Sleep(time.Second - 1) }},
				{bookmark(9), func() { time.Sleep(time.Nanosecond); untold(bookmark(9)) }},
				{bookmark(10), nil},                               // the heartbeat was just now
				{item{Value: 1}, func() { untold(bookmark(10)) }}, // without a Position, it does not move the client
			}
			got, err := run(&tracker, enumerator.New(func(_ context.Context, sink iteratee.Sink[item]) iteratee.Step {
				for _, step := range steps {
					if step := sink.Next(step.item); !step.IsCont() {
						return step
					}
					if step.after != nil {
						step.after()
					}
				}
				return iteratee.StepCont
			}))
			require.NoError(t, err)
			assert.Equal(t, []item{bookmark(1), message(5), bookmark(7), {Value: 1}, end(10)}, got)
			untold()
		})
	})
	t.Run("a filter hands on few", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var tracker progress.Tracker[int]
			other := func(seq uint64) item { return item{Position: enumerator.Position{Epoch: 72, Seq: seq}, Bookmark: true} }
			got, err := run(&tracker, enumerator.Of(
				bookmark(0), other(0), // other is held back
				bookmark(32), other(32), // 64 elements after bookmark(0), of two hubs
				message(33), bookmark(96), bookmark(97), bookmark(161), other(1096)))
			require.NoError(t, err)
			assert.Equal(t, []item{bookmark(0), other(32), message(33), bookmark(97), bookmark(161), other(1096), {Position: other(1096).Position, End: true}}, got)
		})
	})
	t.Run("64 in a row", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var tracker progress.Tracker[int]
			var all []item
			for seq := range uint64(200) {
				all = append(all, bookmark(seq))
			}
			got, err := run(&tracker, enumerator.FromSlice(all))
			require.NoError(t, err)
			assert.Equal(t, []item{bookmark(0), bookmark(64), bookmark(128), bookmark(192), end(199)}, got)
		})
	})
}

// A client learns at once of the first place in each of several sources.
func TestBookmarksOfSeveralSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		joined := func(cursor string, isMessage bool) item { return item{Cursor: cursor, Bookmark: !isMessage} }
		var tracker progress.Tracker[int]
		got, err := run(&tracker, enumerator.Of(
			joined("", false), joined("b:1", false), joined("a:1,b:1", false), joined("a:1,b:2", false),
			joined("a:2,b:2,c:1", true), joined("a:2,b:2,c:2", false), joined("a:2,b:2,c:2,d:1", false)))
		require.NoError(t, err)
		assert.Equal(t, []item{
			joined("", false), joined("b:1", false), joined("a:1,b:1", false),
			joined("a:2,b:2,c:1", true), joined("a:2,b:2,c:2,d:1", false), {Cursor: "a:2,b:2,c:2,d:1", End: true},
		}, got)
	})
}

// Bookmarks of an adapter that sends few are handed on, since the client falls behind otherwise.
func TestBookmarksFarApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := func(seq uint64) item {
			return item{Position: enumerator.Position{Epoch: 72, Seq: seq}, Bookmark: true}
		}
		for name, c := range map[string]struct{ in, want []item }{
			"64 elements":                  {[]item{bookmark(1), bookmark(64), bookmark(65), bookmark(129)}, []item{bookmark(1), bookmark(65), bookmark(129), end(129)}},
			"after a message":              {[]item{message(1), bookmark(64), bookmark(65)}, []item{message(1), bookmark(65), end(65)}},
			"another source in between":    {[]item{bookmark(1), other(900), bookmark(65)}, []item{bookmark(1), bookmark(65), end(65)}},
			"only another source":          {[]item{bookmark(1), other(900), other(901)}, []item{bookmark(1), {Position: other(901).Position, End: true}}},
			"another source has a message": {[]item{{Position: other(900).Position}, other(963), other(964)}, []item{{Position: other(900).Position}, other(964), {Position: other(964).Position, End: true}}},
		} {
			var tracker progress.Tracker[int]
			got, err := run(&tracker, enumerator.FromSlice(c.in))
			require.NoError(t, err)
			assert.Equal(t, c.want, got, name)
		}
	})
}

func TestItemsKeepsTheLaws(t *testing.T) {
	for _, in := range [][]item{nil, {bookmark(1)}, {bookmark(1), bookmark(2), message(3)}, {message(1), message(2), end(2)}} {
		assert.NoError(t, enumerateetest.Test(progress.Items[int](), in))
	}
}

func TestEnd(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancelled := errors.New("cancelled")
	broken := errors.New("broken")
	source := func(after func() iteratee.Step, items ...item) enumerator.Enumerator[item] {
		return enumerator.FromSlice(items).AndThen(enumerator.New(func(context.Context, iteratee.Sink[item]) iteratee.Step { return after() }))
	}
	for name, c := range map[string]struct {
		source enumerator.Enumerator[item]
		want   []item
		err    error
	}{
		"empty":                         {enumerator.Empty[item](), []item{{End: true}}, nil},
		"runs out":                      {enumerator.Of(message(1), message(2)), []item{message(1), message(2), end(2)}, nil},
		"EOF":                           {enumerator.Of(message(1)).AndThen(enumerator.FromInput(iteratee.EOF[item]())), []item{message(1), end(1)}, nil},
		"keeps the cursor":              {enumerator.Of(item{Position: at(1), Event: "a", Cursor: "a:1"}), []item{{Position: at(1), Event: "a", Cursor: "a:1"}, {Position: at(1), Cursor: "a:1", End: true}}, nil},
		"an End of the source":          {enumerator.Of(message(1), end(7)), []item{message(1), end(7)}, nil},
		"an End of the source, and EOF": {enumerator.Of(end(7)).AndThen(enumerator.FromInput(iteratee.EOF[item]())), []item{end(7)}, nil},
		"an error":                      {source(func() iteratee.Step { return iteratee.StepError(broken) }, message(1)), nil, broken},
		"interrupted":                   {source(func() iteratee.Step { cancel(cancelled); return iteratee.Cancelled(ctx) }, message(1)), nil, cancelled},
		"hides that it was interrupted": {source(func() iteratee.Step { cancel(cancelled); return iteratee.StepCont }, message(1)), nil, cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel = context.WithCancelCause(t.Context())
			defer cancel(nil)
			var tracker progress.Tracker[int]
			var ends int
			got, err := enumerator.Run(ctx, enumerator.Map(tracker.Items(c.source), func(i item) item {
				if i.End {
					ends++
				}
				return i
			}), iteratee.Collect[item]())
			if c.err != nil {
				assert.ErrorIs(t, err, c.err)
				assert.Zero(t, ends)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}

	// A consumer that is done gets no End.
	var tracker progress.Tracker[int]
	first, err := enumerator.Run(t.Context(), tracker.Items(enumerator.Of(message(1))), iteratee.Head[item]())
	require.NoError(t, err)
	assert.Equal(t, message(1), *first)
}

// Whatever is sent, and whenever heartbeats come, the Positions that a client gets never fall, each message comes once, and
// no Bookmark comes before a message that it covers.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.Bool(), 0, 300).Draw(t, "messages")
		var mu sync.Mutex // the lock of the writer
		var tracker progress.Tracker[int]
		var wire []item
		done, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-done:
					return
				default:
				}
				mu.Lock()
				if i, ok := tracker.Untold(); ok {
					wire = append(wire, i)
				}
				mu.Unlock()
			}
		}()
		var all []item
		for n, isMessage := range kinds {
			if isMessage {
				all = append(all, message(uint64(n+1)))
			} else {
				all = append(all, bookmark(uint64(n+1)))
			}
		}
		_, err := enumerator.Run(context.Background(), tracker.Items(enumerator.FromSlice(all)), iteratee.ForEach(func(_ context.Context, i item) error {
			mu.Lock()
			defer mu.Unlock()
			wire = append(wire, i)
			return nil
		}))
		close(done)
		<-stopped
		if err != nil {
			t.Fatal(err)
		}
		next, last := 0, uint64(0)
		for _, i := range wire {
			if i.Position.Seq < last {
				t.Fatalf("the Position falls from %d to %d", last, i.Position.Seq)
			}
			last = i.Position.Seq
			for next < len(kinds) && (!kinds[next] || i.IsMessage() && i == all[next]) && uint64(next) < last {
				next++
			}
			if uint64(next) < last {
				t.Fatalf("%d comes before message %d", last, next+1)
			}
		}
		if next != len(kinds) {
			t.Fatalf("only %d of %d", next, len(kinds))
		}
	})
}
