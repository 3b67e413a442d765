//go:build !fuzz

package jetstream_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/presence"
)

// underWay watches the atomic publishes to the stream "test".
type underWay struct {
	begun, sent, most int             // the batches of which the first and the last message were sent, and the most that were under way
	open              map[string]bool // the subjects of acknowledgements that have not come
}

// countBatches counts until the messages that were sent before stop are there.
func countBatches(t *testing.T, nc *nats.Conn) (stop func() underWay) {
	all := make(chan *nats.Msg, 100_000)
	for _, subject := range []string{"halley.test.entry.*", "halley.test.end.>", "_INBOX.>", "stop"} {
		sub, err := nc.ChanSubscribe(subject, all)
		require.NoError(t, err)
		t.Cleanup(func() { _ = sub.Unsubscribe() })
	}
	return func() underWay {
		require.NoError(t, nc.Publish("stop", nil))
		w := underWay{open: map[string]bool{}}
		for m := range all {
			switch {
			case m.Subject == "stop":
				return w
			case strings.HasPrefix(m.Subject, "_INBOX."):
				delete(w.open, m.Subject)
			case m.Header.Get("Nats-Batch-Commit") != "":
				w.sent++
				w.open[m.Reply] = true
				w.most = max(w.most, len(w.open))
			case m.Header.Get("Nats-Batch-Id") != "":
				w.begun++
			}
		}
		return w
	}
}

// few is more than the batches of a single server that are under way at once, in case that it takes longer for one
// than an attempt.
const few = 5

// Many members join and leave at once. This neither fills the queue of the stream nor holds up messages.
func TestManyMembersAtOnce(t *testing.T) {
	nc := start(t, t.TempDir())
	store := open(t, nc, "test")
	here, posts := presence.New[string](store), topics.New[string](store)
	defer here.Close()
	defer posts.Close()
	stop := countBatches(t, nc)
	ctx, leave := context.WithCancel(timeout(t))
	defer leave()
	var joins sync.WaitGroup
	for i := range 100 {
		joins.Go(func() { assert.NoError(t, here.Join(ctx, "room", fmt.Sprint(i), "")) })
	}
	post := func() {
		_, err := posts.Publish(timeout(t), "posts", "", "x")
		require.NoError(t, err)
	}
	post()
	joins.Wait()
	leave()
	post()
	members, whole := map[string]bool{}, false
	for item, err := range enumerator.All(timeout(t), here.Members("room")) {
		require.NoError(t, err)
		switch {
		case item.Reset:
			clear(members)
			whole = false
		case item.Bookmark:
			whole = true
		case item.Value.Deleted:
			delete(members, item.Value.Key)
		default:
			members[item.Value.Key] = true
		}
		if whole && len(members) == 0 {
			break
		}
	}
	w := stop()
	require.LessOrEqual(t, w.most, few)
	require.Equal(t, w.begun, w.sent)
	require.GreaterOrEqual(t, w.sent, 202)
}

// The contexts of many appends of rows end at once. No batch is left half sent, and those that wait are not sent.
func TestManyRowsWhoseContextsEnd(t *testing.T) {
	nc := start(t, t.TempDir())
	store := open(t, nc, "test")
	for range 5 {
		stop := countBatches(t, nc)
		ctx, cancel := context.WithCancel(timeout(t))
		defer cancel()
		var rows sync.WaitGroup
		for i := range 100 {
			rows.Go(func() {
				_, err := store.Append(ctx, "room", topics.Record{Row: fmt.Sprint(i)})
				cancel()
				if err != nil {
					assert.ErrorIs(t, err, context.Canceled)
				}
			})
		}
		rows.Wait()
		_, err := store.Append(timeout(t), "room", topics.Record{Row: "last"})
		require.NoError(t, err)
		w := stop()
		require.LessOrEqual(t, w.most, few)
		require.Equal(t, w.begun, w.sent)
		require.Less(t, w.sent, 100)
	}
}
