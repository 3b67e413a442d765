package enumerator_test

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// texts extends each chunk and then returns the chunks as strings, which shows that chunks do not share
// memory.
func texts(chunks [][]byte) (all []string) {
	for _, chunk := range chunks {
		_ = append(chunk, '!')
	}
	for _, chunk := range chunks {
		all = append(all, string(chunk))
	}
	return all
}

// reads is a Reader that calls a function and counts the calls.
type reads struct {
	read  func(p []byte) (int, error)
	calls int
}

func (r *reads) Read(p []byte) (int, error) { r.calls++; return r.read(p) }

func TestFromReader(t *testing.T) {
	abc := func() io.Reader { return strings.NewReader("abcdefgh") }
	withError := func() io.Reader {
		return &reads{read: func(p []byte) (int, error) { return copy(p, "xy"), errBoom }}
	}
	for name, c := range map[string]struct {
		r    io.Reader
		size int
		want []string
		err  error
	}{
		"chunks of 3":          {abc(), 3, []string{"abc", "def", "gh"}, nil},
		"chunks of 1":          {strings.NewReader("abc"), 1, []string{"a", "b", "c"}, nil},
		"one chunk, just full": {abc(), 8, []string{"abcdefgh"}, nil},
		"one chunk, not full":  {abc(), 100, []string{"abcdefgh"}, nil},
		"empty":                {strings.NewReader(""), 3, nil, nil},
		"EOF with data":        {iotest.DataErrReader(abc()), 3, []string{"abc", "def", "gh"}, nil},
		"short reads":          {iotest.HalfReader(abc()), 4, []string{"ab", "cd", "ef", "gh"}, nil},
		"single bytes":         {iotest.OneByteReader(strings.NewReader("abcde")), 4, []string{"a", "b", "c", "d", "e"}, nil},
		"an error at once":     {iotest.ErrReader(errBoom), 3, nil, errBoom},
		"an error after data":  {io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(errBoom)), 3, []string{"abc", "d"}, errBoom},
		"an error with data":   {withError(), 3, []string{"xy"}, errBoom},
		"a timeout":            {iotest.TimeoutReader(abc()), 3, []string{"abc"}, iotest.ErrTimeout},
		"an unexpected EOF":    {io.MultiReader(strings.NewReader("a"), iotest.ErrReader(io.ErrUnexpectedEOF)), 3, []string{"a"}, io.ErrUnexpectedEOF},
		"nothing for ever":     {&reads{read: func([]byte) (int, error) { return 0, nil }}, 3, nil, io.ErrNoProgress},
		"nothing, then an end": {&reads{read: func([]byte) (int, error) { return 0, io.EOF }}, 3, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := seen(t.Context(), enumerator.FromReader(c.r, c.size), 0)
			assert.ErrorIs(t, err, c.err)
			assert.Equal(t, c.want, texts(got))
		})
	}
}

func TestFromReaderIsPatientWithEmptyReads(t *testing.T) {
	const calls = 400
	r := &reads{}
	r.read = func(p []byte) (int, error) {
		switch {
		case r.calls == calls:
			return 0, io.EOF
		case r.calls%100 == 0: // 99 Reads in a row return nothing
			return copy(p, "a"), nil
		}
		return 0, nil
	}
	assert.Equal(t, []string{"a", "a", "a"}, texts(collect(t, enumerator.FromReader(r, 3))))
	assert.Equal(t, calls, r.calls)
}

func TestFromReaderReadsOnDemand(t *testing.T) {
	r := &reads{read: strings.NewReader("abcdefgh").Read}
	e := enumerator.FromReader(r, 3)
	assert.Nil(t, collect(t, enumerator.Through(e, enumeratee.Take[[]byte](0))))
	assert.Zero(t, r.calls)
	got, err := seen(t.Context(), e, 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"abc"}, texts(got))
	assert.Equal(t, 1, r.calls)
	assert.Equal(t, []string{"def", "gh"}, texts(collect(t, e)), "the next run continues where the last has stopped")
	assert.Nil(t, collect(t, e), "the reader is used up")

	failing := &reads{read: func(p []byte) (int, error) { return copy(p, "x"), errBoom }}
	_, err = seen(t.Context(), enumerator.FromReader(failing, 3), 1)
	assert.NoError(t, err, "no Read follows when the consumer is done")
	assert.Equal(t, 1, failing.calls)
}

