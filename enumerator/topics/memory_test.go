package topics_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
)

func store(t *testing.T, s topics.Store, name, key string, size int) position {
	t.Helper()
	p, err := s.Append(t.Context(), name, topics.Record{Key: key, Data: make([]byte, size)})
	require.NoError(t, err)
	return p
}

func kept(t *testing.T, s topics.Store, name string, from topics.Place) (n int, ok bool) {
	t.Helper()
	entries, ok, err := s.Read(t.Context(), name, from, 1<<20)
	require.NoError(t, err)
	return len(entries), ok
}

func TestMemoryDropsOldEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := topics.Memory(10, topics.MaxAge(time.Minute))
		first := store(t, s, "a", "", 1)
		time.Sleep(30 * time.Second)
		last := store(t, s, "a", "", 1)
		store(t, s, "b", "", 1)
		time.Sleep(30*time.Second - 1)
		n, _ := kept(t, s, "a", topics.Place{})
		require.Equal(t, 2, n)
		time.Sleep(time.Nanosecond)
		n, ok := kept(t, s, "a", topics.Place{After: first})
		require.True(t, n == 1 && ok, "nothing after the first is missing")
		time.Sleep(30 * time.Second)
		n, ok = kept(t, s, "a", topics.Place{After: first})
		require.True(t, n == 0 && !ok, "the last entry is missing")
		all, entries, _, _ := topics.Sizes(s)
		require.Zero(t, all+entries, "topics whose entries are all dropped are forgotten")
		p, stop, err := s.Watch(t.Context(), "a", func(topics.Entry) {}, nil)
		require.NoError(t, err)
		stop()
		require.GreaterOrEqual(t, p.Seq, last.Seq, "a topic that is forgotten does not go back")
		_, ok = kept(t, s, "a", topics.Place{After: p})
		require.True(t, ok)
	})
}

func TestMemoryForgetsKeysAndDeletions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := topics.Memory(10)
		first := store(t, s, "a", "key", 1)
		time.Sleep(topics.Window - 1)
		require.Equal(t, first, store(t, s, "a", "key", 1))
		time.Sleep(time.Nanosecond)
		second := store(t, s, "a", "key", 1)
		require.NotEqual(t, first, second)

		deleted, err := s.Append(t.Context(), "a", topics.Record{Kind: topics.Deleted})
		require.NoError(t, err)
		_, ok := kept(t, s, "a", topics.Place{After: second})
		require.False(t, ok)
		_, ok = kept(t, s, "a", topics.Place{After: deleted})
		require.True(t, ok)
		require.Equal(t, second, store(t, s, "a", "key", 1), "a deletion forgets no keys")
		time.Sleep(topics.Window)
		_, ok = kept(t, s, "a", topics.Place{After: second})
		require.False(t, ok)
		_, ok = kept(t, s, "a", topics.Place{After: deleted})
		require.True(t, ok)
		all, entries, recent, size := topics.Sizes(s)
		require.Zero(t, all+entries+recent+size)
	})
}

func TestMemoryDropsTheOldestOfAllTopics(t *testing.T) {
	const max = 10_000
	s := topics.Memory(1000, topics.MaxBytes(max))
	store(t, s, "old", "", 3000)
	for range 5 {
		store(t, s, "new", "", 1000)
	}
	n, _ := kept(t, s, "old", topics.Place{})
	require.Equal(t, 1, n)
	for range 4 {
		store(t, s, "new", "", 1000)
	}
	n, _ = kept(t, s, "old", topics.Place{})
	assert.Zero(t, n)
	n, ok := kept(t, s, "new", topics.Place{})
	assert.True(t, n == 7 && ok, n)

	_, err := s.Append(t.Context(), "new", topics.Record{Data: make([]byte, max)})
	require.ErrorIs(t, err, topics.ErrTooLarge)
	_, err = s.Append(t.Context(), "new", topics.Record{Meta: make([]byte, max)})
	require.ErrorIs(t, err, topics.ErrTooLarge)
	n, _ = kept(t, s, "new", topics.Place{})
	assert.Equal(t, 7, n, "an entry that is too large drops nothing")
	store(t, s, "new", "key", max-2*(256+len("new"))-len("key"))
	n, _ = kept(t, s, "new", topics.Place{})
	assert.Equal(t, 1, n, "an entry that takes all of the memory is stored")
	_, err = s.Append(t.Context(), "newer", topics.Record{Meta: make([]byte, max-2*(256+len("newer")))})
	require.NoError(t, err)
	n, _ = kept(t, s, "new", topics.Place{})
	assert.Zero(t, n, "Meta takes memory, too")
}

// Names and keys come from clients.
func TestMemoryIsBounded(t *testing.T) {
	const max = 100_000
	s := topics.Memory(10, topics.MaxBytes(max))
	for i := range 5000 {
		name := strconv.Itoa(i)
		switch i % 4 {
		case 0:
			store(t, s, name, "", i%100)
		case 1:
			store(t, s, name, name, 0)
		case 2:
			store(t, s, "one", string(bytes.Repeat([]byte("k"), i%500))+name, 1)
		case 3:
			_, err := s.Append(t.Context(), name, topics.Record{Kind: topics.Kind(1 + i/4%2)})
			require.NoError(t, err)
		}
		_, stop, err := s.Watch(t.Context(), "watched"+name, func(topics.Entry) {}, nil)
		require.NoError(t, err)
		stop()
		all, entries, recent, size := topics.Sizes(s)
		require.LessOrEqual(t, size, max)
		require.LessOrEqual(t, all+entries+recent, 3*max/256)
	}
}

