package text_test

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestLines(t *testing.T) {
	for name, c := range map[string]struct{ in, want []string }{
		"nothing":                  {nil, nil},
		"nothing but empty chunks": {[]string{"", ""}, nil},
		"LF":                       {[]string{"a\nbc\n"}, []string{"a", "bc"}},
		"CR LF":                    {[]string{"a\r\nbc\r\n"}, []string{"a", "bc"}},
		"no line ending":           {[]string{"a\nbc"}, []string{"a", "bc"}},
		"empty lines":              {[]string{"\n\r\n\n", "\n"}, []string{"", "", "", ""}},
		"over chunks":              {[]string{"a", "b", "", "c\nd", "e", "\n", "f"}, []string{"abc", "de", "f"}},
		"CR and LF apart":          {[]string{"a\r", "\nb\r", "", "\n\r", "\n"}, []string{"a", "b", ""}},
		"CR alone":                 {[]string{"\ra\rb\r\r\n\r\rc\r", "d\n\r"}, []string{"\ra\rb\r", "\r\rc\rd", "\r"}},
		"CR at the end":            {[]string{"a\n", "b\r"}, []string{"a", "b\r"}},
		"not UTF-8":                {[]string{"\xFF\x00\n\x80"}, []string{"\xFF\x00", "\x80"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, rest, err := results(each[[]byte](c.in...), lines, -1)
			require.NoError(t, err)
			assert.Equal(t, each[[]byte](c.want...), got)
			assert.Empty(t, rest)
		})
	}
}

func TestLinesThatAreTooLong(t *testing.T) {
	for name, c := range map[string]struct {
		in     []string
		before []string
		offset int64 // -1: not too long
	}{
		"at the limit":            {[]string{"abc\nabc\r\nabc"}, []string{"abc", "abc", "abc"}, -1},
		"at the limit, in chunks": {[]string{"a", "bc", "\nab", "c\r", "", "\n", "abc"}, []string{"abc", "abc", "abc"}, -1},
		"by one":                  {[]string{"a\nabcd\nb"}, []string{"a"}, 2},
		"by one, over chunks":     {[]string{"a\r\nab", "cd\nb"}, []string{"a"}, 3},
		"before its line ending":  {[]string{"a\nab", "cd"}, []string{"a"}, 2},
		"at EOF, with CR":         {[]string{"a\n", "abc\r"}, []string{"a"}, 2},
		"by a CR that is data":    {[]string{"abc\r", "d"}, nil, 0},
		"by a CR, in a chunk":     {[]string{"abc\rd\n"}, nil, 0},
		"by two CR":               {[]string{"abc\r\r\n"}, nil, 0},
		"by two CR, over chunks":  {[]string{"abc\r", "\r\n"}, nil, 0},
		"in a chunk of many ends": {[]string{"a\n\n", "\n", "abcd\n\n"}, []string{"a", "", ""}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			got, rest, err := results(each[[]byte](c.in...), text.Lines(3), -1)
			assert.Equal(t, each[[]byte](c.before...), got, "the lines before are handed on")
			if c.offset < 0 {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, bufio.ErrTooLong)
			assert.Equal(t, &text.TooLongError{Offset: c.offset, Limit: 3}, err)
			assert.Equal(t, strings.Join(c.in, "")[c.offset:], rest)
		})
	}
	assert.EqualError(t, &text.TooLongError{Offset: 9, Limit: 3}, "enumeratee/text: line of more than 3 bytes, at byte 9")
	assert.PanicsWithValue(t, "enumeratee/text: Lines: limit must be positive, got 0", func() { text.Lines(0) })
	assert.PanicsWithValue(t, "enumeratee/text: Lines: limit must be positive, got -1", func() { text.Lines(-1) })
}

func TestALineThatIsTooLongIsFoundAtOnce(t *testing.T) {
	ctx, end := iteratee.NewRun(t.Context())
	defer end()
	consumer, _ := iteratee.Ignore[[]byte]().Start(ctx)
	sink, _ := text.Lines(3).Attach(enumeratee.NewStage(ctx), consumer)
	assert.True(t, sink.Next([]byte("abc")).IsCont())
	assert.True(t, sink.Next([]byte("\r")).IsCont(), "the CR may be a part of the line ending")
	assert.True(t, sink.Next(nil).IsCont())
	assert.ErrorIs(t, sink.Next([]byte("\r")).Err(), bufio.ErrTooLong)
	assert.ErrorIs(t, sink.Next([]byte("\n")).Err(), bufio.ErrTooLong)
}

