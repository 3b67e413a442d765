package presence_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/presence"
	"github.com/halley-go/halley/enumerator/topics/tables"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// crowd holds the members that a run of Members has given.
type crowd struct {
	mu      sync.Mutex
	members map[string]string
	changes int
}

// watch runs Members until the test ends.
func watch(t *testing.T, p *presence.Presence[string], name string) *crowd {
	c := &crowd{members: map[string]string{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for item, err := range enumerator.All(ctx, p.Members(name)) {
			if err != nil {
				return
			}
			c.take(item)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

func (c *crowd) take(item enumerator.Item[tables.Change[string]]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case item.Reset:
		clear(c.members)
	case item.Value.Deleted:
		delete(c.members, item.Value.Key)
	case item.IsMessage():
		c.members[item.Value.Key] = item.Value.Value
		c.changes++
	}
}

func (c *crowd) has(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var got []string
	for member, info := range c.members {
		got = append(got, member+"="+info)
	}
	slices.Sort(got)
	require.Equal(t, want, got)
}

func join(t *testing.T, p *presence.Presence[string], member, info string) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	require.NoError(t, p.Join(ctx, "room", member, info))
	return cancel
}

// run gives a test a clock of its own, and ends its runs before the clock ends.
func run(t *testing.T, f func(t *testing.T, store topics.Store)) {
	synctest.Test(t, func(t *testing.T) { f(t, topics.Memory(10)) })
}

func TestMembersOfAllPrograms(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		a, b := presence.New[string](store), presence.New[string](store)
		before := watch(t, b, "room")
		kiki := join(t, a, "kiki", "1")
		foo := join(t, b, "foo", "2")
		after := watch(t, a, "room")
		for _, c := range []*crowd{before, after} {
			c.has(t, "foo=2", "kiki=1")
		}
		time.Sleep(time.Hour)
		for _, c := range []*crowd{before, after} {
			c.has(t, "foo=2", "kiki=1")
		}
		require.Equal(t, 2, before.changes, "a renewed lease changes nothing")
		kiki()
		before.has(t, "foo=2")
		foo()
		before.has(t)
		after.has(t)
		watch(t, a, "another room").has(t)
	})
}

// A member is there until it has left as often as it has joined.
func TestAMemberInSeveralTabs(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		a, b := presence.New[string](store), presence.New[string](store)
		c := watch(t, b, "room")
		first, second, third := join(t, a, "kiki", "1"), join(t, a, "kiki", "2"), join(t, b, "kiki", "3")
		c.has(t, "kiki=3")
		third()
		c.has(t, "kiki=2")
		second()
		c.has(t, "kiki=2")
		again := join(t, b, "kiki", "4")
		first()
		c.has(t, "kiki=4")
		again()
		c.has(t)
	})
}

func TestAProgramThatVanishes(t *testing.T) {
	for _, beat := range []time.Duration{5 * time.Second, 100 * time.Millisecond} {
		run(t, func(t *testing.T, store topics.Store) {
			a, b := presence.New[string](store, presence.Beat(beat)), presence.New[string](store, presence.Beat(beat))
			c := watch(t, b, "room")
			join(t, a, "kiki", "1")
			join(t, b, "foo", "2")
			time.Sleep(7*beat + beat/3)
			c.has(t, "foo=2", "kiki=1")
			a.Close() // it does not leave
			time.Sleep(beat)
			c.has(t, "foo=2", "kiki=1")
			time.Sleep(2 * beat)
			c.has(t, "foo=2")
		})
	}
}

// The next program that uses the topic finds the members of a program that has vanished, and removes them.
func TestMembersThatNobodyHasRemoved(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		a := presence.New[string](store)
		join(t, a, "kiki", "1")
		a.Close()
		time.Sleep(time.Hour)
		b := presence.New[string](store)
		c := watch(t, b, "room")
		c.has(t, "kiki=1")
		time.Sleep(15 * time.Second)
		c.has(t)
		rows, ok, err := store.Read(t.Context(), "room", topics.Place{State: true}, 10)
		require.NoError(t, err)
		require.True(t, ok)
		require.Empty(t, rows)
	})
}

// failing is a Store whose appends fail for some time.
type failing struct {
	topics.Store
	fails atomic.Bool
}

func (s *failing) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if s.fails.Load() {
		return enumerator.Position{}, errors.New("a fault of the test")
	}
	return s.Store.Append(ctx, name, r)
}

