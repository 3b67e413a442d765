//go:build !fuzz

package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	api "github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// timeout returns a context for the calls of a test.
func timeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func appendTo(t testing.TB, s topics.Store, name, data string) enumerator.Position {
	p, err := s.Append(timeout(t), name, topics.Record{Data: []byte(data)})
	require.NoError(t, err)
	return p
}

// watched records the calls of a watch.
type watched struct {
	t    testing.TB
	news chan topics.Entry
	lost chan error
}

func watch(t testing.TB, s topics.Store, name string) *watched {
	w := &watched{t: t, news: make(chan topics.Entry, 10_000), lost: make(chan error, 10)}
	for tries := 0; ; tries++ { // the connection may have been lost
		_, stop, err := s.Watch(timeout(t), name, func(e topics.Entry) { w.news <- e }, func(err error) { w.lost <- err })
		if err == nil {
			t.Cleanup(stop)
			return w
		}
		require.Less(t, tries, 10, err)
	}
}

func (w *watched) gets(data ...string) {
	w.t.Helper()
	for _, want := range data {
		select {
		case e := <-w.news:
			require.Equal(w.t, want, string(e.Data))
		case err := <-w.lost:
			require.NoError(w.t, err, "the watch is lost")
		case <-time.After(20 * time.Second):
			require.Fail(w.t, "the watch does not get "+want)
		}
	}
}

// isLost waits until the watch is lost.
func (w *watched) isLost() {
	w.t.Helper()
	select {
	case <-w.lost:
	case <-time.After(30 * time.Second):
		require.Fail(w.t, "the watch is not lost")
	}
}

func management(t testing.TB, nc *nats.Conn) api.JetStream {
	js, err := api.New(nc)
	require.NoError(t, err)
	return js
}

// placeIsGone checks that a client with this place gets a Reset.
func placeIsGone(t testing.TB, s topics.Store, name string, p enumerator.Position, kept ...string) {
	t.Helper()
	es, ok, err := s.Read(timeout(t), name, topics.Place{After: p}, 100)
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, kept, datas(es))
}

func datas(es []topics.Entry) (all []string) {
	for _, e := range es {
		all = append(all, string(e.Data))
	}
	return all
}

func TestAStreamThatIsMadeAnew(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	js := management(t, nc)
	s := open(t, nc, "test")
	for range 20 {
		appendTo(t, s, "a", "old")
	}
	busy, idle, empty := watch(t, s, "a"), watch(t, s, "b"), watch(t, s, "c")
	last := appendTo(t, s, "a", "last")
	other := appendTo(t, s, "b", "other")
	busy.gets("last")
	idle.gets("other")

	require.NoError(t, js.DeleteStream(timeout(t), "test"))
	s = open(t, nc, "test")
	appendTo(t, s, "a", "new")
	busy.isLost()
	idle.isLost()
	placeIsGone(t, s, "a", last, "new")
	placeIsGone(t, s, "b", other)
	appendTo(t, s, "c", "first")
	empty.gets("first") // it missed nothing

	// Numbers are used again, for the same topic.
	for i := 2; number(last) > i; i++ {
		appendTo(t, s, "a", "new")
	}
	again := appendTo(t, s, "a", "again")
	_, ok, err := s.Read(timeout(t), "a", topics.Place{After: last}, 100)
	require.NoError(t, err)
	require.False(t, ok, "%v is taken for %v", last, again)
}

func number(p enumerator.Position) int { return int(p.Seq >> 16) }

func TestAStreamThatIsDeleted(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	s := open(t, nc, "test")
	w := watch(t, s, "a")
	appendTo(t, s, "a", "1")
	w.gets("1")
	require.NoError(t, management(t, nc).DeleteStream(timeout(t), "test"))
	w.isLost()
	_, _, err := s.Watch(timeout(t), "a", func(topics.Entry) {}, func(error) {})
	require.Error(t, err)
	_, _, err = s.Read(timeout(t), "a", topics.Place{}, 1)
	require.Error(t, err)
	ctx, cancel := context.WithTimeout(timeout(t), 100*time.Millisecond)
	defer cancel()
	_, err = s.Append(ctx, "a", topics.Record{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, topics.ErrUnknown)
}

func TestAStreamThatIsPurged(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	s := open(t, nc, "test")
	w := watch(t, s, "a")
	first := appendTo(t, s, "a", "1")
	w.gets("1")
	stream, err := management(t, nc).Stream(timeout(t), "test")
	require.NoError(t, err)
	require.NoError(t, stream.Purge(timeout(t)))
	appendTo(t, s, "a", "2")
	w.isLost()
	placeIsGone(t, s, "a", first, "2")
}

// A server goes on with an older copy of its files, while clients watch.
func TestAStreamThatIsPutBack(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]int{"and is idle": 0, "and gets fewer entries": 3, "and gets more entries": 30} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, copied := t.TempDir(), t.TempDir()
			address := freeAddresses(t, 1)[0]
			_, stop, err := embedded.Start(dir, embedded.Clients(address))
			require.NoError(t, err)
			nc, err := nats.Connect("nats://"+address, nats.ReconnectWait(10*time.Millisecond), nats.MaxReconnects(-1))
			require.NoError(t, err)
			defer nc.Close()
			s := open(t, nc, "test")
			old := appendTo(t, s, "a", "old")
			stop()
			require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
			_, stop, err = embedded.Start(dir, embedded.Clients(address))
			require.NoError(t, err)
			w := watch(t, s, "a")
			var last enumerator.Position
			for range 10 {
				last = appendTo(t, s, "a", "lost")
				w.gets("lost")
			}
			stop()
			_, stop, err = embedded.Start(copied, embedded.Clients(address))
			require.NoError(t, err)
			defer stop()
			for range more {
				appendTo(t, s, "a", "new")
			}
			w.isLost()
			_, ok, err := s.Read(timeout(t), "a", topics.Place{After: last}, 100)
			require.NoError(t, err)
			assert.False(t, ok)
			_, ok, err = s.Read(timeout(t), "a", topics.Place{After: old}, 100)
			require.NoError(t, err)
			assert.True(t, ok)
			assert.Empty(t, w.news)
		})
	}
}