func TestMemoryKeepsACopy(t *testing.T) {
	s := topics.Memory(1)
	data, meta := []byte("a"), []byte("m")
	_, err := s.Append(t.Context(), "a", topics.Record{Meta: meta, Data: data})
	require.NoError(t, err)
	data[0], meta[0] = 'b', 'b'
	entries, _, err := s.Read(t.Context(), "a", topics.Place{}, 1)
	require.NoError(t, err)
	require.Equal(t, "a", string(entries[0].Data))
	require.Equal(t, "m", string(entries[0].Meta))
}

func TestMemoryPanics(t *testing.T) {
	for want, f := range map[string]func(){
		"enumerator/topics: Memory: keep must be positive, got 0": func() { topics.Memory(0) },
		"enumerator/topics: MaxBytes: n must be positive, got -1": func() { topics.MaxBytes(-1) },
		"enumerator/topics: MaxAge: d must be positive, got 0s":   func() { topics.MaxAge(0) },
		"enumerator/topics: Read: limit must be positive, got 0":  func() { _, _, _ = topics.Memory(1).Read(t.Context(), "a", topics.Place{}, 0) },
		"enumerator/topics: New: store must not be nil":           func() { topics.New[int](nil) },
		"enumerator/topics: Last: n must not be negative, got -1": func() { topics.New[int](topics.Memory(1)).Last("a", -1) },
	} {
		func() {
			defer func() { assert.Equal(t, want, fmt.Sprint(recover())) }()
			f()
		}()
	}
}

func put(t *testing.T, s topics.Store, row string, size int) position {
	t.Helper()
	p, err := s.Append(t.Context(), "a", topics.Record{Row: row, Data: make([]byte, size)})
	require.NoError(t, err)
	return p
}

func TestMemoryForgetsRemovedRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := topics.Memory(1, topics.MaxAge(time.Second))
		before := put(t, s, "x", 1)
		put(t, s, "y", 1)
		_, err := s.Append(t.Context(), "a", topics.Record{Kind: topics.Removed, Row: "y"})
		require.NoError(t, err)
		time.Sleep(topics.Window - 1)
		n, ok := kept(t, s, "a", topics.Place{State: true, After: before})
		require.True(t, n == 1 && ok, "the removal is kept for the time of Window")
		n, _ = kept(t, s, "a", topics.Place{State: true})
		require.Equal(t, 1, n, "rows do not expire")
		time.Sleep(time.Nanosecond)
		n, ok = kept(t, s, "a", topics.Place{State: true, After: before})
		require.True(t, n == 1 && !ok, "the removal was forgotten, so all rows follow")
		n, ok = kept(t, s, "a", topics.Place{State: true, After: before, Began: before})
		require.True(t, n == 1 && !ok)
		end := put(t, s, "z", 1)
		n, ok = kept(t, s, "a", topics.Place{State: true, After: before, Began: end})
		require.True(t, n == 1 && ok, "a state that was begun later does not need the removal")

		for _, row := range []string{"x", "z"} {
			_, err := s.Append(t.Context(), "a", topics.Record{Kind: topics.Removed, Row: row})
			require.NoError(t, err)
		}
		time.Sleep(topics.Window)
		_, _ = kept(t, s, "b", topics.Place{})
		all, entries, keys, bytes := topics.Sizes(s)
		require.Zero(t, all+entries+keys+bytes, "a topic without rows needs no memory")
	})
}

// Rows may take half of the memory, and are not dropped. Rows that were replaced are not counted.
func TestMemoryKeepsRows(t *testing.T) {
	const max = 100_000
	s := topics.Memory(1000, topics.MaxBytes(max))
	for i := range 200 {
		put(t, s, "x", 1000+i)
	}
	const rowSize = 1000 + 256 + len("a") + len("x")
	n := 0
	for ; ; n++ {
		_, err := s.Append(t.Context(), "a", topics.Record{Row: string(rune('A' + n)), Data: make([]byte, 1000)})
		if err != nil {
			require.ErrorIs(t, err, topics.ErrTooLarge)
			break
		}
	}
	require.Equal(t, (max/2-rowSize-199)/rowSize, n)
	for range 1000 {
		store(t, s, "b", "key", 1000)
		store(t, s, "b", "", 1000)
	}
	all, ok := kept(t, s, "a", topics.Place{State: true})
	require.True(t, all == n+1 && ok)
	put(t, s, "x", 1000)
	_, err := s.Append(t.Context(), "b", topics.Record{Data: make([]byte, max/2+rowSize)})
	require.ErrorIs(t, err, topics.ErrTooLarge, "there is no memory for it beside the rows")
	_, err = s.Append(t.Context(), "a", topics.Record{Kind: topics.Removed, Row: "x"})
	require.NoError(t, err, "a removal always fits")
	_, _, _, bytes := topics.Sizes(s)
	require.LessOrEqual(t, bytes, max)
	_, err = s.Append(t.Context(), "a", topics.Record{Kind: topics.Deleted})
	require.NoError(t, err)
	put(t, s, "x", max/2-rowSize)
}