// After the Store has not answered for a while, all members are there.
func TestAStoreThatFails(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		s := &failing{Store: store}
		a, b := presence.New[string](s), presence.New[string](s)
		c, d := watch(t, a, "room"), watch(t, b, "room")
		kiki := join(t, a, "kiki", "1")
		join(t, b, "foo", "2")
		s.fails.Store(true)
		time.Sleep(time.Minute)
		c.has(t, "foo=2", "kiki=1")
		s.fails.Store(false)
		time.Sleep(time.Minute)
		c.has(t, "foo=2", "kiki=1")
		d.has(t, "foo=2", "kiki=1")

		s.fails.Store(true)
		kiki()
		time.Sleep(time.Minute) // the Store does not hear that kiki leaves
		s.fails.Store(false)
		time.Sleep(time.Minute)
		c.has(t, "foo=2")
	})
}

// A program whose rows were removed by mistake puts them again.
func TestRowsThatWereRemoved(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		a := presence.New[string](store)
		c := watch(t, a, "room")
		leave := join(t, a, "kiki", "1")
		time.Sleep(time.Minute + time.Millisecond) // between two beats
		rows, _, err := store.Read(t.Context(), "room", topics.Place{State: true}, 10)
		require.NoError(t, err)
		require.Len(t, rows, 2)
		for _, r := range rows {
			_, err := store.Append(t.Context(), "room", topics.Record{Kind: topics.Removed, Row: r.Row})
			require.NoError(t, err)
		}
		c.has(t)
		time.Sleep(5 * time.Second)
		c.has(t, "kiki=1")
		_, err = store.Append(t.Context(), "room", topics.Record{Kind: topics.Deleted})
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		c.has(t, "kiki=1")
		leave()
		c.has(t)
	})
}

// Programs join, leave and vanish at random. All programs that remain agree.
func TestManyPrograms(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		all := make([]*presence.Presence[string], 5)
		watches := make([]*crowd, len(all))
		for i := range all {
			all[i] = presence.New[string](store)
			watches[i] = watch(t, all[i], "room")
		}
		want := map[string]bool{}
		for i := range 50 {
			leave := join(t, all[i%5], fmt.Sprint("member ", i), "x")
			if i%3 == 0 {
				leave()
			} else if i%5 < 3 {
				want[fmt.Sprint("member ", i, "=x")] = true
			}
			time.Sleep(time.Second)
		}
		all[3].Close()
		all[4].Close()
		time.Sleep(15 * time.Second)
		for _, c := range watches[:3] {
			c.has(t, slices.Sorted(maps.Keys(want))...)
		}
	})
}

func TestErrors(t *testing.T) {
	p := presence.New[string](topics.Memory(10))
	for _, member := range []string{"", strings.Repeat("x", 401), "\xff"} {
		require.ErrorIs(t, p.Join(t.Context(), "room", member, ""), tables.ErrKey)
	}
	require.ErrorIs(t, p.Join(t.Context(), "", "kiki", ""), topics.ErrName)
	p.Close()
	require.ErrorIs(t, p.Join(t.Context(), "room", "kiki", ""), topics.ErrClosed)
	require.PanicsWithValue(t, "enumerator/topics/presence: New: store must not be nil", func() { presence.New[int](nil) })
	require.Panics(t, func() { presence.Beat(0) })
}

// slow is a Store in which removals take a pause.
type slow struct {
	topics.Store
	pause   atomic.Int64
	removed atomic.Int64 // the members foo that were removed
}

func (s *slow) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if r.Kind == topics.Removed {
		select {
		case <-time.After(time.Duration(s.pause.Load())):
		case <-ctx.Done():
			return enumerator.Position{}, context.Cause(ctx)
		}
		if strings.HasSuffix(r.Row, " foo") {
			s.removed.Add(1)
		}
	}
	return s.Store.Append(ctx, name, r)
}

// A program renews its lease while it removes the many members of another one.
func TestManyMembersThatVanish(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		s := &slow{Store: store}
		a, b, c := presence.New[string](s), presence.New[string](s), presence.New[string](s)
		d := watch(t, c, "room")
		for i := range 1000 {
			join(t, a, fmt.Sprint(i), "")
		}
		join(t, b, "foo", "1")
		a.Close()
		s.pause.Store(int64(500 * time.Millisecond))
		time.Sleep(15 * time.Minute)
		d.has(t, "foo=1")
		require.Zero(t, s.removed.Load())
		s.pause.Store(0)
	})
}

