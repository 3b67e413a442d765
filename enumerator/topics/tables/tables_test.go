package tables_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/tables"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	position = enumerator.Position
	item     = enumerator.Item[tables.Change[int]]
)

// text shows an Item without its epoch.
func text(i item) string {
	at := fmt.Sprint(i.Position.Seq)
	switch {
	case i.Reset:
		return at + " reset"
	case i.Bookmark:
		return at + " bookmark"
	case i.Gap.N > 0:
		return at + " gap"
	case i.Value.Deleted:
		return at + " -" + i.Value.Key
	}
	return fmt.Sprint(at, " ", i.Value.Key, "=", i.Value.Value)
}

func texts(t *testing.T, e enumerator.Enumerator[item]) (all []string) {
	t.Helper()
	items, err := enumerator.Run(t.Context(), e, iteratee.Collect[item]())
	require.NoError(t, err)
	for _, i := range items {
		all = append(all, text(i))
	}
	return all
}

func put(t *testing.T, table tables.Table[int], key string, v int) position {
	t.Helper()
	p, err := table.Put(t.Context(), key, v)
	require.NoError(t, err)
	return p
}

func remove(t *testing.T, table tables.Table[int], key string) position {
	t.Helper()
	p, err := table.Remove(t.Context(), key)
	require.NoError(t, err)
	return p
}

func end(t *testing.T, store topics.Store, name string) {
	t.Helper()
	_, err := store.Append(t.Context(), name, topics.Record{Kind: topics.Ended})
	require.NoError(t, err)
}

func TestFrom(t *testing.T) {
	store := topics.Memory(100)
	table := tables.New[int](store).Table("t")
	a := put(t, table, "a", 1)
	b := put(t, table, "b", 2)
	put(t, table, "a", 3)
	c := put(t, table, "c", 4)
	gone := remove(t, table, "b")
	assert.Equal(t, []string{"0 reset", "3 a=3", "4 c=4", "5 bookmark"}, texts(t, table.Rows()))
	end(t, store, "t")
	for _, test := range []struct {
		from position
		want []string
	}{
		{position{}, []string{"0 reset", "3 a=3", "4 c=4", "6 bookmark"}},
		{position{Epoch: a.Epoch}, []string{"3 a=3", "4 c=4", "5 -b", "6 bookmark"}}, // after the Reset
		{a, []string{"3 a=3", "4 c=4", "5 -b", "6 bookmark"}},
		{b, []string{"3 a=3", "4 c=4", "5 -b", "6 bookmark"}},
		{c, []string{"5 -b", "6 bookmark"}},
		{gone, []string{"6 bookmark"}},
		{position{Epoch: a.Epoch, Seq: 100}, []string{"0 reset", "3 a=3", "4 c=4", "6 bookmark"}},
		{position{Epoch: a.Epoch + 1, Seq: 2}, []string{"0 reset", "3 a=3", "4 c=4", "6 bookmark"}},
	} {
		assert.Equal(t, test.want, texts(t, table.From(test.from)), test.from)
	}
	assert.Equal(t, texts(t, table.From(position{})), texts(t, table.Last(1)))
	assert.Equal(t, []string{"0 reset", "0 bookmark"}, texts(t, tables.New[int](store).Table("empty").Rows()))
}

func TestRunsKeepTheLawsOfSources(t *testing.T) {
	store := topics.Memory(2)
	table := tables.New[int](store).Table("t")
	first := put(t, table, "a", 1)
	for i := range 5 {
		put(t, table, fmt.Sprint("row ", i), i)
	}
	end(t, store, "t")
	for name, source := range map[string]enumerator.Enumerator[item]{
		"From":         table.From(position{}),
		"From a place": table.From(first),
		"Rows":         table.Rows(),
	} {
		want, err := enumerator.Run(t.Context(), source, iteratee.Collect[item]())
		require.NoError(t, err, name)
		require.NoError(t, enumeratortest.Test(source, want), name)
	}
}

func TestChangesAreLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(2)
		all := tables.New[int](store)
		table := all.Table("t")
		put(t, table, "a", 1)
		var got []string
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for i, err := range enumerator.All(ctx, table.From(position{})) {
				if err != nil {
					return
				}
				got = append(got, text(i))
			}
		})
		wants := func(want ...string) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, want, got)
			got = nil
		}
		wants("0 reset", "1 a=1", "1 bookmark")
		put(t, table, "b", 2)
		remove(t, table, "a")
		wants("2 b=2", "3 -a")
		for _, r := range []topics.Record{{Data: []byte("1")}, {Row: "b", Data: []byte(`"x"`)}, {Row: "b", Data: []byte("{")}, {Row: "\xff", Data: []byte("1")}} {
			_, err := store.Append(ctx, "t", r)
			require.NoError(t, err)
		}
		wants("4 gap", "5 gap", "6 gap", "7 gap")
		_, err := store.Append(ctx, "t", topics.Record{Kind: topics.Deleted})
		require.NoError(t, err)
		put(t, table, "c", 3)
		synctest.Wait()
		require.Equal(t, "0 reset", got[0], "the table was deleted")
		require.Contains(t, got, "9 c=3")
		got = nil
		cancel()
		wg.Wait()

		all.Close()
		_, err = enumerator.Run(t.Context(), table.From(position{}), iteratee.Ignore[item]())
		require.ErrorIs(t, err, topics.ErrClosed)
		_, err = table.Put(t.Context(), "a", 1)
		require.ErrorIs(t, err, topics.ErrClosed)
	})
}

func TestConditions(t *testing.T) {
	table := tables.New[int](topics.Memory(100)).Table("t")
	a, err := table.PutAfter(t.Context(), "a", position{}, 1)
	require.NoError(t, err)
	_, err = table.PutAfter(t.Context(), "a", position{}, 2)
	require.ErrorIs(t, err, topics.ErrConflict)
	put(t, table, "b", 2)
	second, err := table.PutAfter(t.Context(), "a", a, 3)
	require.NoError(t, err, "another row does not matter")
	_, err = table.RemoveAfter(t.Context(), "a", a)
	require.ErrorIs(t, err, topics.ErrConflict)
	v, p, ok, err := table.Get(t.Context(), "a")
	require.NoError(t, err)
	require.True(t, v == 3 && p == second && ok)
	_, err = table.RemoveAfter(t.Context(), "a", second)
	require.NoError(t, err)
	v, p, ok, err = table.Get(t.Context(), "a")
	require.NoError(t, err)
	require.True(t, v == 0 && p == position{} && !ok)
}