// A server that dies after it has stored an entry has not republished it.
func TestEntriesThatAreNotRepublished(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	js := management(t, nc)
	s := open(t, nc, "test")
	republish := func(on bool) {
		stream, err := js.Stream(timeout(t), "test")
		require.NoError(t, err)
		config := stream.CachedInfo().Config
		config.RePublish = nil
		if on {
			config.RePublish = &api.RePublish{Source: "halley.test.entry.>", Destination: "halley.test.stored.>"}
		}
		_, err = js.UpdateStream(timeout(t), config)
		require.NoError(t, err)
	}
	a, b, c := watch(t, s, "a"), watch(t, s, "b"), watch(t, s, "c")
	appendTo(t, s, "a", "1")
	appendTo(t, s, "b", "1")
	republish(false)
	for i := 2; i <= 9; i++ {
		appendTo(t, s, "a", fmt.Sprint(i))
		appendTo(t, s, "b", fmt.Sprint(i))
		appendTo(t, s, "c", fmt.Sprint(i))
	}
	republish(true)
	appendTo(t, s, "a", "10")
	a.gets("1", "2", "3", "4", "5", "6", "7", "8", "9", "10") // found by the chain
	b.gets("1", "2", "3", "4", "5", "6", "7", "8", "9")       // found by an audit
	c.gets("2", "3", "4", "5", "6", "7", "8", "9")

	// More than are kept, or a deletion.
	republish(false)
	for range 200 {
		appendTo(t, s, "a", "x")
	}
	_, err := s.Append(timeout(t), "b", topics.Record{Kind: topics.Deleted})
	require.NoError(t, err)
	a.isLost()
	b.isLost()
	assert.Empty(t, a.news)
	assert.Empty(t, b.news)
}

// Programs publish until the topic has ended, and while it ends.
func TestNothingFollowsTheEnd(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(t *testing.T) []topics.Store{
		"on one server": func(t *testing.T) []topics.Store {
			nc := start(t, t.TempDir())
			return []topics.Store{open(t, nc, "test", jetstream.Keep(100_000)), open(t, nc, "test", jetstream.Keep(100_000))}
		},
		"on three": func(t *testing.T) (stores []topics.Store) {
			for _, nc := range startCluster(t) {
				stores = append(stores, open(t, nc, "test", jetstream.Keep(100_000), jetstream.Replicas(3)))
			}
			return stores
		},
	} {
		t.Run(name, func(t *testing.T) {
			stores := connect(t)
			for round := range 3 {
				topic := fmt.Sprint(round)
				var publishers sync.WaitGroup
				var count atomic.Int64
				acknowledged := make([][]enumerator.Position, 12)
				for i := range acknowledged {
					publishers.Go(func() {
						for {
							p, err := stores[i%len(stores)].Append(timeout(t), topic, topics.Record{Data: []byte("x")})
							if !errors.Is(err, topics.ErrEnded) {
								assert.NoError(t, err)
							}
							if err != nil {
								return
							}
							acknowledged[i] = append(acknowledged[i], p)
							count.Add(1)
						}
					})
				}
				for count.Load() < 100 {
					time.Sleep(time.Millisecond)
				}
				ends := make([]enumerator.Position, 3)
				for i := range ends {
					publishers.Go(func() {
						var err error
						ends[i], err = stores[i%len(stores)].Append(timeout(t), topic, topics.Record{Kind: topics.Ended})
						if err != nil {
							assert.ErrorIs(t, err, topics.ErrEnded)
						}
					})
				}
				publishers.Wait()
				all := slices.Concat(acknowledged...)
				slices.SortFunc(all, func(a, b enumerator.Position) int { return number(a) - number(b) })
				end := slices.MaxFunc(ends, func(a, b enumerator.Position) int { return number(a) - number(b) })
				all = append(all, end)
				stored := readAll(t, stores[0], topic)
				for i, e := range stored {
					assert.Equal(t, i == len(all)-1, e.Kind == topics.Ended, i)
				}
				require.Equal(t, all, positions(stored))
			}
		})
	}
}

