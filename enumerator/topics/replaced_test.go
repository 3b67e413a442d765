package topics_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// replaced is a Store that can be made anew with the same Epoch. It does not use a Seq again, but the new ones can be
// less than the old ones.
type replaced struct {
	mu      sync.Mutex
	store   topics.Store
	version uint64 // the last digit of a Seq
	watches []func(error)
}

const versions = 10

func newReplaced() *replaced { return &replaced{store: topics.Memory(1000), version: 1} }

func (s *replaced) replace() { s.swap()() }

// swap replaces the store, and returns the function that tells the watchers.
func (s *replaced) swap() (tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store, s.version = topics.Memory(1000), s.version+1
	lost := s.watches
	s.watches = nil
	return func() {
		for _, f := range lost {
			f(errors.New("the store is another one"))
		}
	}
}

func (s *replaced) now() (topics.Store, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store, s.version
}

func outside(p position, version uint64) position {
	if p.Seq > 0 {
		p.Seq = p.Seq*versions + version
	}
	return position{Epoch: 1, Seq: p.Seq}
}

func (s *replaced) Append(ctx context.Context, name string, r topics.Record) (position, error) {
	store, version := s.now()
	p, err := store.Append(ctx, name, r)
	return outside(p, version), err
}

func (s *replaced) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	store, version := s.now()
	place := from
	place.After = position{}
	known := true
	if p := from.After; p != (position{}) {
		next, _, err := store.Read(ctx, name, topics.Place{}, 1)
		if err != nil {
			return nil, false, err
		}
		switch digit := p.Seq % versions; {
		case p.Epoch != 1:
			known = false
		case p.Seq == 0, len(next) > 0 && p.Seq+1 == outside(next[0].Position, version).Seq: // before the first
		case digit != version:
			known = false
		}
	}
	entries, _, err := store.Read(ctx, name, place, 1000)
	var all []topics.Entry
	for _, e := range entries {
		e.Position = outside(e.Position, version)
		if (!known || e.Position.Seq > from.After.Seq) && len(all) < limit {
			all = append(all, e)
		}
	}
	return all, known, err
}

func (s *replaced) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (position, func(), error) {
	store, version := s.now()
	last, stop, err := store.Watch(ctx, name, func(e topics.Entry) {
		e.Position = outside(e.Position, version)
		next(e)
	}, lost)
	s.mu.Lock()
	s.watches = append(s.watches, func(err error) { stop(); lost(err) })
	s.mu.Unlock()
	return outside(last, version), stop, err
}

func TestAStoreThatLosesItsEndIsAReset(t *testing.T) {
	for name, source := range map[string]func(topics.Topic[string]) items{
		"from": func(news topics.Topic[string]) items { return news.From(position{}) },
		"last": func(news topics.Topic[string]) items { return news.Last(1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newReplaced()
				all := topics.New[string](s)
				defer all.Close()
				news := all.Topic("news")
				publish(t, news, numbers(50)...)
				r := read(t, source(news))
				publish(t, news, "old")
				synctest.Wait()
				r.got = nil
				tell := s.swap()
				publish(t, news, "a", "b")
				tell()
				time.Sleep(time.Minute)
				r.sees(t, "reset 11, a, b")
			})
		})
	}
}

func TestAStoreThatLosesItsEndWhileARunReadsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReplaced()
		all := topics.New[string](s, enumerator.Capacity(4))
		defer all.Close()
		news := all.Topic("news")
		publish(t, news, numbers(300)...)
		goOn := make(chan struct{})
		var got []string
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() {
			_, _ = enumerator.Run(ctx, news.Beginning(), iteratee.ForEach(func(_ context.Context, i item) error {
				got = append(got, shown(i))
				if i.Value == "299" || i.Value == "100" {
					<-goOn
				}
				return nil
			}))
		})
		synctest.Wait()
		goOn <- struct{}{}
		synctest.Wait()
		require.Equal(t, "299", got[len(got)-1])
		s.replace()
		publish(t, news, "a")
		other := read(t, news.From(position{})) // attaches the topic anew
		other.sees(t, "at 12")
		close(goOn)
		publish(t, news, "b")
		time.Sleep(time.Minute)
		cancel()
		done.Wait()
		require.Equal(t, []string{"reset 11", "a", "b"}, got[len(got)-3:])
	})
}