func TestKeys(t *testing.T) {
	table := tables.New[int](topics.Memory(100)).Table("t")
	for _, key := range []string{"", strings.Repeat("x", topics.MaxName+1), "\xff"} {
		_, err := table.Put(t.Context(), key, 1)
		require.ErrorIs(t, err, tables.ErrKey)
		_, err = table.Remove(t.Context(), key)
		require.ErrorIs(t, err, tables.ErrKey)
	}
	for i, key := range []string{"__proto__", "\x00", "a\nb", "\u2028", "</script>", strings.Repeat("ü", topics.MaxName/2), `"\`} {
		put(t, table, key, i)
		v, _, ok, err := table.Get(t.Context(), key)
		require.NoError(t, err)
		require.True(t, v == i && ok, key)
	}
	_, err := tables.New[int](topics.Memory(100)).Table("").Put(t.Context(), "a", 1)
	require.ErrorIs(t, err, topics.ErrName)
	_, err = enumerator.Run(t.Context(), tables.New[int](topics.Memory(1)).Table("").Rows(), iteratee.Ignore[item]())
	require.ErrorIs(t, err, topics.ErrName)
	_, err = tables.New[func()](topics.Memory(100)).Table("t").Put(t.Context(), "a", nil)
	require.Error(t, err)
	require.PanicsWithValue(t, "enumerator/topics/tables: New: store must not be nil", func() { tables.New[int](nil) })
}

// reader keeps a map of a table, as a page does.
type reader struct {
	at      position
	rows    map[string]int
	pending map[string]int // after a Reset, until the Bookmark
	ready   bool
}

func (r *reader) take(i item) {
	r.at = i.Position
	rows := r.rows
	if r.pending != nil {
		rows = r.pending
	}
	switch {
	case i.Reset:
		r.pending = map[string]int{}
	case i.Bookmark:
		if r.ready = true; r.pending != nil {
			r.rows, r.pending = r.pending, nil
		}
	case i.Value.Deleted:
		delete(rows, i.Value.Key)
	case i.Gap.N == 0:
		rows[i.Value.Key] = i.Value.Value
	}
}

// unsteady is a Store whose calls fail now and then.
type unsteady struct {
	topics.Store
	chance func() bool
}

var errUnsteady = errors.New("a fault of the test")

func (s unsteady) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	if s.chance() {
		return nil, false, errUnsteady
	}
	return s.Store.Read(ctx, name, from, 1+rand.IntN(limit))
}

// Readers that come, leave and resume at random beside writers have the rows of a model.
func TestReadersHaveTheRowsOfAModel(t *testing.T) {
	var every []int // drawn evenly
	for i := range 100 {
		every = append(every, i)
	}
	rapid.Check(t, func(rt *rapid.T) {
		keep := rapid.IntRange(1, 6).Draw(rt, "keep")
		faults := rapid.Bool().Draw(rt, "faults")
		steps := rapid.SliceOfN(rapid.SampledFrom(every), 1, 60).Draw(rt, "steps")
		seed := rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex
			store := unsteady{topics.Memory(keep), func() bool {
				mu.Lock()
				defer mu.Unlock()
				return faults && rng.IntN(5) == 0
			}}
			nodes := []tables.Table[int]{tables.New[int](store).Table("t"), tables.New[int](store, enumerator.Capacity(2)).Table("t")}
			model := map[string]int{}
			readers := make([]reader, 3)
			stops := make([]func(), len(readers))
			for i := range readers {
				readers[i].rows = map[string]int{}
			}
			start := func(i, limit int) {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					for item, err := range enumerator.All(ctx, nodes[i%2].From(readers[i].at)) {
						if err != nil {
							return
						}
						readers[i].take(item)
						if limit--; limit == 0 { // it leaves in the middle
							return
						}
					}
				}()
				stops[i] = func() { cancel(); <-done; stops[i] = nil }
			}
			for n, step := range steps {
				i, key := step%len(readers), fmt.Sprint("row ", step%11)
				switch {
				case step < 50:
					put(t, nodes[step%2], key, n)
					model[key] = n
				case step < 65:
					remove(t, nodes[step%2], key)
					delete(model, key)
				case step < 67:
					_, err := store.Append(t.Context(), "t", topics.Record{Kind: topics.Deleted})
					require.NoError(t, err)
					clear(model)
				case step < 69:
					time.Sleep(topics.Window)
				case step < 72:
					_, err := store.Append(t.Context(), "t", topics.Record{Data: []byte("1")})
					require.NoError(t, err)
				case stops[i] == nil && step < 80:
					start(i, step%5)
				case stops[i] == nil:
					start(i, 0)
				default:
					stops[i]()
				}
				if step%8 == 0 {
					synctest.Wait()
				}
			}
			for i := range readers {
				if stops[i] != nil {
					stops[i]()
				}
				readers[i].ready = false
				start(i, 0)
			}
			time.Sleep(10 * time.Minute) // faults are over
			synctest.Wait()
			for i := range readers {
				stops[i]()
				require.True(t, readers[i].ready, "reader %d", i)
				require.Nil(t, readers[i].pending, "reader %d", i)
				require.True(t, maps.Equal(model, readers[i].rows), "reader %d has %v, and should have %v", i, readers[i].rows, model)
			}
		})
	})
}

// busy puts a row before each read of the state.
type busy struct {
	topics.Store
	n int
}

func (s *busy) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	if from.State {
		s.n++
		if _, err := s.Append(ctx, name, topics.Record{Row: "busy", Data: fmt.Append(nil, s.n)}); err != nil {
			return nil, false, err
		}
	}
	return s.Store.Read(ctx, name, from, limit)
}

// A table that changes all the time has a Bookmark after the rows that were there when the run began.
func TestTheStateOfABusyTable(t *testing.T) {
	for _, rows := range []int{0, 1, 600} {
		store := &busy{Store: topics.Memory(2000)}
		table := tables.New[int](store).Table("t")
		for i := range rows {
			put(t, table, fmt.Sprint("row ", i), i)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		items, err := enumerator.Run(ctx, enumerator.Through(table.Rows(), enumeratee.Take[item](1000)), iteratee.Collect[item]())
		require.NoError(t, err)
		require.True(t, items[len(items)-1].Bookmark)
		got := map[string]int{}
		for _, i := range items {
			if i.IsMessage() {
				got[i.Value.Key] = i.Value.Value
			}
		}
		require.Len(t, got, rows+1)
	}
}

// down is a Store that gives no answer if err is nil, and otherwise answers with err.
type down struct {
	topics.Store
	err error
}

func (s down) wait(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (s down) Append(ctx context.Context, _ string, _ topics.Record) (position, error) {
	return position{}, s.wait(ctx)
}

func (s down) Read(ctx context.Context, _ string, _ topics.Place, _ int) ([]topics.Entry, bool, error) {
	return nil, false, s.wait(ctx)
}

func (s down) Watch(ctx context.Context, _ string, _ func(topics.Entry), _ func(error)) (position, func(), error) {
	return position{}, nil, s.wait(ctx)
}

// Runs and changes end when their context ends or the Tables is closed, although the Store is down.
func TestTheEndWhileTheStoreIsDown(t *testing.T) {
	errGone := errors.New("the client has gone")
	for storeName, store := range map[string]topics.Store{"silent": down{}, "failing": down{err: errors.New("a fault of the test")}} {
		for name, f := range map[string]func(context.Context, tables.Table[int]) error{
			"From": func(ctx context.Context, table tables.Table[int]) error { return ignore(ctx, table.From(position{})) },
			"a resumption": func(ctx context.Context, table tables.Table[int]) error {
				return ignore(ctx, table.From(position{Epoch: 1, Seq: 1}))
			},
			"Rows": func(ctx context.Context, table tables.Table[int]) error { return ignore(ctx, table.Rows()) },
			"Get": func(ctx context.Context, table tables.Table[int]) error {
				_, _, _, err := table.Get(ctx, "a")
				return err
			},
			"Put": func(ctx context.Context, table tables.Table[int]) error {
				_, err := table.Put(ctx, "a", 1)
				return err
			},
			"RemoveAfter": func(ctx context.Context, table tables.Table[int]) error {
				_, err := table.RemoveAfter(ctx, "a", position{Epoch: 1, Seq: 1})
				return err
			},
		} {
			for _, after := range []time.Duration{time.Millisecond, 777 * time.Millisecond, 10*time.Second + time.Millisecond} {
				t.Run(fmt.Sprint(name, " of a ", storeName, " store after ", after), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						all := tables.New[int](store)
						defer all.Close()
						ctx, cancel := context.WithCancelCause(t.Context())
						time.AfterFunc(after, func() { cancel(errGone) })
						began := time.Now()
						assert.ErrorIs(t, f(ctx, all.Table("t")), errGone)
						assert.Equal(t, after, time.Since(began))

						time.AfterFunc(after, all.Close)
						began = time.Now()
						assert.ErrorIs(t, f(t.Context(), all.Table("t")), topics.ErrClosed)
						assert.Equal(t, after, time.Since(began))
					})
				})
			}
		}
	}
}

func ignore(ctx context.Context, e enumerator.Enumerator[item]) error {
	_, err := enumerator.Run(ctx, e, iteratee.Ignore[item]())
	return err
}
