package enumerator_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func bytesOf(chunks ...string) enumerator.Enumerator[[]byte] {
	return enumerator.Map(enumerator.Of(chunks...), func(s string) []byte { return []byte(s) })
}

// open returns e, and a bool that is true during a run of e.
func open(e enumerator.Enumerator[[]byte]) (watched enumerator.Enumerator[[]byte], is *bool) {
	is = new(bool)
	return enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
		*is = true
		return enumerator.OnDoneEnumerating(e, func() error { *is = false; return nil }), nil
	}), is
}

func TestToReader(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rapid.Check(t, func(t *rapid.T) {
		chunks := rapid.SliceOfN(rapid.StringN(0, 5, -1), 0, 6).Draw(t, "chunks")
		all := strings.Join(chunks, "")
		e, isOpen := open(bytesOf(chunks...))

		r := enumerator.ToReader(t.Context(), e)
		assert.NoError(t, iotest.TestReader(r, []byte(all)))
		assert.False(t, *isOpen, "the run is over when all has been read")

		for n := range len(all) + 1 { // Read reads a part, then WriteTo the rest
			r := enumerator.ToReader(t.Context(), e)
			head := make([]byte, n)
			_, err := io.ReadFull(r, head)
			require.NoError(t, err)
			var tail bytes.Buffer
			written, err := io.Copy(&tail, r)
			require.NoError(t, err)
			assert.Equal(t, all, string(head)+tail.String())
			assert.EqualValues(t, len(all)-n, written)
			_, err = r.Read(make([]byte, 1))
			assert.Equal(t, io.EOF, err)
			written, err = io.Copy(&tail, r)
			assert.Zero(t, written)
			assert.NoError(t, err)
			assert.False(t, *isOpen)
		}
	})
}

func TestToReaderClose(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	e, isOpen := open(bytesOf("abc", "", "def"))
	for n := range 6 {
		r := enumerator.ToReader(t.Context(), e)
		_, err := io.ReadFull(r, make([]byte, n))
		require.NoError(t, err)
		assert.Equal(t, n > 0, *isOpen)
		for range 2 {
			assert.NoError(t, r.Close())
			assert.False(t, *isOpen)
			_, err = r.Read(make([]byte, 1))
			assert.ErrorIs(t, err, fs.ErrClosed, "Close drops the unread bytes")
			_, err = io.Copy(io.Discard, r)
			assert.ErrorIs(t, err, fs.ErrClosed)
		}
		assert.False(t, *isOpen)
	}
}