// A key is known even after its entry is gone and the topic has ended.
func TestAKeyOutlivesItsEntry(t *testing.T) {
	t.Parallel()
	s := open(t, start(t, t.TempDir()), "test", jetstream.Keep(1))
	first, err := s.Append(timeout(t), "a", topics.Record{Key: "k"})
	require.NoError(t, err)
	for range 5 {
		appendTo(t, s, "a", "x")
	}
	again := func(r topics.Record) {
		r.Key = "k"
		p, err := s.Append(timeout(t), "a", r)
		require.NoError(t, err)
		require.Equal(t, first, p)
	}
	again(topics.Record{Conditional: true})
	again(topics.Record{Kind: topics.Ended})
	appendTo(t, s, "a", "the topic has not ended")
	_, err = s.Append(timeout(t), "a", topics.Record{Kind: topics.Ended})
	require.NoError(t, err)
	again(topics.Record{})
	again(topics.Record{Kind: topics.Ended})
	_, err = s.Append(timeout(t), "a", topics.Record{Key: "another"})
	require.ErrorIs(t, err, topics.ErrEnded)
}

// The program that ends a topic dies before it has stored the end.
func TestAnEndThatIsNotFinished(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	s := open(t, nc, "test")
	appendTo(t, s, "a", "1")
	w := watch(t, s, "a")
	mark := "halley.test.end.a" + strings.Repeat(".0", 10)
	_, err := management(t, nc).Publish(timeout(t), mark, []byte("id"))
	require.NoError(t, err)
	_, err = s.Append(timeout(t), "a", topics.Record{})
	require.ErrorIs(t, err, topics.ErrEnded)
	require.Equal(t, topics.Ended, (<-w.news).Kind)

	// The program that deletes it dies before it has removed the mark.
	_, err = s.Append(timeout(t), "a", topics.Record{Kind: topics.Deleted})
	require.NoError(t, err)
	_, err = management(t, nc).PublishMsg(timeout(t), &nats.Msg{Subject: "halley.test.end.b" + strings.Repeat(".0", 10)})
	require.NoError(t, err)
	_, err = management(t, nc).PublishMsg(timeout(t), &nats.Msg{Subject: "halley.test.entry.b", Header: nats.Header{"Halley-Kind": {"deleted"}}})
	require.NoError(t, err)
	appendTo(t, s, "b", "1")
}

// A server whose disk is full stores nothing, and nothing that it has acknowledged is lost.
func TestTheDiskIsFull(t *testing.T) {
	t.Parallel()
	for name, fill := range map[string]func(dir string) error{
		"by the entries": func(string) error { return nil },
		"by others": func(dir string) error {
			f, err := os.Create(filepath.Join(dir, "filler"))
			for err == nil {
				_, err = f.Write(make([]byte, 1<<16))
			}
			if errors.Is(err, syscall.ENOSPC) {
				err = nil
			}
			return errors.Join(err, f.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
				t.Skip("only root may mount a small disk:", err)
			}
			defer func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) }()
			nc, stop, err := embedded.Start(dir)
			require.NoError(t, err)
			defer func() { stop() }()
			s := open(t, nc, "test", jetstream.Keep(100_000))
			var stored []enumerator.Position
			for {
				if len(stored) == 10 {
					require.NoError(t, fill(dir))
				}
				ctx, cancel := context.WithTimeout(timeout(t), 5*time.Second)
				p, err := s.Append(ctx, "a", topics.Record{Data: make([]byte, 10_000)})
				cancel()
				if err != nil {
					require.True(t, strings.Contains(err.Error(), "insufficient resources") || errors.Is(err, topics.ErrUnknown), err)
					break
				}
				stored = append(stored, p)
			}
			stop()
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "filler")))
			nc, stop, err = embedded.Start(dir)
			require.NoError(t, err)
			s = open(t, nc, "test", jetstream.Keep(100_000))
			require.Equal(t, stored, positions(readAll(t, s, "a"))[:len(stored)])
			if name == "by others" {
				appendTo(t, s, "a", "there is room again")
			}
		})
	}
}

func readAll(t testing.TB, s topics.Store, name string) (all []topics.Entry) {
	for place := (topics.Place{}); ; {
		es, _, err := s.Read(timeout(t), name, place, 1000)
		require.NoError(t, err)
		if len(es) == 0 {
			return all
		}
		all = append(all, es...)
		place = topics.Place{After: es[len(es)-1].Position}
	}
}

func positions(es []topics.Entry) (all []enumerator.Position) {
	for _, e := range es {
		all = append(all, e.Position)
	}
	return all
}
