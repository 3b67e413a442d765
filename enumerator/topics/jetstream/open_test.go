//go:build !fuzz

package jetstream_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

func TestOpenRefusesAStreamWithOtherSettings(t *testing.T) {
	nc := start(t, t.TempDir())
	open(t, nc, "test", jetstream.Keep(10), jetstream.MaxAge(time.Hour), jetstream.MaxBytes(1<<20))
	open(t, nc, "test", jetstream.Keep(10), jetstream.MaxAge(time.Hour), jetstream.MaxBytes(1<<20))
	_, err := jetstream.Open(timeout(t), nc, "test", jetstream.Keep(11))
	require.EqualError(t, err, `jetstream: Open: stream "test": it has other settings: MaxMsgsPerSubject (Keep and one more) is 11, not 12; `+
		`MaxAge is 1h0m0s, not 0s; MaxBytes is 1048576, not -1`)

	for _, name := range []string{"", "a.b", "*", ">", "a b"} {
		_, err = jetstream.Open(timeout(t), nc, name)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	}

	_, err = jetstream.Open(timeout(t), nc, "replicated", jetstream.Replicas(3))
	require.ErrorContains(t, err, "replicas > 1 not supported")

	nc.Close()
	_, err = jetstream.Open(timeout(t), nc, "test")
	require.ErrorIs(t, err, topics.ErrClosed)
}

func TestMisusePanics(t *testing.T) {
	for want, f := range map[string]func(){
		"enumerator/topics/jetstream: Keep: n must be positive":      func() { jetstream.Keep(0) },
		"enumerator/topics/jetstream: MaxBytes: n must be positive":  func() { jetstream.MaxBytes(0) },
		"enumerator/topics/jetstream: Replicas: n must be positive":  func() { jetstream.Replicas(0) },
		"enumerator/topics/jetstream: MaxAge: d must be at least 2m": func() { jetstream.MaxAge(time.Minute) },
	} {
		func() {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), want) }()
			f()
		}()
	}
}

func TestAClosedConnection(t *testing.T) {
	_, stop, err := embedded.Start(t.TempDir())
	require.NoError(t, err)
	stop()
	nc, stop, err := embedded.Start(t.TempDir())
	require.NoError(t, err)
	s := open(t, nc, "test")
	w := watch(t, s, "a")
	stop()
	w.isLost()
	_, err = s.Append(timeout(t), "a", topics.Record{})
	assert.ErrorIs(t, err, topics.ErrClosed)
	_, _, err = s.Read(timeout(t), "a", topics.Place{}, 1)
	assert.ErrorIs(t, err, topics.ErrClosed)
	_, _, err = s.Watch(timeout(t), "a", func(topics.Entry) {}, func(error) {})
	assert.ErrorIs(t, err, topics.ErrClosed)
}

func TestAnEntryThatIsTooLarge(t *testing.T) {
	s := open(t, start(t, t.TempDir()), "test")
	for _, r := range []topics.Record{
		{Data: make([]byte, 2<<20)},
		{Meta: make([]byte, 2<<20)},
		{Meta: make([]byte, 64<<10)},
		{Meta: make([]byte, 64<<10), Kind: topics.Ended},
	} {
		_, err := s.Append(timeout(t), "a", r)
		require.ErrorIs(t, err, topics.ErrTooLarge)
		require.NotErrorIs(t, err, topics.ErrUnknown)
	}
	require.Empty(t, readAll(t, s, "a"))
}

// Entries expire, even those that a watch got last.
func TestMaxAge(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	s := open(t, nc, "test", jetstream.MaxAge(time.Hour))
	stream, err := management(t, nc).Stream(timeout(t), "test")
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.MaxAge, config.Duplicates = time.Second, time.Second
	_, err = management(t, nc).UpdateStream(timeout(t), config)
	require.NoError(t, err)
	w := watch(t, s, "a")
	appendTo(t, s, "a", "1")
	_, err = s.Append(timeout(t), "b", topics.Record{Kind: topics.Ended})
	require.NoError(t, err)
	w.gets("1")
	require.Eventually(t, func() bool {
		es, ok, err := s.Read(timeout(t), "a", topics.Place{}, 1)
		return assert.NoError(t, err) && assert.True(t, ok) && len(es) == 0
	}, 200*time.Second, 10*time.Millisecond)
	appendTo(t, s, "a", "2")
	select {
	case <-w.lost: // the entry before is gone, so others may be
	case e := <-w.news:
		assert.Equal(t, "2", string(e.Data))
	}
	_, err = s.Append(timeout(t), "b", topics.Record{})
	require.ErrorIs(t, err, topics.ErrEnded, "an end does not expire")
}