func TestToReaderErrors(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	fails := func(err error) enumerator.Enumerator[[]byte] {
		return bytesOf("abc").AndThen(enumerator.Generate(func(context.Context) ([]byte, bool, error) { return nil, false, err }))
	}
	r := enumerator.ToReader(t.Context(), fails(errBoom))
	got, err := io.ReadAll(r)
	assert.EqualError(t, err, "enumerator: ToReader: boom")
	assert.ErrorIs(t, err, errBoom)
	assert.Equal(t, "abc", string(got))
	_, err = io.ReadAll(r)
	assert.ErrorIs(t, err, errBoom, "later calls return the same error")

	_, err = io.ReadAll(enumerator.ToReader(t.Context(), fails(io.EOF)))
	assert.ErrorIs(t, err, io.EOF, "io.EOF from a source is a failure")

	n, err := io.Copy(io.Discard, enumerator.ToReader(t.Context(), fails(errBoom)))
	assert.ErrorIs(t, err, errBoom)
	assert.EqualValues(t, 3, n)

	for started := range 2 { // errors of the writer
		e, isOpen := open(bytesOf("a", "b", "c", "d"))
		r := enumerator.ToReader(t.Context(), e)
		_, err := io.ReadFull(r, make([]byte, started))
		require.NoError(t, err)
		n, err := io.Copy(iotest.TruncateWriter(failingWriter{}, 0), r)
		assert.NoError(t, err)
		assert.EqualValues(t, 4-started, n)

		r = enumerator.ToReader(t.Context(), e)
		_, err = io.ReadFull(r, make([]byte, started))
		require.NoError(t, err)
		_, err = io.Copy(failingWriter{}, r)
		assert.Equal(t, errBoom, err, "the error of the writer is not wrapped")
		assert.False(t, *isOpen)
		_, err = r.Read(make([]byte, 1))
		assert.ErrorIs(t, err, errBoom)

		r = enumerator.ToReader(t.Context(), e)
		_, err = io.ReadFull(r, make([]byte, started))
		require.NoError(t, err)
		_, err = io.Copy(shortWriter{}, r)
		assert.Equal(t, io.ErrShortWrite, err)
	}

	for _, read := range []func(io.Reader){
		func(r io.Reader) { _, _ = io.ReadFull(r, make([]byte, 10)) },
		func(r io.Reader) { _, _ = io.Copy(io.Discard, r) },
	} {
		panics := enumerator.ToReader(t.Context(), bytesOf("abc").AndThen(enumerator.Repeat(func() []byte { panic("boom") })))
		assert.PanicsWithValue(t, "boom", func() { read(panics) })
		got, err := io.ReadAll(panics)
		assert.EqualError(t, err, "enumerator: ToReader: the run panicked", "not io.EOF")
		assert.Empty(t, got)
		assert.NoError(t, panics.Close())
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errBoom }

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

// A waiting call is interrupted. The bubble fails if the call waits for ever.
func TestToReaderThatWaits(t *testing.T) {
	ctxEnd := errors.New("the context has ended")
	waits, _ := open(bytesOf("a").AndThen(enumerator.Map(silent(), func(int) []byte { return nil })))
	for name, read := range map[string]func(io.Reader) error{
		"Read":    func(r io.Reader) error { _, err := io.ReadAll(struct{ io.Reader }{r}); return err },
		"WriteTo": func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := enumerator.ToReader(t.Context(), waits)
				time.AfterFunc(time.Second, func() { assert.NoError(t, r.Close()) })
				assert.ErrorIs(t, read(r), fs.ErrClosed)

				ctx, cancel := context.WithCancelCause(t.Context())
				r = enumerator.ToReader(ctx, waits)
				time.AfterFunc(time.Second, func() { cancel(ctxEnd) })
				assert.ErrorIs(t, read(r), ctxEnd)
			})
		})
	}
}

func TestFromReadCloser(t *testing.T) {
	opened, closed := 0, 0
	from := func(r io.Reader, onClose error) enumerator.Enumerator[[]byte] {
		return enumerator.FromReadCloser(func(context.Context) (io.ReadCloser, error) {
			opened++
			return readCloser{r, func() error { closed++; return onClose }}, nil
		}, 2)
	}
	for _, c := range []struct {
		r        io.Reader
		onClose  error
		consumer iteratee.Iteratee[[]byte, []byte]
		want     []error
	}{
		{strings.NewReader("abcde"), nil, iteratee.Consume[byte](), nil},
		{strings.NewReader("abcde"), errBoom, iteratee.Consume[byte](), []error{errBoom}},
		{strings.NewReader("abcde"), nil, iteratee.Map(iteratee.Head[[]byte](), func(*[]byte) []byte { return nil }), nil},
		{iotest.ErrReader(io.ErrNoProgress), errBoom, iteratee.Consume[byte](), []error{errBoom, io.ErrNoProgress}},
	} {
		_, err := enumerator.Run(t.Context(), from(c.r, c.onClose), c.consumer)
		for _, want := range c.want {
			assert.ErrorIs(t, err, want)
		}
		assert.Equal(t, len(c.want) > 0, err != nil)
	}
	assert.PanicsWithValue(t, "boom", func() {
		_, _ = enumerator.Run(t.Context(), from(strings.NewReader("a"), nil), iteratee.Fold(0, func(int, []byte) int { panic("boom") }))
	})
	assert.Equal(t, 5, opened)
	assert.Equal(t, 5, closed)

	fails := enumerator.FromReadCloser(func(context.Context) (io.ReadCloser, error) { return nil, errBoom }, 1)
	_, err := seen(t.Context(), fails, 0)
	assert.Equal(t, errBoom, err)
	assert.PanicsWithValue(t, "enumerator: FromReadCloser: chunkSize must be positive, got 0", func() { enumerator.FromReadCloser(nil, 0) })
}

type readCloser struct {
	io.Reader
	close func() error
}

func (r readCloser) Close() error { return r.close() }