// hooked is a Store that calls a function before each append.
type hooked struct {
	topics.Store
	before func(r topics.Record)
}

func (s *hooked) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	s.before(r)
	return s.Store.Append(ctx, name, r)
}

// A member joins again while its row is removed, and leaves while its row is put again.
func TestAMemberThatComesAndGoes(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		var puts, removals atomic.Int64
		var again func()
		s := &hooked{Store: store}
		a := presence.New[string](s)
		s.before = func(r topics.Record) {
			switch {
			case !strings.HasSuffix(r.Row, " kiki"):
			case r.Kind == topics.Removed && removals.Add(1) == 1:
				again = join(t, a, "kiki", "2")
			case r.Kind == topics.Message && puts.Add(1) == 3:
				again()
				time.Sleep(time.Second)
			}
		}
		c := watch(t, a, "room")
		join(t, a, "foo", "1")
		leave := join(t, a, "kiki", "1")
		leave()
		time.Sleep(time.Minute)
		c.has(t, "foo=1")
		require.EqualValues(t, 3, puts.Load())
	})
}

// A member leaves while the rows of its program are put again.
func TestAMemberThatLeavesWhileRowsAreRestored(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		var restores atomic.Bool
		var leave func()
		s := &hooked{store, func(r topics.Record) {
			if restores.Load() && r.Kind == topics.Message && strings.HasSuffix(r.Row, " kiki") {
				leave()
				time.Sleep(time.Second)
			}
		}}
		a := presence.New[string](s)
		c := watch(t, a, "room")
		join(t, a, "foo", "1")
		leave = join(t, a, "kiki", "1")
		c.has(t, "foo=1", "kiki=1")
		restores.Store(true)
		_, err := store.Append(t.Context(), "room", topics.Record{Kind: topics.Deleted})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		c.has(t, "foo=1")
	})
}

// gated is a Store whose readers wait until the gate opens.
type gated struct {
	topics.Store
	gate chan struct{}
}

func (s *gated) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
	select {
	case <-s.gate:
		return s.Store.Watch(ctx, name, next, lost)
	case <-ctx.Done():
		return enumerator.Position{}, nil, context.Cause(ctx)
	}
}

// A reader of a room that was deleted sees an empty room, and later members.
func TestARoomThatWasDeleted(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		a, b := presence.New[string](store), presence.New[string](store)
		leave := join(t, a, "kiki", "1")
		leave()
		synctest.Wait()
		_, err := store.Append(t.Context(), "room", topics.Record{Kind: topics.Deleted})
		require.NoError(t, err)
		c, d := watch(t, a, "room"), watch(t, b, "room")
		c.has(t)
		d.has(t)
		leave = join(t, b, "foo", "2")
		for range 2 {
			time.Sleep(time.Minute)
			c.has(t, "foo=2")
			d.has(t, "foo=2")
		}
		leave()
		c.has(t)
		d.has(t)
	})
}

// A room is deleted before its program has read it. The members of the program come back.
func TestARoomThatIsDeletedBeforeItsFirstRead(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		s := &gated{store, make(chan struct{})}
		a, b := presence.New[string](s), presence.New[string](store)
		c := watch(t, b, "room")
		join(t, a, "kiki", "1")
		join(t, a, "foo", "2")
		c.has(t, "foo=2", "kiki=1")
		_, err := store.Append(t.Context(), "room", topics.Record{Kind: topics.Deleted})
		require.NoError(t, err)
		c.has(t)
		close(s.gate)
		time.Sleep(5 * time.Second)
		c.has(t, "foo=2", "kiki=1")
		watch(t, a, "room").has(t, "foo=2", "kiki=1")
		time.Sleep(time.Hour)
		c.has(t, "foo=2", "kiki=1")
	})
}

// pausing is a Store in which puts of members take a pause. It counts the changes of members.
type pausing struct {
	topics.Store
	pause         atomic.Int64
	puts, removed atomic.Int64
	back          atomic.Bool  // true when the program whose members are removed has put its lease again
	late          atomic.Int64 // the removals since then
}

func (s *pausing) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if strings.HasPrefix(r.Row, "member ") {
		select {
		case <-time.After(time.Duration(s.pause.Load())):
		case <-ctx.Done():
			return enumerator.Position{}, context.Cause(ctx)
		}
	}
	p, err := s.Store.Append(ctx, name, r)
	switch {
	case err != nil || !strings.HasPrefix(r.Row, "member "):
	case r.Kind == topics.Removed:
		s.removed.Add(1)
		if s.back.Load() {
			s.late.Add(1)
		}
	default:
		s.puts.Add(1)
	}
	return p, err
}

