package topics_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// faulty is a Store that fails as long as fail is set, and counts its calls.
type faulty struct {
	topics.Store
	fail                    atomic.Pointer[error]
	stored                  atomic.Bool // a failing Append stores all the same
	appends, reads, watches atomic.Int64
}

func (f *faulty) failing() error {
	if err := f.fail.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *faulty) Append(ctx context.Context, name string, r topics.Record) (position, error) {
	f.appends.Add(1)
	if err := f.failing(); err != nil {
		if f.stored.Load() {
			_, _ = f.Store.Append(ctx, name, r)
		}
		return position{}, err
	}
	return f.Store.Append(ctx, name, r)
}

func (f *faulty) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	f.reads.Add(1)
	if err := f.failing(); err != nil {
		return nil, false, err
	}
	return f.Store.Read(ctx, name, from, limit)
}

func (f *faulty) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (position, func(), error) {
	f.watches.Add(1)
	if err := f.failing(); err != nil {
		return position{}, nil, err
	}
	return f.Store.Watch(ctx, name, next, lost)
}

func numbers(n int) (all []string) {
	for i := range n {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

// messages returns the Values of the messages of a run that ends.
func messages(t *testing.T, e items) (all []string) {
	t.Helper()
	_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(_ context.Context, i item) error {
		if i.IsMessage() {
			all = append(all, i.Value)
		} else if !i.Bookmark {
			all = append(all, shown(i))
		}
		return nil
	}))
	require.NoError(t, err)
	return all
}

func TestASlowRunLosesNothingThatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := topics.New[string](topics.Memory(1000), enumerator.Capacity(4))
		news := all.Topic("news")
		goOn := make(chan struct{})
		var got []string
		var done sync.WaitGroup
		done.Go(func() {
			_, err := enumerator.Run(t.Context(), news.From(position{}), iteratee.ForEach(func(_ context.Context, i item) error {
				got = append(got, shown(i))
				<-goOn
				return nil
			}))
			assert.NoError(t, err)
		})
		synctest.Wait()
		want := numbers(700)
		publish(t, news, want...)
		require.NoError(t, news.End(t.Context()))
		close(goOn)
		done.Wait()
		require.Equal(t, append([]string{"at 0"}, want...), got)
		require.Zero(t, all.Stats().Resets)
	})
}

func TestARunReadsTheStoreInBatches(t *testing.T) {
	s := &faulty{Store: topics.Memory(2000)}
	all := topics.New[string](s)
	news := all.Topic("news")
	want := numbers(1000)
	publish(t, news, want...)
	require.NoError(t, news.End(t.Context()))
	require.Equal(t, want, messages(t, news.Beginning()))
	require.Equal(t, want[300:], messages(t, news.Last(700)))
	require.Equal(t, want[1:], messages(t, news.From(firstOf(t, news))))
	s.reads.Store(0)
	require.Equal(t, want[990:], messages(t, news.Last(10)))
	require.EqualValues(t, 1, s.reads.Load(), "the run has got more than it needs")
	s.reads.Store(0)
	require.Equal(t, want, messages(t, news.Read(topics.Place{})))
	require.EqualValues(t, 4, s.reads.Load())
}

func firstOf(t *testing.T, topic topics.Topic[string]) position {
	for i, err := range enumerator.All(t.Context(), topic.Beginning()) {
		require.NoError(t, err)
		if i.IsMessage() {
			return i.Position
		}
	}
	return position{}
}

// A thousand clients come back after a restart.
func TestRunsShareTheReadsOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := topics.Memory(1000)
		before := topics.New[string](memory).Topic("news")
		publish(t, before, numbers(100)...)
		place := before.Position()
		publish(t, before, numbers(100)...)

		s := &faulty{Store: memory}
		all := topics.New[string](s)
		defer all.Close()
		const clients = 1000
		for range clients / 2 {
			read(t, all.From("news", place))
			read(t, all.Last("news", 50))
		}
		require.Equal(t, clients, all.Runs("news"))
		require.EqualValues(t, 1, s.watches.Load())
		require.EqualValues(t, 1, s.reads.Load())
		stats := all.Stats()
		require.Equal(t, topics.Stats{Topics: 1, Runs: clients, Fills: 1, Filled: 200, Lag: stats.Lag}, stats)
	})
}