// processors returns the time that the processors have worked for this process.
func processors() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Many topics are watched and idle. In the long form there are 100,000 of them.
func TestManyTopics(t *testing.T) {
	n := 3_000
	if os.Getenv("HALLEY_LONG") != "" {
		n = 100_000
	}
	nc := start(t, t.TempDir(), embedded.SyncLater())
	s := open(t, nc, "test")
	memory := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before, goroutines, began, used := memory(), runtime.NumGoroutine(), time.Now(), processors()
	var got, lost atomic.Int64
	stops := make([]func(), n)
	for i := range n {
		_, stop, err := s.Watch(context.Background(), fmt.Sprint("topic ", i), func(topics.Entry) { got.Add(1) }, func(error) { lost.Add(1) })
		require.NoError(t, err)
		stops[i] = stop
	}
	t.Logf("%d topics: %v, %v of the processors, %d bytes for each", n, time.Since(began), processors()-used, (memory()-before)/n)
	require.Less(t, (memory()-before)/n, 8<<10)
	require.Less(t, runtime.NumGoroutine(), goroutines+100)

	// Each of them gets its entry, also while the audits compare all.
	began, used = time.Now(), processors()
	require.NoError(t, inParallel(16, n, func(i int) error {
		_, err := s.Append(timeout(t), fmt.Sprint("topic ", i), topics.Record{Data: []byte("x")})
		return err
	}))
	require.Eventually(t, func() bool { return got.Load() == int64(n) }, time.Minute, time.Millisecond)
	t.Logf("%d entries: %v, %v of the processors", n, time.Since(began), processors()-used)
	require.Zero(t, lost.Load())
	var wg sync.WaitGroup
	for _, stop := range stops {
		wg.Go(stop)
	}
	wg.Wait()
}

func TestAnEntryIsOfOneTopicOnly(t *testing.T) {
	s := open(t, start(t, t.TempDir()), "test")
	all := watch(t, s, "a")
	appendTo(t, s, "A", "other")
	appendTo(t, s, "a.b", "other")
	appendTo(t, s, ">", "other")
	appendTo(t, s, "a", "mine")
	all.gets("mine")
	es, _, err := s.Read(timeout(t), ">", topics.Place{}, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"other"}, datas(es))
	require.Empty(t, strings.Join(datas(es)[1:], ""))
}

// The last messages of a long topic are found without reading all of it.
func TestTheLastOfManyMessages(t *testing.T) {
	s := open(t, start(t, t.TempDir(), embedded.SyncLater()), "test", jetstream.Keep(1_500))
	const n = 2_400
	for i := range n {
		_, err := s.Append(timeout(t), []string{"a", "b", "a", "a"}[i%4], topics.Record{Data: fmt.Append(nil, i)})
		require.NoError(t, err)
	}
	all := positions(readAll(t, s, "a"))
	require.Len(t, all, 1_500)
	check := func(messages, end int) {
		for _, n := range []int{1, 2, 255, 256, 257, 258, 1000, 1499, 1500, 1501, 1 << 30} {
			var got []enumerator.Position
			place := topics.Place{Last: n}
			for {
				es, ok, err := s.Read(timeout(t), "a", place, 300)
				require.NoError(t, err)
				require.True(t, ok)
				if len(es) == 0 {
					break
				}
				got = append(got, positions(es)...)
				place = topics.Place{After: got[len(got)-1]}
			}
			require.Equal(t, all[len(all)-min(n, messages)-end:], got, n)
		}
	}
	check(1_500, 0)
	p, err := s.Append(timeout(t), "a", topics.Record{Kind: topics.Ended})
	require.NoError(t, err)
	all = append(all, p)
	check(1_500, 1)
}

// A place of one topic is a place of another one, if that can have lost nothing.
func TestAPlaceOfAnotherTopic(t *testing.T) {
	s := open(t, start(t, t.TempDir()), "test", jetstream.Keep(3))
	first := appendTo(t, s, "other", "x")
	appendTo(t, s, "a", "1")
	second := appendTo(t, s, "other", "y")
	appendTo(t, s, "a", "2")
	third := appendTo(t, s, "other", "z")
	reads := func(p enumerator.Position, ok bool, data ...string) {
		t.Helper()
		es, gotOK, err := s.Read(timeout(t), "a", topics.Place{After: p}, 10)
		require.NoError(t, err)
		require.Equal(t, ok, gotOK)
		require.Equal(t, data, datas(es))
	}
	reads(first, true, "1", "2")
	reads(second, true, "2")
	reads(third, true)
	appendTo(t, s, "a", "3")
	appendTo(t, s, "a", "4")
	appendTo(t, s, "a", "5")
	reads(first, false, "3", "4", "5")
	reads(second, false, "3", "4", "5")
	reads(third, true, "3", "4", "5") // "2" is still there
	last := appendTo(t, s, "other", "z")
	reads(last, true)
	_, err := s.Append(timeout(t), "a", topics.Record{Kind: topics.Deleted})
	require.NoError(t, err)
	reads(last, false)
}
