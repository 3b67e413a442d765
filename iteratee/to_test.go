package iteratee_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestToChan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int)
		send := iteratee.ToChan(ch)
		go func() {
			defer close(ch)
			for range 2 {
				_, err := enumerator.Run(t.Context(), enumerator.Of(1, 2, 3), send)
				assert.NoError(t, err)
			}
		}()
		var got []int
		for e := range ch {
			got = append(got, e)
		}
		assert.Equal(t, []int{1, 2, 3, 1, 2, 3}, got)

		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errBoom) })
		full := make(chan int, 2)
		_, err := enumerator.Run(ctx, enumerator.Of(1, 2, 3), iteratee.ToChan(full))
		assert.Equal(t, errBoom, err, "while it waits")
		assert.Len(t, full, 2)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestToWriter(t *testing.T) {
	chunks := enumerator.Of([]byte("ab"), nil, []byte("cde"))
	var buf bytes.Buffer
	consumer := iteratee.ToWriter(&buf)
	for range 2 {
		n, err := enumerator.Run(t.Context(), chunks, consumer)
		require.NoError(t, err)
		assert.EqualValues(t, 5, n)
	}
	assert.Equal(t, "abcdeabcde", buf.String())
	n, err := enumerator.Run(t.Context(), enumerator.Empty[[]byte](), consumer)
	require.NoError(t, err)
	assert.Zero(t, n)

	writes := 0
	for want, write := range map[error]writerFunc{
		errBoom:          func(p []byte) (int, error) { writes++; return len(p), errBoom },
		io.ErrShortWrite: func(p []byte) (int, error) { writes++; return len(p) - 1, nil },
	} {
		_, err := enumerator.Run(t.Context(), chunks, iteratee.ToWriter(write))
		assert.Equal(t, want, err)
	}
	assert.Equal(t, 2, writes, "nothing is written after an error")
}

func TestToWriterIsInterrupted(t *testing.T) {
	ctxEnd := errors.New("the context has ended")
	endless := enumerator.Repeat(func() []byte { return make([]byte, 1<<20) })
	for name, pair := range map[string]func() (io.ReadCloser, io.WriteCloser){
		"net.Pipe": func() (io.ReadCloser, io.WriteCloser) { return net.Pipe() },
		"os.Pipe": func() (io.ReadCloser, io.WriteCloser) {
			r, w, err := os.Pipe()
			require.NoError(t, err)
			return r, w
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := pair()
			defer r.Close()
			defer w.Close()
			ctx, cancel := context.WithCancelCause(t.Context())
			writes := iteratee.ToWriter(w)
			go func() {
				_, _ = io.ReadFull(r, make([]byte, 100)) // then it reads no more
				cancel(ctxEnd)
			}()
			_, err := enumerator.Run(ctx, endless, writes)
			assert.Equal(t, ctxEnd, err)

			go func() { _, _ = io.Copy(io.Discard, r) }()
			_, err = enumerator.Run(t.Context(), enumerator.Of([]byte("more")), writes)
			assert.NoError(t, err, "there is no deadline left")
		})
	}
}