func TestAFiniteReadEndsIfTheStoreLosesItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReplaced()
		all := topics.New[string](s)
		defer all.Close()
		news := all.Topic("news")
		publish(t, news, numbers(300)...)
		goOn := make(chan struct{})
		var got []string
		over := false
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() {
			_, err := enumerator.Run(ctx, news.Read(topics.Place{}), iteratee.ForEach(func(_ context.Context, i item) error {
				got = append(got, shown(i))
				if i.Value == "100" {
					<-goOn
				}
				return nil
			}))
			over = err == nil
		})
		synctest.Wait()
		s.replace()
		publish(t, news, "a")
		close(goOn)
		time.Sleep(time.Minute)
		cancel()
		done.Wait()
		require.True(t, over)
		require.Equal(t, []string{"reset 11", "a", "at 12"}, got[len(got)-3:])
	})
}

// A Store tells of the end again when a topic is attached. The age of the end does not count as lag.
func TestTheLagIsThatOfNewEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := topics.New[string](topics.Memory(10))
		defer all.Close()
		news := all.Topic("news")
		publish(t, news, "a")
		require.NoError(t, news.End(t.Context()))
		time.Sleep(time.Hour)
		read(t, news.Last(1)).sees(t, "at 0, a, at 2, end")
		require.Zero(t, all.Stats().Lag)
	})
}

// closing is a context that closes Topics when a call of the Store is about to begin.
type closing struct {
	context.Context
	close func()
}

func (c closing) Deadline() (time.Time, bool) {
	c.close()
	return c.Context.Deadline()
}

// heedless is a Store that does not look at contexts.
type heedless struct{ topics.Store }

func (h heedless) Watch(_ context.Context, name string, next func(topics.Entry), lost func(error)) (position, func(), error) {
	return h.Store.Watch(context.Background(), name, next, lost)
}

func TestCloseEndsARunThatIsAboutToAttach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := topics.New[string](heedless{topics.Memory(10)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := enumerator.Run(closing{ctx, all.Close}, all.From("news", position{}), iteratee.Ignore[item]())
		require.ErrorIs(t, err, topics.ErrClosed)
	})
}

func TestMemoryTakesAnyLimit(t *testing.T) {
	s := topics.Memory(10)
	for range 2 {
		_, err := s.Append(t.Context(), "news", topics.Record{})
		require.NoError(t, err)
	}
	entries, _, err := s.Read(t.Context(), "news", topics.Place{Last: 1}, int(^uint(0)>>1))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// speechless is a Store that tells of new entries, and does not answer reads until it is told to.
type speechless struct {
	topics.Store
	speak chan struct{}
}

func (s speechless) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	select {
	case <-s.speak:
		return s.Store.Read(ctx, name, from, limit)
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}

func TestNewsAreBoundedWhileReadsHaveNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := speechless{topics.Memory(100_000), make(chan struct{})}
		all := topics.New[string](s)
		defer all.Close()
		news := all.Topic("news")
		publish(t, news, numbers(10)...)
		live, last := read(t, news.From(position{})), read(t, news.Last(5))
		publish(t, news, numbers(20_000)...)
		require.Less(t, all.News("news"), 5000)
		close(s.speak)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, append([]string{"at 10"}, numbers(20_000)...), live.got)
		require.Equal(t, "19999", last.got[len(last.got)-1])
		publish(t, news, "more")
		synctest.Wait()
		require.Equal(t, "more", last.got[len(last.got)-1])
	})
}

func TestReadRefusesANegativeNumber(t *testing.T) {
	news := topics.New[string](topics.Memory(1)).Topic("news")
	require.PanicsWithValue(t, "enumerator/topics: Read: place.Last must not be negative, got -1", func() { news.Read(topics.Place{Last: -1}) })
}

// hooked is a Store that calls before at the next Read.
type hooked struct {
	topics.Store
	before func()
}

func (h *hooked) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	if before := h.before; before != nil {
		h.before = nil
		before()
	}
	return h.Store.Read(ctx, name, from, limit)
}

// The topic is deleted while a run that memory has overtaken reads the Store.
func TestAResetDoesNotGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &hooked{Store: topics.Memory(100)}
		all := topics.New[string](s, enumerator.Capacity(2))
		defer all.Close()
		news := all.Topic("news")
		read(t, news.Beginning()) // fills the memory
		goOn := make(chan struct{})
		var got []string
		go func() {
			_, _ = enumerator.Run(t.Context(), news.From(position{}), iteratee.ForEach(func(_ context.Context, i item) error {
				got = append(got, shown(i))
				if i.Value == "a" {
					<-goOn
				}
				return nil
			}))
		}()
		synctest.Wait()
		publish(t, news, "a")
		synctest.Wait()
		for _, e := range []string{"b", "c", "d"} {
			publish(t, news, e)
			synctest.Wait() // so that memory overtakes only the run that waits
		}
		s.before = func() { require.NoError(t, news.Delete(t.Context())) }
		close(goOn)
		synctest.Wait()
		require.Equal(t, []string{"at 0", "a", "reset 4", "reset 5"}, got)
	})
}