func TestLinesArePartsOfTheChunk(t *testing.T) {
	chunk := []byte("one\ntwo\r\n\nthree\n")
	_, err := after([][]byte{chunk}, lines, iteratee.ForEach(func(_ context.Context, line []byte) error {
		assert.Equal(t, len(line), cap(line), "appending does not change what follows")
		for i := range line {
			line[i] -= 'a' - 'A'
		}
		return nil
	}))
	require.NoError(t, err)
	assert.Equal(t, "ONE\nTWO\r\n\nTHREE\n", string(chunk))
}

func TestALineOverChunksBelongsToTheConsumer(t *testing.T) {
	got, _, err := results(each[[]byte]("a", "b\nc", "d\ne", "f"), lines, -1)
	require.NoError(t, err)
	assert.Equal(t, each[[]byte]("ab", "cd", "ef"), got, "none is overwritten by the next")
	for _, line := range got {
		assert.Equal(t, len(line), cap(line))
	}
}

func TestNoAllocationPerLine(t *testing.T) {
	allocs := func(n int) float64 {
		chunk := []byte(strings.Repeat("some line\r\n", n))
		return testing.AllocsPerRun(10, func() {
			_, err := enumerator.Run(t.Context(), enumerator.Of(chunk), enumeratee.Transform(lines, iteratee.Ignore[[]byte]()))
			require.NoError(t, err)
		})
	}
	assert.Equal(t, allocs(100), allocs(10_000))
}

func TestLinesLeftovers(t *testing.T) {
	in := "one\ntwo\r\nthree\n\nfive"
	for name, c := range map[string]struct {
		k, n int // the consumer is done with the k-th line, of which it consumes n bytes
		want string
	}{
		"no part":               {1, 3, "\ntwo\r\nthree\n\nfive"},
		"a part, and its CR LF": {2, 1, "wo\r\nthree\n\nfive"},
		"a whole line":          {3, 0, "three\n\nfive"},
		"an empty line":         {4, 0, "\nfive"},
		"the last, without LF":  {5, 2, "ve"},
	} {
		for _, chunks := range [][][]byte{each[[]byte](in), singles[[]byte](in), cut[[]byte](in, []byte{4}), cut[[]byte](in, []byte{8, 0})} {
			rest, err := after(chunks, lines, leaving(c.k, c.n, butBytes[[]byte]))
			assert.NoError(t, err, name)
			assert.Equal(t, c.want, rest, name)
		}
	}

	// Several lines, and bytes that were not a line.
	two := iteratee.FlatMap(iteratee.TakeUpTo[[]byte](3), func(es [][]byte) iteratee.Iteratee[[]byte, struct{}] {
		return iteratee.Done(struct{}{}, iteratee.El(es[1]).Then(iteratee.El(es[2])))
	})
	rest, err := after(each[[]byte]("one\ntw", "o\r\nthree\r\nfour"), lines, two)
	assert.NoError(t, err)
	assert.Equal(t, "two\nthree\r\nfour", rest, "with LF, since the ending of the second line is forgotten")
	rest, err = after(each[[]byte]("one\r\ntwo"), lines, iteratee.FlatMap(iteratee.Head[[]byte](), func(*[]byte) iteratee.Iteratee[[]byte, struct{}] {
		return iteratee.Done(struct{}{}, iteratee.El([]byte("zero")))
	}))
	assert.NoError(t, err)
	assert.Equal(t, "zero\r\ntwo", rest)
}

func TestLinesOneByOne(t *testing.T) {
	// Each round attaches Lines again, to the leftovers of the round before.
	in := cut[[]byte]("one\ntwo\r\n\nfour\nfive", []byte{6})
	line := iteratee.Map(enumeratee.Transform(lines, iteratee.Head[[]byte]()), func(line *[]byte) string { return string(*line) })
	got, err := enumerator.Run(t.Context(), enumerator.FromSlice(in), iteratee.Repeat(line))
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two", "", "four", "five"}, got)
}

// linesOf splits s like Lines, with a bufio.Scanner. ends holds the offset after each line
// and its ending.
func linesOf(s string) (all [][]byte, ends []int) {
	scanner := bufio.NewScanner(strings.NewReader(s))
	scanner.Buffer(nil, len(s)+2)
	end := 0
	scanner.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, line, err := bufio.ScanLines(data, atEOF)
		if atEOF && n == len(data) && n > 0 && data[n-1] != '\n' {
			line = data // ScanLines drops a CR that no LF follows
		}
		return n, line, err
	})
	for scanner.Scan() {
		line := bytes.Clone(scanner.Bytes())
		end += len(line)
		for _, sep := range []string{"\n", "\r\n"} {
			if strings.HasPrefix(s[end:], sep) {
				end += len(sep)
				break
			}
		}
		all, ends = append(all, line), append(ends, end)
	}
	return all, ends
}