func TestFromReaderDoesNotClose(t *testing.T) {
	r, w := io.Pipe()
	go func() {
		_, _ = w.Write([]byte("abc"))
		_, _ = w.Write([]byte("def"))
		_ = w.Close()
	}()
	got, err := seen(t.Context(), enumerator.FromReader(r, 3), 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"abc"}, texts(got))
	got, err = seen(t.Context(), enumerator.OnDoneEnumerating(enumerator.FromReader(r, 3), r.Close), 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"def"}, texts(got))
	_, err = r.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestReuse(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte("abcdefgh"), 0o600))
	for function, e := range map[string]enumerator.Enumerator[[]byte]{
		"FromReaderReuse": enumerator.FromReaderReuse(strings.NewReader("abcdefgh"), 3),
		"FromFileReuse":   enumerator.FromFileReuse(name, 3),
	} {
		t.Run(function, func(t *testing.T) {
			var first []byte
			seen := collect(t, enumerator.Map(e, func(chunk []byte) string {
				if first == nil {
					first = chunk
				}
				return string(first[:1]) + " " + string(chunk)
			}))
			assert.Equal(t, []string{"a abc", "d def", "g gh"}, seen, "all chunks use the same memory")
		})
	}
	first, second := new(string), new(string)
	e := enumerator.FromFileReuse(name, 8)
	keep := func(s *string, then func()) enumerator.Enumerator[string] {
		return enumerator.Map(e, func(chunk []byte) string { then(); *s = string(chunk); return *s })
	}
	collect(t, keep(first, func() { collect(t, keep(second, func() {})) }))
	assert.Equal(t, *first, *second, "each run has memory of its own")
}

func TestChunkSizeMustBePositive(t *testing.T) {
	assert.PanicsWithValue(t, "enumerator: FromReaderReuse: chunkSize must be positive, got 0", func() { enumerator.FromReaderReuse(strings.NewReader(""), 0) })
	assert.PanicsWithValue(t, "enumerator: FromFileReuse: chunkSize must be positive, got -1", func() { enumerator.FromFileReuse("x", -1) })
	assert.PanicsWithValue(t, "enumerator: FromReader: chunkSize must be positive, got 0", func() { enumerator.FromReader(strings.NewReader(""), 0) })
	assert.PanicsWithValue(t, "enumerator: FromReader: chunkSize must be positive, got -1", func() { enumerator.FromReader(strings.NewReader(""), -1) })
	assert.PanicsWithValue(t, "enumerator: FromFile: chunkSize must be positive, got 0", func() { enumerator.FromFile("x", 0) })
	assert.PanicsWithValue(t, "enumerator: FromFile: chunkSize must be positive, got -3", func() { enumerator.FromFile("x", -3) })
}

type deadliner interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// told is a Reader that calls second before its second Read, and counts the deadlines.
type told struct {
	deadliner
	second           func()
	calls, deadlines int
}

func (r *told) Read(p []byte) (int, error) {
	if r.calls++; r.calls == 2 {
		r.second()
	}
	return r.deadliner.Read(p)
}

func (r *told) SetReadDeadline(at time.Time) error {
	r.deadlines++
	return r.deadliner.SetReadDeadline(at)
}

func TestCancelInterruptsAReadOfAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close() // later, so that the second Read waits
	_, err = w.WriteString("abc")
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	got, err := seen(ctx, enumerator.FromReader(&told{deadliner: r, second: func() { go cancel(errBoom) }}, 3), 0)
	assert.ErrorIs(t, err, errBoom)
	assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Equal(t, []string{"abc"}, texts(got))
}

func TestCancelInterruptsAReadOfAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := net.Pipe()
		defer r.Close()
		defer w.Close()
		go func() { _, _ = w.Write([]byte("abc")) }()
		endsAfterASecond(t, enumerator.FromReader(r, 3), []byte("abc"))
	})
}

func TestADeadlineOfTheReaderIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := net.Pipe()
		defer r.Close()
		defer w.Close()
		require.NoError(t, r.SetReadDeadline(time.Now().Add(time.Second)))
		_, err := seen(t.Context(), enumerator.FromReader(r, 3), 0)
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "this deadline is not set by the run")
	})
}

func TestARunThatIsOverSetsNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := net.Pipe()
		defer r.Close()
		defer w.Close()
		go func() {
			_, _ = w.Write([]byte("abc"))
			_, _ = w.Write([]byte("def"))
		}()
		conn := &told{deadliner: r, second: func() {}}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := seen(ctx, enumerator.FromReader(conn, 3), 1)
		require.NoError(t, err)
		cancel()
		synctest.Wait()
		assert.Zero(t, conn.deadlines)
		got, err := seen(t.Context(), enumerator.FromReader(conn, 3), 1)
		require.NoError(t, err)
		assert.Equal(t, []string{"def"}, texts(got))
	})
}

func TestCancelOfAReadThatCannotBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := &reads{read: func(p []byte) (int, error) {
			time.Sleep(5 * time.Second)
			return copy(p, "abc"), nil
		}}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errBoom) })
		_, err := seen(ctx, enumerator.FromReader(r, 3), 0)
		assert.ErrorIs(t, err, errBoom)
		assert.Equal(t, 5*time.Second, time.Since(start), "the run ends when the Read does")
		assert.Equal(t, 1, r.calls)
	})
}

func TestSourcesOfChunksEndWithTheContext(t *testing.T) {
	r := &reads{read: strings.NewReader("abcdefgh").Read}
	endsAtOnce(t, enumerator.FromReader(r, 3))
	assert.Equal(t, 1, r.calls)

	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte("abcdefgh"), 0o600))
	endsAtOnce(t, enumerator.FromFile(name, 3))

	var second error
	endsAtOnce(t, enumerator.FromWriter(func(w io.Writer) error {
		_, err := io.WriteString(w, "abc")
		assert.NoError(t, err)
		_, second = io.WriteString(w, "def")
		return second
	}))
	assert.ErrorIs(t, second, errBoom, "a Write is told why")
}

func TestFromFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	e := enumerator.FromFile(name, 3)
	_, err := seen(t.Context(), e, 0)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	for _, c := range []struct {
		content string
		want    []string
	}{{"hello", []string{"hel", "lo"}}, {"", nil}, {"abcdefgh", []string{"abc", "def", "gh"}}} {
		require.NoError(t, os.WriteFile(name, []byte(c.content), 0o600))
		for range 2 {
			assert.Equal(t, c.want, texts(collect(t, e)), "each run opens the file")
		}
	}
	assert.Equal(t, []string{"abc", "def", "gh", "."}, texts(collect(t, e.AndThen(enumerator.Of([]byte("."))))))
	_, err = seen(t.Context(), enumerator.FromFile(t.TempDir(), 3), 0)
	var pathErr *fs.PathError
	assert.ErrorAs(t, err, &pathErr, "a directory cannot be read")

	require.NoError(t, os.Remove(name))
	got, err := seen(t.Context(), enumerator.Of([]byte("a")).AndThen(e), 1)
	require.NoError(t, err, "not opened for a consumer that is done")
	assert.Equal(t, []string{"a"}, texts(got))
}

// opened returns the number of descriptors of this process for the named file.
func opened(t *testing.T, name string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("cannot see which files are open:", err)
	}
	for _, entry := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name())); err == nil && to == name {
			n++
		}
	}
	return n
}

func TestFromFileClosesTheFile(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	name := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(name, []byte("abcdefgh"), 0o600))
	e := enumerator.FromFile(name, 3)
	assert.Zero(t, opened(t, name), "the file is not opened before the run")
	ctx, cancel := context.WithCancelCause(t.Context())
	for how, c := range map[string]struct {
		ctx context.Context
		act func() (bool, error) // consumes a chunk
		err error
	}{
		"the file ends":        {t.Context(), func() (bool, error) { return false, nil }, nil},
		"the consumer is done": {t.Context(), func() (bool, error) { return true, nil }, nil},
		"the consumer fails":   {t.Context(), func() (bool, error) { return false, errBoom }, errBoom},
		"the context ends":     {ctx, func() (bool, error) { cancel(errBoom); return false, nil }, errBoom},
	} {
		t.Run(how, func(t *testing.T) {
			_, err := enumerator.Run(c.ctx, e, iteratee.FoldUntil(0, func(context.Context, int, []byte) (int, bool, error) {
				assert.Equal(t, 1, opened(t, name), "the file is open during the run")
				done, err := c.act()
				return 0, done, err
			}))
			assert.ErrorIs(t, err, c.err)
			assert.Zero(t, opened(t, name))
		})
	}
	assert.PanicsWithValue(t, "boom", func() {
		_, _ = enumerator.Run(t.Context(), e, iteratee.Fold(0, func(int, []byte) int { panic("boom") }))
	})
	assert.Zero(t, opened(t, name), "the consumer panics")
}

func TestFromReaderLeavesNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := net.Pipe()
		defer r.Close()
		defer w.Close()
		// the consumer is done, but the context of the caller has not ended
		_, err := seen(t.Context(), enumerator.Interleave(enumerator.FromReader(r, 3), enumerator.Map(after(time.Second, enumerator.Of(1)), func(int) []byte { return []byte("x") })), 1)
		assert.NoError(t, err)
		go func() { w.Write([]byte("abc")) }()
		got, err := seen(t.Context(), enumerator.FromReader(r, 3), 1)
		assert.NoError(t, err)
		assert.Equal(t, []string{"abc"}, texts(got))
		w.Close()
	})
}

func TestFromReaderCancelledWhileNothingIsRead(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r := &reads{}
	r.read = func([]byte) (int, error) {
		if r.calls == 100 {
			cancel(errBoom)
			return 0, io.ErrClosedPipe
		}
		return 0, nil
	}
	_, err := seen(ctx, enumerator.FromReader(r, 3), 0)
	assert.ErrorIs(t, err, errBoom)
}

func TestFromScanner(t *testing.T) {
	scan := func(r io.Reader, split bufio.SplitFunc) (tokens []string, err error) {
		s := bufio.NewScanner(r)
		s.Split(split)
		e := enumerator.Map(enumerator.FromScanner(s), func(token []byte) string { return string(token) })
		return seen(t.Context(), e, 0)
	}
	got, err := scan(strings.NewReader("one two\nthree\n\n"), bufio.ScanWords)
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two", "three"}, got)
	got, err = scan(strings.NewReader("one\n\ntwo"), bufio.ScanLines)
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "", "two"}, got)
	got, err = scan(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("one"))), bufio.ScanLines)
	assert.ErrorIs(t, err, iotest.ErrTimeout)
	assert.Equal(t, []string{"o"}, got, "the tokens before the error")
	_, err = scan(strings.NewReader("one"), func([]byte, bool) (int, []byte, error) { return 0, nil, errBoom })
	assert.ErrorIs(t, err, errBoom)
}