// A program puts its rows again, which takes several beats. No row is removed, and no row is put again after it has come.
func TestManyMembersThatAreRestored(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		s := &pausing{Store: store}
		defer s.pause.Store(0)
		a, b := presence.New[string](s), presence.New[string](s)
		c := watch(t, b, "room")
		var want []string
		for i := range 300 {
			want = append(want, fmt.Sprintf("%03d=", i))
			join(t, a, fmt.Sprintf("%03d", i), "")
		}
		c.has(t, want...)
		_, err := store.Append(t.Context(), "room", topics.Record{Kind: topics.Deleted})
		require.NoError(t, err)
		s.puts.Store(0)
		s.pause.Store(int64(90 * time.Millisecond)) // no put ends together with a beat
		time.Sleep(300*90*time.Millisecond + 2*5*time.Second)
		c.has(t, want...)
		puts := s.puts.Load()
		require.LessOrEqual(t, puts, int64(len(want)+10), "the last row of each round may not have come when the next one begins")
		require.Zero(t, s.removed.Load())
		time.Sleep(time.Hour)
		c.has(t, want...)
		require.Equal(t, puts, s.puts.Load())
		require.Zero(t, s.removed.Load())
	})
}

// A program comes back while another program removes its many rows. The rows that are left stay, and the others come back.
func TestAProgramThatComesBack(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		away := &failing{Store: store}
		s := &pausing{Store: store}
		defer s.pause.Store(0)
		a, b := presence.New[string](&hooked{away, func(r topics.Record) {
			if s.removed.Load() > 0 && !away.fails.Load() && strings.HasPrefix(r.Row, "lease ") {
				s.back.Store(true)
			}
		}}), presence.New[string](s)
		c := watch(t, b, "room")
		var want []string
		for i := range 300 {
			want = append(want, fmt.Sprintf("%03d=", i))
			join(t, a, fmt.Sprintf("%03d", i), "")
		}
		s.pause.Store(int64(100 * time.Millisecond))
		away.fails.Store(true)
		for s.removed.Load() == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		away.fails.Store(false)
		time.Sleep(2 * 5 * time.Second)
		c.has(t, want...)
		time.Sleep(time.Hour)
		c.has(t, want...)
		require.True(t, s.back.Load())
		require.LessOrEqual(t, s.late.Load(), int64(1), "one removal may have begun before")
	})
}

// queued is a Store that takes one row at a time, and some time for it. It counts the members that were removed.
type queued struct {
	topics.Store
	turn    chan struct{}
	pause   atomic.Int64
	removed atomic.Int64
}

func (s *queued) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return enumerator.Position{}, context.Cause(ctx)
	}
	select {
	case <-time.After(time.Duration(s.pause.Load())):
	case <-ctx.Done():
		return enumerator.Position{}, context.Cause(ctx)
	}
	if r.Kind == topics.Removed && strings.HasPrefix(r.Row, "member ") {
		s.removed.Add(1)
	}
	return s.Store.Append(ctx, name, r)
}

// So many members join at once, and leave at once, that the Store needs many beats for them.
func TestManyMembersAtOnce(t *testing.T) {
	run(t, func(t *testing.T, store topics.Store) {
		s := &queued{Store: store, turn: make(chan struct{}, 1)}
		defer s.pause.Store(0)
		a, b := presence.New[string](s), presence.New[string](s)
		c := watch(t, b, "room")
		join(t, a, "kiki", "1")
		s.pause.Store(int64(100 * time.Millisecond))
		ctx, leave := context.WithCancel(t.Context())
		var joins sync.WaitGroup
		want := []string{"kiki=1"}
		for i := range 600 {
			want = append(want, fmt.Sprintf("%03d=", i))
			joins.Go(func() { assert.NoError(t, a.Join(ctx, "room", fmt.Sprintf("%03d", i), "")) })
		}
		joins.Wait()
		slices.Sort(want)
		c.has(t, want...)
		require.Zero(t, s.removed.Load())
		time.Sleep(time.Minute)
		c.has(t, want...)
		require.Zero(t, s.removed.Load())
		leave()
		time.Sleep(10 * time.Minute)
		c.has(t, "kiki=1")
	})
}