// checkLines checks Lines against a bufio.Scanner, for a consumer that stops at each line.
func checkLines(t require.TestingT, s string, limit int, sizes []byte) {
	in := cut[[]byte](s, sizes)
	all, ends := linesOf(s)
	end := 0 // of the lines before the first that is too long
	want, tooLong := [][]byte(nil), false
	for i, line := range all {
		if tooLong = len(line) > limit; tooLong {
			break
		}
		want, end = append(want, line), ends[i]
	}
	got, rest, err := results(in, text.Lines(limit), -1)
	assert.Equal(t, want, got)
	assert.Equal(t, s[end:], rest)
	if tooLong {
		assert.Equal(t, &text.TooLongError{Offset: int64(end), Limit: limit}, err)
	} else {
		assert.NoError(t, err)
	}
	for k := 1; k <= len(want); k++ {
		got, rest, err := results(in, text.Lines(limit), k)
		assert.NoError(t, err)
		assert.Equal(t, want[:k], got)
		assert.Equal(t, s[ends[k-1]:], rest)

		rest, err = after(in, text.Lines(limit), leaving(k, 1, butBytes[[]byte]))
		assert.NoError(t, err)
		start := 0
		if k > 1 {
			start = ends[k-2]
		}
		assert.Equal(t, s[start+min(1, len(want[k-1])):], rest)
	}
}

func TestLinesDoNotDependOnChunkBoundaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("ab\r\n")), 0, 30, -1).Draw(t, "text")
		checkLines(t, s, rapid.IntRange(1, 8).Draw(t, "limit"), cuts().Draw(t, "cuts"))
	})
}

func TestLinesOfReusedMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringMatching(`[ab\r\n]{0,30}`).Draw(t, "in")
		size := rapid.IntRange(1, 9).Draw(t, "size")
		lines := func(e enumerator.Enumerator[[]byte]) []string {
			e = enumerator.Through(e, text.Lines(100))
			got, err := enumerator.Run(t.Context(), enumerator.Map(e, func(line []byte) string { return string(line) }), iteratee.Collect[string]())
			require.NoError(t, err)
			return got
		}
		assert.Equal(t, lines(enumerator.FromReader(strings.NewReader(in), size)), lines(enumerator.FromReaderReuse(strings.NewReader(in), size)))
	})
}

func goOn(context.Context, *text.TooLongError, []byte) error { return nil }

// skipped is a line that LinesOrSkip has told about.
type skipped struct {
	offset    int64
	beginning string
	after     int // how many lines the consumer had got
}

func TestLinesOrSkip(t *testing.T) {
	for name, c := range map[string]struct {
		in      []string
		want    []string
		skipped []skipped
	}{
		"nothing":                {nil, nil, nil},
		"none is too long":       {[]string{"abc\nabc\r\n", "abc"}, []string{"abc", "abc", "abc"}, nil},
		"in a chunk":             {[]string{"a\nabcd\nb"}, []string{"a", "b"}, []skipped{{2, "abc", 1}}},
		"over chunks":            {[]string{"a\nab", "cd", "", "ef\nb\n"}, []string{"a", "b"}, []skipped{{2, "abc", 1}}},
		"its LF in a chunk":      {[]string{"abcd", "\n", "b\n"}, []string{"b"}, []skipped{{0, "abc", 0}}},
		"with CR LF":             {[]string{"abcd\r", "\nb\r\n"}, []string{"b"}, []skipped{{0, "abc", 0}}},
		"by a CR that is data":   {[]string{"abc\r", "d\nb"}, []string{"b"}, []skipped{{0, "abc", 0}}},
		"at EOF":                 {[]string{"a\nabcd"}, []string{"a"}, []skipped{{2, "abc", 1}}},
		"at EOF, with CR":        {[]string{"a\nabc\r"}, []string{"a"}, []skipped{{2, "abc", 1}}},
		"several in a row":       {[]string{"abcd\nefgh\n\nijkl"}, []string{""}, []skipped{{0, "abc", 0}, {5, "efg", 0}, {11, "ijk", 1}}},
		"several, over chunks":   {[]string{"abcd", "e\nfg", "hi\nj\nkl", "mn"}, []string{"j"}, []skipped{{0, "abc", 0}, {6, "fgh", 0}, {13, "klm", 1}}},
		"much longer than limit": {[]string{strings.Repeat("x", 1000), strings.Repeat("y", 1000) + "\nb"}, []string{"b"}, []skipped{{0, "xxx", 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			var told []skipped
			rest, err := after(each[[]byte](c.in...), text.LinesOrSkip(3, func(ctx context.Context, err *text.TooLongError, beginning []byte) error {
				assert.NoError(t, ctx.Err())
				assert.Equal(t, 3, err.Limit)
				assert.Equal(t, len(beginning), cap(beginning), "appending does not change what follows")
				told = append(told, skipped{err.Offset, string(beginning), len(lines)})
				return nil
			}), iteratee.ForEach(func(_ context.Context, line []byte) error { lines = append(lines, string(line)); return nil }))
			assert.NoError(t, err)
			assert.Empty(t, rest)
			assert.Equal(t, c.want, lines)
			assert.Equal(t, c.skipped, told)
		})
	}
	assert.PanicsWithValue(t, "enumeratee/text: LinesOrSkip: limit must be positive, got 0", func() { text.LinesOrSkip(0, goOn) })
}

func TestLinesOrSkipThatGivesUp(t *testing.T) {
	calls := 0
	second := text.LinesOrSkip(3, func(context.Context, *text.TooLongError, []byte) error {
		if calls++; calls == 2 {
			return errBoom
		}
		return nil
	})
	got, rest, err := results(each[[]byte]("a\nabcd\nb\nefg", "hi\nc"), second, -1)
	assert.Equal(t, errBoom, err)
	assert.Equal(t, each[[]byte]("a", "b"), got)
	assert.Equal(t, "efghi\nc", rest)
	assert.Equal(t, 2, calls, "it is not called after its error")

	ctx, cancel := context.WithCancel(t.Context())
	_, err = enumerator.Run(ctx, enumerator.Of([]byte("abcd\nefgh\nabc\n")), enumeratee.Transform(
		text.LinesOrSkip(3, func(context.Context, *text.TooLongError, []byte) error { calls++; cancel(); return nil }), iteratee.Ignore[[]byte]()))
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 3, calls, "it is not called once the context has ended")
}

