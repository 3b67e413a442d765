package iteratee_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// readAll is io.ReadAll as an Iteratee, with a string for its result.
func readAll() iteratee.Iteratee[[]byte, string] {
	return iteratee.Read(func(_ context.Context, r io.Reader) (string, error) {
		all, err := io.ReadAll(r)
		return string(all), err
	})
}

// readN takes n bytes, and ends with them.
func readN(n int) iteratee.Iteratee[[]byte, string] {
	return iteratee.Read(func(_ context.Context, r io.Reader) (string, error) {
		p := make([]byte, n)
		_, err := io.ReadFull(r, p)
		return string(p), err
	})
}

func chunksOf(chunks ...string) enumerator.Enumerator[[]byte] {
	var e [][]byte
	for _, chunk := range chunks {
		e = append(e, []byte(chunk))
	}
	return enumerator.FromSlice(e)
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		consumer iteratee.Iteratee[[]byte, string]
		chunks   []string
		want     string
		rest     string
		err      error
	}{
		"everything":                   {readAll(), []string{"ab", "c"}, "abc", "", nil},
		"an empty stream":              {readAll(), nil, "", "", nil},
		"only empty chunks":            {readAll(), []string{"", ""}, "", "", nil},
		"empty chunks among others":    {readAll(), []string{"", "a", "", "b", ""}, "ab", "", nil},
		"a whole chunk":                {readN(2), []string{"ab", "c"}, "ab", "c", nil},
		"a part of a chunk":            {readN(1), []string{"ab", "c"}, "a", "bc", nil},
		"a part of the second chunk":   {readN(3), []string{"ab", "cd", "e"}, "abc", "de", nil},
		"nothing":                      {readN(0), []string{"ab", "c"}, "", "abc", nil},
		"more than there is":           {readN(4), []string{"ab", "c"}, "", "", io.ErrUnexpectedEOF},
		"something of an empty stream": {readN(1), nil, "", "", io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			rest := ""
			both := iteratee.FlatMap(c.consumer, func(got string) iteratee.Iteratee[[]byte, string] {
				return iteratee.Map(iteratee.Consume[byte](), func(left []byte) string { rest = string(left); return got })
			})
			for range 2 { // Read returns a recipe
				rest = ""
				got, err := enumerator.Run(t.Context(), chunksOf(c.chunks...), both)
				assert.Equal(t, c.err, err)
				assert.Equal(t, c.want, got)
				assert.Equal(t, c.rest, rest)
			}
		})
	}
	assert.PanicsWithValue(t, "iteratee: Read: read must not be nil", func() { iteratee.Read[int](nil) })
}

// The Reader returns the same bytes however they are divided into chunks.
func TestReadReadsAsAReaderDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chunks := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 20), 0, 10).Draw(t, "chunks")
		want := bytes.Join(chunks, nil)
		check := iteratee.Read(func(_ context.Context, r io.Reader) (struct{}, error) { return struct{}{}, iotest.TestReader(r, want) })
		_, err := enumerator.Run(t.Context(), enumerator.FromSlice(chunks), check)
		require.NoError(t, err)
	})
}

// The source is asked only for chunks that read needs.
func TestReadHasBackpressure(t *testing.T) {
	for n := range 4 {
		asked := 0
		source := enumerator.Generate(func(context.Context) ([]byte, bool, error) { asked++; return []byte("a"), true, nil })
		_, err := enumerator.Run(t.Context(), source, readN(n))
		require.NoError(t, err)
		assert.Equal(t, n, asked)
	}
}

func TestReadWithADecoderOfTheStandardLibrary(t *testing.T) {
	rows := iteratee.Read(func(_ context.Context, r io.Reader) ([][]string, error) { return csv.NewReader(r).ReadAll() })
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			got, err := enumerator.Run(t.Context(), chunksOf("a,", "b\nc", ",d\n"), rows)
			assert.NoError(t, err)
			assert.Equal(t, [][]string{{"a", "b"}, {"c", "d"}}, got)
		})
	}
	wg.Wait()
	_, err := enumerator.Run(t.Context(), chunksOf("a,b\nc\n"), rows)
	assert.ErrorIs(t, err, csv.ErrFieldCount)
}