func TestTheFirstRunAttachesAndTheLastDetaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := topics.Memory(10)
		all := topics.New[string](s)
		first, second := read(t, all.From("news", position{})), read(t, all.From("news", position{}))
		watched := func() int {
			n, _, _, _ := topics.Sizes(s)
			return n
		}
		first.cancel()
		synctest.Wait()
		require.Equal(t, 1, watched())
		second.cancel()
		synctest.Wait()
		require.Zero(t, watched())
		require.Zero(t, all.Runs("news"))
		require.Equal(t, topics.Stats{}, all.Stats())
		read(t, all.From("news", position{})).sees(t, "at 0")
		require.Equal(t, 1, watched())
		all.Close()
		synctest.Wait()
		require.Zero(t, watched())
	})
}

func TestSeveralProgramsShareAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := topics.Memory(10)
		one, other := topics.New[string](s), topics.New[string](s, enumerator.Capacity(1))
		defer one.Close()
		defer other.Close()
		r := read(t, one.From("news", position{}))
		publish(t, other.Topic("news"), "a", "b")
		r.sees(t, "at 0, a, b")
		r.cancel()
		publish(t, other.Topic("news"), "c")
		read(t, other.From("news", r.last)).sees(t, "at 2, c, at 3")
	})
}

func TestABadMessageCostsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := topics.Memory(10_000)
		all := topics.New[string](s, enumerator.Capacity(3000))
		defer all.Close()
		news := all.Topic("news")
		bad := func() {
			_, err := s.Append(t.Context(), "news", topics.Record{Data: []byte("{")})
			require.NoError(t, err)
		}
		r := read(t, news.From(position{}))
		publish(t, news, "a")
		bad()
		publish(t, news, "b")
		r.sees(t, "at 0, a, gap 2+1, b")
		read(t, news.Last(2)).sees(t, "at 1, gap 2+1, b, at 3")
		read(t, news.Read(topics.Place{})).sees(t, "at 0, a, gap 2+1, b, at 3, end")
		require.Positive(t, all.Stats().Undecoded)
		for range 1500 { // more than a tail notes
			bad()
		}
		publish(t, news, "c")
		synctest.Wait()
		require.Len(t, r.got, 1501)
		require.Equal(t, []string{"gap 1503+1", "c"}, r.got[1499:])
	})
}

func TestAnEntryWithMetaAndNoDataIsNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := topics.Memory(10_000)
		all := topics.New[string](s)
		defer all.Close()
		news := all.Topic("news")
		store := func(meta, data string) {
			_, err := s.Append(t.Context(), "news", topics.Record{Meta: []byte(meta), Data: []byte(data)})
			require.NoError(t, err)
		}
		r := read(t, news.From(position{}))
		store("meta", "")
		store("meta", `"a"`)
		r.sees(t, "at 0, at 1, a")
		store("meta", "")
		store("", "")
		publish(t, news, "b")
		r.sees(t, "at 3, gap 4+1, b")
		read(t, news.Last(5)).sees(t, "at 0, at 1, a, at 3, gap 4+1, b, at 5")
		read(t, news.Read(topics.Place{})).sees(t, "at 0, at 1, a, at 3, gap 4+1, b, at 5, end")
		store("meta", "")
		r.sees(t, "at 6")
		read(t, news.Read(topics.Place{Last: 2})).sees(t, "at 4, b, at 6, end")
		read(t, news.From(r.last)).sees(t, "at 6")
		require.EqualValues(t, 2, all.Stats().Undecoded)
	})
}

// touchy panics when it decodes "boom".
type touchy string

func (v *touchy) UnmarshalJSON(data []byte) error {
	if *v = touchy(data); *v == `"boom"` {
		panic("boom")
	}
	return nil
}

// The goroutine that decodes a message may be one of the store.
func TestAPanicOfUnmarshalJSONCostsOneMessage(t *testing.T) {
	s := topics.Memory(10)
	all := topics.New[touchy](s)
	defer all.Close()
	var live sync.WaitGroup
	attached := make(chan struct{})
	check := func(e enumerator.Enumerator[enumerator.Item[touchy]], onBookmark func()) {
		var got []string
		_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(_ context.Context, i enumerator.Item[touchy]) error {
			switch {
			case i.Bookmark:
				onBookmark()
			case i.Gap.N > 0:
				got = append(got, fmt.Sprint("gap ", i.Position.Seq))
				assert.Empty(t, i.Value)
			default:
				got = append(got, string(i.Value))
			}
			return nil
		}))
		assert.NoError(t, err)
		assert.Equal(t, []string{`"a"`, "gap 2", `"b"`}, got)
	}
	live.Go(func() { check(all.From("news", position{}), func() { close(attached) }) })
	<-attached
	for _, data := range []string{`"a"`, `"boom"`, `"b"`} {
		_, err := s.Append(t.Context(), "news", topics.Record{Data: []byte(data)})
		require.NoError(t, err)
	}
	require.NoError(t, all.End(t.Context(), "news"))
	live.Wait()
	check(all.Topic("news").Beginning(), func() {})
	check(all.Topic("news").Read(topics.Place{}), func() {})
}