// A line without end is not kept.
func TestASkippedLineTakesNoMemory(t *testing.T) {
	allocs := func(n int) float64 {
		chunk := bytes.Repeat([]byte("x"), 1000)
		source := enumerator.Through(enumerator.Repeat(func() []byte { return chunk }), enumeratee.Take[[]byte](n))
		return testing.AllocsPerRun(10, func() {
			_, err := enumerator.Run(t.Context(), source, enumeratee.Transform(text.LinesOrSkip(3, goOn), iteratee.Ignore[[]byte]()))
			require.NoError(t, err)
		})
	}
	assert.Equal(t, allocs(100), allocs(1000))
}

// checkSkips checks LinesOrSkip against a bufio.Scanner, for a consumer that stops at each line.
func checkSkips(t require.TestingT, s string, limit int, sizes []byte) {
	in := cut[[]byte](s, sizes)
	all, ends := linesOf(s)
	var want [][]byte
	var told []skipped
	var wantEnds []int
	begin := 0
	for i, line := range all {
		if len(line) > limit {
			told = append(told, skipped{int64(begin), string(line[:limit]), len(want)})
		} else {
			want, wantEnds = append(want, line), append(wantEnds, ends[i])
		}
		begin = ends[i]
	}
	var gotTold []skipped
	lines := 0
	adapter := enumeratee.Compose(text.LinesOrSkip(limit, func(_ context.Context, err *text.TooLongError, beginning []byte) error {
		gotTold = append(gotTold, skipped{err.Offset, string(beginning), lines})
		return nil
	}), enumeratee.Tap(func([]byte) { lines++ }, func(error) {}))
	got, rest, err := results(in, adapter, -1)
	assert.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, told, gotTold)
	assert.Empty(t, rest)
	for k := 1; k <= len(want); k++ {
		got, rest, err := results(in, text.LinesOrSkip(limit, goOn), k)
		assert.NoError(t, err)
		assert.Equal(t, want[:k], got)
		assert.Equal(t, s[wantEnds[k-1]:], rest)
	}
}

func TestSkipsDoNotDependOnChunkBoundaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("ab\r\n")), 0, 30, -1).Draw(t, "text")
		checkSkips(t, s, rapid.IntRange(1, 5).Draw(t, "limit"), cuts().Draw(t, "cuts"))
	})
}

func FuzzLinesOrSkip(f *testing.F) {
	fuzz(f, checkSkips)
}

func FuzzLines(f *testing.F) {
	fuzz(f, checkLines)
}

// fuzz calls check with texts, limits of a line, and the sizes of chunks.
func fuzz(f *testing.F, check func(t require.TestingT, s string, limit int, sizes []byte)) {
	for _, limit := range []uint8{1, 3, 4, 9} {
		f.Add([]byte("one\ntwo\r\n\nthree\r"), limit, []byte{1})
		f.Add([]byte("a\r\r\nbcdef\r"), limit, []byte{2, 0, 3})
	}
	f.Fuzz(func(t *testing.T, in []byte, limit uint8, sizes []byte) {
		if len(in) < 100 {
			check(t, string(in), int(limit)+1, sizes)
		}
	})
}
