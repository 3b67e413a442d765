package enumerator_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestFromWriter(t *testing.T) {
	write := func(err error, all ...string) enumerator.Enumerator[[]byte] {
		return enumerator.FromWriter(func(w io.Writer) error {
			for _, s := range all {
				n, err := io.WriteString(w, s)
				assert.NoError(t, err)
				assert.Equal(t, len(s), n)
			}
			return err
		})
	}
	for name, c := range map[string]struct {
		e    enumerator.Enumerator[[]byte]
		want []string
		err  error
	}{
		"two writes":          {write(nil, "FOO", "bar"), []string{"FOO", "bar"}, nil},
		"single bytes":        {write(nil, "a", "b"), []string{"a", "b"}, nil},
		"none":                {write(nil), nil, nil},
		"an empty one":        {write(nil, "a", "", "b"), []string{"a", "b"}, nil},
		"write fails":         {write(errBoom, "a").AndThen(write(nil, "b")), []string{"a"}, errBoom},
		"write fails at once": {write(errBoom), nil, errBoom},
		"another follows":     {write(nil, "a").AndThen(write(nil, "b")), []string{"a", "b"}, nil},
		"io.EOF is a failure": {write(io.EOF, "a"), []string{"a"}, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				got, err := seen(t.Context(), c.e, 0)
				assert.ErrorIs(t, err, c.err)
				assert.Equal(t, c.want, texts(got))
			}
		})
	}
	joined, err := enumerator.Run(t.Context(), write(nil, "FOO", "bar"), iteratee.Consume[byte]())
	require.NoError(t, err)
	assert.Equal(t, "FOObar", string(joined))
}

func TestFromWriterCopiesWhatIsWritten(t *testing.T) {
	e := enumerator.FromWriter(func(w io.Writer) error {
		buf := make([]byte, 3)
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader([]byte("abcdefgh"))}, buf)
		clear(buf)
		return err
	})
	assert.Equal(t, []string{"abc", "def", "gh"}, texts(collect(t, e)))
}

func TestFromWriterTellsHowTheConsumerEnded(t *testing.T) {
	for name, c := range map[string]struct {
		consumer iteratee.Iteratee[[]byte, int]
		told     error
		result   error
	}{
		"done": {iteratee.FoldUntil(0, func(_ context.Context, n int, _ []byte) (int, bool, error) { return n + 1, n == 1, nil }), enumerator.ErrStopped, nil},
		"failed": {iteratee.FoldM(0, func(_ context.Context, n int, _ []byte) (int, error) {
			if n == 1 {
				return n, errBoom
			}
			return n + 1, nil
		}), errBoom, errBoom},
		"behind an adapter that stopped": {enumeratee.Transform(enumeratee.Take[[]byte](2), iteratee.Fold(0, func(n int, _ []byte) int { return n + 1 })), enumerator.ErrStopped, nil},
	} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			var answers []error
			e := enumerator.FromWriter(func(w io.Writer) error {
				runs++
				for range 4 {
					n, err := io.WriteString(w, "x")
					assert.Equal(t, err == nil, n == 1)
					answers = append(answers, err)
				}
				return io.ErrClosedPipe // is ignored
			})
			n, err := enumerator.Run(t.Context(), e, c.consumer)
			assert.ErrorIs(t, err, c.result)
			assert.NotErrorIs(t, err, io.ErrClosedPipe)
			if c.result == nil {
				assert.Equal(t, 2, n)
			}
			assert.Equal(t, []error{nil, nil, c.told, c.told}, answers)
			assert.Equal(t, 1, runs)
		})
	}
}

func TestFromWriterIsNeverAhead(t *testing.T) {
	written := 0
	e := enumerator.FromWriter(func(w io.Writer) error {
		for range 3 {
			written++
			if _, err := io.WriteString(w, "x"); err != nil {
				return err
			}
		}
		return nil
	})
	n, err := enumerator.Run(t.Context(), e, iteratee.Fold(0, func(n int, _ []byte) int {
		assert.Equal(t, n+1, written)
		return n + 1
	}))
	require.NoError(t, err)
	assert.Equal(t, 3, n)
	assert.PanicsWithValue(t, "boom", func() {
		_, _ = seen(t.Context(), enumerator.FromWriter(func(io.Writer) error { panic("boom") }), 0)
	})
}
