//go:build !fuzz

package jetstream_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/enumerator/topics/presence"
	"github.com/halley-go/halley/enumerator/topics/tables"
)

func put(t testing.TB, s topics.Store, row, data string) enumerator.Position {
	p, err := s.Append(timeout(t), "a", topics.Record{Row: row, Data: []byte(data)})
	require.NoError(t, err)
	return p
}

// A stream of an earlier version keeps its entries, and takes rows.
func TestAStreamWithoutRows(t *testing.T) {
	nc := start(t, t.TempDir())
	s := open(t, nc, "test", jetstream.Keep(3))
	p := appendTo(t, s, "a", "1")
	appendTo(t, s, "a", "2")
	stream, err := management(t, nc).Stream(timeout(t), "test")
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.AllowAtomicPublish = false
	_, err = management(t, nc).UpdateStream(timeout(t), config)
	require.NoError(t, err)

	_, err = jetstream.Open(timeout(t), nc, "test", jetstream.Keep(4))
	require.ErrorContains(t, err, "it has other settings")
	stream, err = management(t, nc).Stream(timeout(t), "test")
	require.NoError(t, err)
	require.False(t, stream.CachedInfo().Config.AllowAtomicPublish, "a stream that is not opened does not change")

	s = open(t, nc, "test", jetstream.Keep(3))
	w := watch(t, s, "a")
	put(t, s, "x", "3")
	w.gets("3")
	es, ok, err := s.Read(timeout(t), "a", topics.Place{After: p}, 10)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, []string{"2", "3"}, datas(es))
}

// The place of a row is known as long as the row has not changed.
func TestAPlaceThatOnlyARowKnows(t *testing.T) {
	s := open(t, start(t, t.TempDir(), embedded.SyncLater()), "test", jetstream.Keep(2))
	replaced := put(t, s, "x", "1")
	place := put(t, s, "y", "2")
	put(t, s, "x", "3")
	for range 10 {
		appendTo(t, s, "a", "message")
	}
	put(t, s, "z", "4")
	for range 10 {
		appendTo(t, s, "a", "message")
	}
	reads := func(from topics.Place, ok bool, data ...string) {
		t.Helper()
		from.State = true
		es, gotOK, err := s.Read(timeout(t), "a", from, 10)
		require.NoError(t, err)
		require.Equal(t, ok, gotOK)
		require.Equal(t, data, datas(es))
	}
	reads(topics.Place{After: place}, true, "3", "4")
	reads(topics.Place{After: replaced}, false, "2", "3", "4")
	reads(topics.Place{After: replaced, Began: place}, true, "2", "3", "4")
}

// Rows are read in batches, and each row once.
func TestManyRows(t *testing.T) {
	s := open(t, start(t, t.TempDir(), embedded.SyncLater()), "test", jetstream.Keep(2))
	const n = 200
	require.NoError(t, inParallel(16, n, func(i int) error {
		_, err := s.Append(timeout(t), "a", topics.Record{Row: fmt.Sprint("row ", i%(n/2)), Data: fmt.Append(nil, i)})
		return err
	}))
	rows := map[string]string{}
	for from := (topics.Place{State: true}); ; {
		es, ok, err := s.Read(timeout(t), "a", from, 30)
		require.NoError(t, err)
		require.True(t, ok)
		if len(es) == 0 {
			break
		}
		for _, e := range es {
			require.NotContains(t, rows, e.Row)
			rows[e.Row] = string(e.Data)
			from.After = e.Position
		}
		if from.Began == (enumerator.Position{}) {
			from.Began = es[0].Position
		}
	}
	require.Len(t, rows, n/2)
}

// BenchmarkRow compares an Append of a row to one of a message.
func BenchmarkRow(b *testing.B) {
	for name, store := range map[string]func() topics.Store{
		"one server": func() topics.Store { return open(b, start(b, b.TempDir()), "test") },
		"one server, not synced": func() topics.Store {
			return open(b, start(b, b.TempDir(), embedded.SyncLater()), "test")
		},
		"three servers": func() topics.Store {
			return open(b, startCluster(b)[0], "test", jetstream.Replicas(3))
		},
	} {
		b.Run(name, func(b *testing.B) {
			s := store()
			var took [2]time.Duration
			for b.Loop() {
				for i, row := range []string{"", "x"} {
					began := time.Now()
					for range 20 {
						_, err := s.Append(b.Context(), "a", topics.Record{Row: row, Data: make([]byte, 100)})
						require.NoError(b, err)
					}
					took[i] += time.Since(began)
				}
			}
			b.ReportMetric(float64(took[0])/float64(took[1]), "rows/message")
			b.ReportMetric(float64(b.N*20)/took[1].Seconds(), "rows/s")
		})
	}
}

// A reader of a table on one node leaves and comes back while another node changes rows. Members of a program that vanishes are
// gone.
func TestTablesAndPresence(t *testing.T) {
	nc := start(t, t.TempDir(), embedded.SyncLater())
	one, other := open(t, nc, "test", jetstream.Keep(3)), open(t, nc, "test", jetstream.Keep(3))
	writer, reader := tables.New[int](one).Table("t"), tables.New[int](other).Table("t")
	ctx := timeout(t)
	model, rows := map[string]int{}, map[string]int{}
	change := func(from, to int) {
		for i := from; i < to; i++ {
			key := fmt.Sprint("row ", i%7)
			if i%5 == 4 {
				_, err := writer.Remove(ctx, key)
				require.NoError(t, err)
				delete(model, key)
				continue
			}
			_, err := writer.Put(ctx, key, i)
			require.NoError(t, err)
			model[key] = i
		}
	}
	var place enumerator.Position
	follow := func(news func(bookmark bool) (more bool)) {
		for item, err := range enumerator.All(ctx, reader.From(place)) {
			require.NoError(t, err)
			place = item.Position
			switch c := item.Value; {
			case item.Reset:
				clear(rows)
			case c.Deleted:
				delete(rows, c.Key)
			case item.IsMessage():
				rows[c.Key] = c.Value
			}
			if !news(item.Bookmark) {
				return
			}
		}
	}
	for round := range 4 {
		change(20*round, 20*round+15)
		follow(func(bookmark bool) bool {
			if bookmark {
				require.Equal(t, model, rows, "round %d", round)
				change(20*round+15, 20*round+20)
				_, err := writer.Put(ctx, "round", round)
				require.NoError(t, err)
				model["round"] = round
			}
			last, ok := rows["round"]
			return !ok || last < round
		})
		require.Equal(t, model, rows, "round %d, live", round)
	}

	beat := presence.Beat(200 * time.Millisecond)
	here, gone := presence.New[string](other, beat), presence.New[string](one, beat)
	defer here.Close()
	require.NoError(t, gone.Join(ctx, "room", "kiki", "1"))
	for item, err := range enumerator.All(ctx, here.Members("room")) {
		require.NoError(t, err)
		if item.IsMessage() && !item.Value.Deleted {
			gone.Close() // it does not leave
		}
		if item.Value.Deleted {
			require.Equal(t, "kiki", item.Value.Key)
			break
		}
	}
}