// read fails, panics or leaves its goroutine, before, between and after the chunks.
func TestReadOfAFunctionThatFails(t *testing.T) {
	for _, at := range []int{0, 1, 2, 3} {
		source := chunksOf("a", "b")
		after := func(n int, end func() error) iteratee.Iteratee[[]byte, int] {
			return iteratee.Read(func(_ context.Context, r io.Reader) (int, error) {
				for range n {
					if _, err := r.Read(make([]byte, 1)); err != nil && n < 3 {
						return 0, err
					}
				}
				return n, end()
			})
		}
		_, err := enumerator.Run(t.Context(), source, after(at, func() error { return errBoom }))
		assert.Equal(t, errBoom, err, at)
		assert.PanicsWithValue(t, "ouch", func() {
			_, _ = enumerator.Run(t.Context(), source, after(at, func() error { panic("ouch") }))
		}, at)

		left, returned := make(chan bool), false
		go func() {
			defer close(left)
			_, _ = enumerator.Run(t.Context(), source, after(at, func() error { runtime.Goexit(); return nil }))
			returned = true
		}()
		<-left
		assert.False(t, returned, at)
	}
}

// When the run ends, read has returned.
func TestReadReturnsBeforeTheRunIsOver(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	for name, c := range map[string]struct {
		ctx    context.Context
		source enumerator.Enumerator[[]byte]
		err    error
	}{
		"the source fails": {t.Context(), chunksOf("a").AndThen(enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
			return enumerator.Empty[[]byte](), errBoom
		})), errBoom},
		"it was cancelled": {ctx, chunksOf("a"), errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			var ends []error
			_, err := enumerator.Run(c.ctx, c.source, iteratee.Read(func(_ context.Context, r io.Reader) (int, error) {
				for range 3 { // the run does not see these errors
					_, err := io.ReadAll(r)
					ends = append(ends, err)
				}
				return 0, errors.New("dropped")
			}))
			assert.ErrorIs(t, err, c.err)
			require.Len(t, ends, 3)
			for _, end := range ends {
				assert.EqualError(t, end, "iteratee: Read: the run is over")
			}
		})
	}
	t.Run("it is cancelled while the source waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
			defer cancel()
			returned := false
			_, err := enumerator.Run(ctx, chunksOf("a").AndThen(enumerator.Never[[]byte]()), iteratee.Read(func(ctx context.Context, r io.Reader) (int, error) {
				defer func() { returned = true }()
				_, err := io.ReadAll(r)
				assert.Equal(t, errBoom, context.Cause(ctx))
				return 0, err
			}))
			assert.Equal(t, errBoom, err)
			assert.True(t, returned)
		})
	})
	t.Run("the source panics", func(t *testing.T) {
		returned := false
		consumer := iteratee.Read(func(_ context.Context, r io.Reader) (int, error) {
			defer func() { returned = true }()
			_, err := io.ReadAll(r)
			return 0, err
		})
		assert.PanicsWithValue(t, "ouch", func() {
			_, _ = enumerator.Run(t.Context(), enumerator.Generate(func(context.Context) ([]byte, bool, error) { panic("ouch") }), consumer)
		})
		assert.True(t, returned)
	})
	t.Run("read panics after that", func(t *testing.T) {
		assert.PanicsWithValue(t, "ouch", func() {
			_, _ = enumerator.Run(ctx, chunksOf("a"), iteratee.Read(func(_ context.Context, r io.Reader) (int, error) {
				_, _ = io.ReadAll(r)
				panic("ouch")
			}))
		})
	})
}

// A bufio.Reader takes bytes that it does not use.
func TestReadLeavesOverBytesThatWereNotRead(t *testing.T) {
	line := iteratee.Read(func(_ context.Context, r io.Reader) (string, error) { return bufio.NewReader(r).ReadString('\n') })
	both := iteratee.FlatMap(line, func(line string) iteratee.Iteratee[[]byte, []string] {
		return iteratee.Map(iteratee.Consume[byte](), func(rest []byte) []string { return []string{line, string(rest)} })
	})
	got, err := enumerator.Run(t.Context(), chunksOf("a\nb", "c"), both)
	require.NoError(t, err)
	assert.Equal(t, []string{"a\n", "c"}, got)
}
