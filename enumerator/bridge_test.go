package enumerator_test

import (
	"bufio"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
)

func TestFromSeq2(t *testing.T) {
	left := 0
	seq := func(yield func(int, error) bool) {
		defer func() { left++ }()
		for e := 1; yield(e, nil); e++ {
			if e == 3 {
				yield(9, errBoom)
				return
			}
		}
	}
	e := enumerator.FromSeq2(iter.Seq2[int, error](seq))
	for range 2 {
		got, err := seen(t.Context(), e, 0)
		assert.Equal(t, errBoom, err)
		assert.Equal(t, []int{1, 2, 3}, got)
	}
	got, err := seen(t.Context(), e, 2)
	assert.NoError(t, err)
	assert.Equal(t, []int{1, 2}, got)
	assert.Equal(t, 3, left, "each loop is left")

	back := enumerator.FromSeq2(enumerator.All(t.Context(), failing()))
	got, err = seen(t.Context(), back, 0)
	assert.Equal(t, errBoom, err)
	assert.Equal(t, []int{1}, got)
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