// A panic in next leaves the store in order.
func TestAPanicOfNext(t *testing.T) {
	s := topics.Memory(10)
	var got []string
	_, _, err := s.Watch(t.Context(), "news", func(e topics.Entry) {
		if got = append(got, string(e.Data)); len(got) == 1 {
			panic("boom")
		}
	}, func(error) {})
	require.NoError(t, err)
	publish := func(data string) { _, _ = s.Append(t.Context(), "news", topics.Record{Data: []byte(data)}) }
	assert.PanicsWithValue(t, "boom", func() { publish("a") })
	publish("b")
	assert.Equal(t, []string{"a", "b"}, got)
}

// A message whose size is not allowed stays out of memory, but the runs get it.
func TestAMessageThatDoesNotGoIntoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := topics.New[string](topics.Memory(10), enumerator.CapacityFunc(100, func(s string) int {
			if s == "much too long" {
				panic("boom")
			}
			return 5 - len(s)
		}))
		defer all.Close()
		r := read(t, all.From("news", position{}))
		late := read(t, all.From("news", position{}))
		publish(t, all.Topic("news"), "a", "too long", "b", "much too long", "c")
		r.sees(t, "at 0, a, too long, b, much too long, c")
		late.sees(t, "at 0, a, too long, b, much too long, c")
		read(t, all.From("news", position{Epoch: r.last.Epoch})).sees(t, "at 0, a, too long, b, much too long, c, at 5")
	})
}

// A message that is decoded in part is not handed on.
func TestABadMessageHasNoValue(t *testing.T) {
	type move struct {
		From string
		To   int
	}
	s := topics.Memory(10)
	all := topics.New[move](s)
	_, err := s.Append(t.Context(), "chess", topics.Record{Data: []byte(`{"From":"e2","To":"e4"}`)})
	require.NoError(t, err)
	require.NoError(t, all.End(t.Context(), "chess"))
	for _, e := range []enumerator.Enumerator[enumerator.Item[move]]{all.Last("chess", 5), all.Topic("chess").Read(topics.Place{})} {
		got, err := enumerator.Run(t.Context(), e, iteratee.Collect[enumerator.Item[move]]())
		require.NoError(t, err)
		require.Zero(t, got[1].Value)
		require.EqualValues(t, 1, got[1].Gap.N)
	}
}

func TestABytesTopicStoresBytesAsTheyAre(t *testing.T) {
	s := topics.Memory(10)
	all := topics.New[[]byte](s)
	data := []byte("{\x00\xff")
	_, err := all.Publish(t.Context(), "raw", "", data)
	require.NoError(t, err)
	data[0] = 'x'
	require.NoError(t, all.End(t.Context(), "raw"))
	entries, _, err := s.Read(t.Context(), "raw", topics.Place{}, 10)
	require.NoError(t, err)
	require.Equal(t, "{\x00\xff", string(entries[0].Data))
	var got []byte
	for i, err := range enumerator.All(t.Context(), all.Topic("raw").Beginning()) {
		require.NoError(t, err)
		got = append(got, i.Value...)
	}
	require.Equal(t, "{\x00\xff", string(got))
}

func TestRunsWaitForAStoreThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Store: topics.Memory(10)}
		fault := errors.New("no answer")
		s.fail.Store(&fault)
		all := topics.New[string](s)
		defer all.Close()
		live, finite := read(t, all.From("news", position{})), read(t, all.Topic("news").Read(topics.Place{}))
		gone := read(t, all.Last("news", 1))
		time.Sleep(time.Minute)
		for _, r := range []*reader{live, finite, gone} {
			r.sees(t, "")
		}
		gone.cancel()
		gone.sees(t, "end")
		require.ErrorIs(t, gone.err, context.Canceled)
		require.Less(t, s.watches.Load(), int64(100), "the pauses grow")
		s.fail.Store(nil)
		time.Sleep(2 * time.Second)
		live.sees(t, "at 0")
		finite.sees(t, "at 0, end")
		publish(t, all.Topic("news"), "a")
		live.sees(t, "a")
	})
}

func TestACallThatHangsIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := &hanging{Store: topics.Memory(10)}
		hangs.left.Store(2)
		all := topics.New[string](hangs)
		defer all.Close()
		r := read(t, all.From("news", position{}))
		time.Sleep(9 * time.Second)
		r.sees(t, "")
		time.Sleep(2 * time.Second)
		r.sees(t, "at 0")
	})
}

// hanging is a Store whose first Watches have no answer.
type hanging struct {
	topics.Store
	left atomic.Int64
}

func (h *hanging) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (position, func(), error) {
	if h.left.Add(-1) >= 0 {
		<-ctx.Done()
		return position{}, nil, context.Cause(ctx)
	}
	return h.Store.Watch(ctx, name, next, lost)
}

func TestPublishTellsWhetherTheEntryIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := topics.Memory(10)
		s := &faulty{Store: memory}
		all := topics.New[string](s)
		defer all.Close()
		news := all.Topic("news")
		during := func(fault error, d time.Duration) error {
			s.fail.Store(&fault)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			timer := time.AfterFunc(d, func() { s.fail.Store(nil) })
			defer timer.Stop()
			_, err := news.Publish(ctx, "", "x")
			s.fail.Store(nil)
			return err
		}
		count := func() int {
			entries, _, err := memory.Read(t.Context(), "news", topics.Place{}, 100)
			require.NoError(t, err)
			return len(entries)
		}
		no := errors.New("no answer")
		require.NoError(t, during(no, 5*time.Second))
		require.Equal(t, 1, count())
		err := during(no, time.Hour)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, no)
		require.NotErrorIs(t, err, topics.ErrUnknown)
		require.Equal(t, 1, count())

		unknown := fmt.Errorf("%w: no answer", topics.ErrUnknown)
		s.stored.Store(true)
		require.NoError(t, during(unknown, 5*time.Second))
		require.Equal(t, 2, count(), "the entry is stored once")
		require.ErrorIs(t, during(unknown, time.Hour), topics.ErrUnknown)
		require.Equal(t, 3, count(), "the entry is stored once")
		s.stored.Store(false)
		require.ErrorIs(t, during(unknown, time.Hour), topics.ErrUnknown)
		require.Equal(t, 3, count())

		_, err = news.PublishAfter(t.Context(), "", position{}, "x")
		require.ErrorIs(t, err, topics.ErrConflict)
		_, err = news.PublishAfter(t.Context(), "", news.Position(), "x")
		require.NoError(t, err)
		stats := all.Stats()
		require.Equal(t, topics.Stats{Published: 3, Refused: 2, Unknown: 2}, stats)
	})
}

// In doubt, Publish does not try again when the store may have forgotten the key.
func TestPublishGivesUpBeforeTheKeyIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Store: topics.Memory(10)}
		unknown := fmt.Errorf("%w: no answer", topics.ErrUnknown)
		s.fail.Store(&unknown)
		s.stored.Store(true)
		begin := time.Now()
		_, err := topics.New[string](s).Publish(t.Context(), "news", "", "x")
		require.ErrorIs(t, err, topics.ErrUnknown)
		require.InDelta(t, topics.Window.Seconds(), time.Since(begin).Seconds(), 30)
		require.Less(t, time.Since(begin), topics.Window)
		entries, _, err := s.Store.Read(t.Context(), "news", topics.Place{}, 100)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	})
}

func TestPublishFailsForGood(t *testing.T) {
	all := topics.New[any](topics.Memory(10, topics.MaxBytes(2000)))
	_, err := all.Publish(t.Context(), "", "", "x")
	require.ErrorIs(t, err, topics.ErrName)
	_, err = all.Publish(t.Context(), strings.Repeat("x", 513), "", "x")
	require.ErrorIs(t, err, topics.ErrName)
	_, err = all.Publish(t.Context(), "news", "", strings.Repeat("x", 3000))
	require.ErrorIs(t, err, topics.ErrTooLarge)
	_, err = all.Publish(t.Context(), "news", "", func() {})
	require.ErrorContains(t, err, "unsupported type")
	require.EqualValues(t, 4, all.Stats().Refused)
	all.Close()
	_, err = all.Publish(t.Context(), "news", "", "x")
	require.ErrorIs(t, err, topics.ErrClosed)
	require.ErrorIs(t, all.End(t.Context(), "news"), topics.ErrClosed)
}

func TestRunsFailForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := topics.New[string](topics.Memory(10))
		for _, e := range []items{all.From("", position{}), all.Topic("").Read(topics.Place{}), all.Last(strings.Repeat("x", 513), 1)} {
			r := read(t, e)
			r.sees(t, "end")
			require.ErrorIs(t, r.err, topics.ErrName)
		}
		require.Zero(t, all.Topic("").Position())
		s := &faulty{Store: topics.Memory(10)}
		waits := topics.New[string](s)
		fault := errors.New("no answer")
		s.fail.Store(&fault)
		runs := []*reader{read(t, all.From("news", position{})), read(t, waits.From("news", position{})), read(t, waits.Topic("news").Read(topics.Place{}))}
		all.Close()
		all.Close()
		waits.Close()
		for _, r := range append(runs, read(t, all.From("news", position{})), read(t, all.Topic("news").Read(topics.Place{}))) {
			synctest.Wait()
			require.ErrorIs(t, r.err, topics.ErrClosed)
		}
		begin := time.Now()
		require.Zero(t, waits.Topic("news").Position())
		require.Less(t, time.Since(begin), 3*time.Second)
	})
}

func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := topics.New[string](topics.Memory(10))
		defer all.Close()
		news := all.Topic("news")
		begin := time.Now()
		for _, m := range []string{"a", "b", "c"} {
			publish(t, news, m)
			time.Sleep(time.Second)
		}
		read(t, news.Since(begin.Add(time.Second))).sees(t, "at 1, b, c, at 3")
		read(t, news.Since(begin.Add(time.Hour))).sees(t, "at 3")
		read(t, news.Read(topics.Place{Since: begin.Add(1500 * time.Millisecond)})).sees(t, "at 2, c, at 3, end")
	})
}

func TestAnotherStoreIsAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := topics.New[string](topics.Memory(10)).Topic("news")
		place := publish(t, before, "a", "b", "c")
		all := topics.New[string](topics.Memory(10))
		defer all.Close()
		read(t, all.From("news", place)).sees(t, "reset 0")
		publish(t, all.Topic("news"), "d", "e")
		read(t, all.From("news", place)).sees(t, "reset 0, d, e, at 2")
		read(t, all.Topic("news").Read(topics.Place{After: place})).sees(t, "reset 0, d, e, at 2, end")
		require.EqualValues(t, 3, all.Stats().Resets)
	})
}

func TestABurstIsCorked(t *testing.T) {
	all := topics.New[string](topics.Memory(10))
	publish(t, all.Topic("news"), "a", "b", "c")
	require.NoError(t, all.End(t.Context(), "news"))
	var notes []string
	_, err := enumerator.Run(t.Context(), enumerator.Map(all.Topic("news").Beginning(), shown), probe.Corks[string](func(s string) { notes = append(notes, s) }))
	require.NoError(t, err)
	require.Equal(t, "at 0, cork, a, b, c, at 4, uncork", strings.Join(notes, ", "))
}

func TestNewRefusesOtherPolicies(t *testing.T) {
	for _, p := range []enumerator.Policy{enumerator.Block, enumerator.DropNewest, enumerator.FailSlow} {
		require.PanicsWithValue(t, fmt.Sprintf("enumerator/topics: New: the policy must be DropOldest, because the Store has the elements that are dropped; got %v", p), func() {
			topics.New[int](topics.Memory(1), enumerator.WhenFull(p))
		})
	}
	topics.New[int](topics.Memory(1), enumerator.WhenFull(enumerator.DropOldest))
}

// Rows are messages for a Topics. The removal of a row cannot be decoded.
func TestRowsAreMessages(t *testing.T) {
	s := topics.Memory(2)
	for _, r := range []topics.Record{{Row: "x", Data: []byte("1")}, {Row: "x", Data: []byte("2")}, {Kind: topics.Removed, Row: "x"}} {
		_, err := s.Append(t.Context(), "a", r)
		require.NoError(t, err)
	}
	all, err := enumerator.Run(t.Context(), topics.New[int](s).Topic("a").Read(topics.Place{State: true}), iteratee.Collect[enumerator.Item[int]]())
	require.NoError(t, err)
	require.Len(t, all, 4)
	require.True(t, all[0].Bookmark)
	require.Equal(t, 2, all[1].Value)
	require.EqualValues(t, 1, all[2].Gap.N)
	require.True(t, all[3].Bookmark)
}
