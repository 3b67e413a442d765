package ndjson_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type adapter = enumeratee.Enumeratee[[]byte, any]

var errBoom = errors.New("boom")

func chunksOf(parts ...string) (in [][]byte) {
	for _, part := range parts {
		in = append(in, []byte(part))
	}
	return in
}

// decoded returns the elements that t makes of in, and the error.
func decoded[E any](t enumeratee.Enumeratee[[]byte, E], in ...string) (got []E, err error) {
	_, err = enumerator.Run(context.Background(), enumerator.Through(enumerator.FromSlice(chunksOf(in...)), t), iteratee.ForEach(func(_ context.Context, e E) error {
		got = append(got, e)
		return nil
	}))
	return got, err
}

// cuts returns all ways to cut s in two, and s cut into single bytes.
func cuts(s string) (all [][]string) {
	for i := range len(s) + 1 {
		all = append(all, []string{s[:i], s[i:]})
	}
	return append(all, strings.Split(s, ""))
}

type point struct {
	X, Y int
	Note string `json:",omitempty"`
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []any
	}{
		"nothing":      {"", nil},
		"values":       {"1\n\"a\"\ntrue\nnull\n[1]\n{\"a\":1}\n", []any{1.0, "a", true, nil, []any{1.0}, map[string]any{"a": 1.0}}},
		"no LF":        {"1\n2", []any{1.0, 2.0}},
		"CR LF":        {"1\r\n2\r\n", []any{1.0, 2.0}},
		"blank lines":  {"\n \t\r\n1\n\n\r\n2\n  ", []any{1.0, 2.0}},
		"white space":  {" 1 \n\t2\t\n", []any{1.0, 2.0}},
		"separators":   {"\"\u2028\u2029\u0085\"\n1", []any{"\u2028\u2029\u0085", 1.0}},
		"at the limit": {"\"345678\"\n\"345678\"\r\n\"345678\"", []any{"345678", "345678", "345678"}},
	} {
		for _, in := range cuts(c.in) {
			limit := 100
			if name == "at the limit" {
				limit = 8
			}
			got, err := decoded(ndjson.Decode[any](limit), in...)
			require.NoError(t, err, name)
			assert.Equal(t, c.want, got, "%s, %q", name, in)
		}
	}
}

func TestDecodeIntoStructs(t *testing.T) {
	type item struct {
		A []int
		M map[string]int
		P *int
	}
	got, err := decoded(ndjson.Decode[item](100), `{"A":[1,2],"M":{"a":1},"P":1}`, "\n", `{"A":[3],"M":{"b":2}}`, "\n{}\n", `{"A":[4,5]}`)
	require.NoError(t, err)
	one := 1
	assert.Equal(t, []item{{[]int{1, 2}, map[string]int{"a": 1}, &one}, {A: []int{3}, M: map[string]int{"b": 2}}, {}, {A: []int{4, 5}}}, got,
		"values share nothing")
	raw, err := decoded(ndjson.Decode[json.RawMessage](100), "{ }\n[ 1 ]\n")
	require.NoError(t, err)
	assert.Equal(t, []json.RawMessage{[]byte("{ }"), []byte("[ 1 ]")}, raw)
}

func TestDecodeErrors(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		before int
		want   ndjson.Error
	}{
		"the first":          {"x\n1\n", 0, ndjson.Error{Record: 1, Offset: 0}},
		"the third":          {"1\n2\nx\n", 2, ndjson.Error{Record: 3, Offset: 4}},
		"after blank lines":  {"1\r\n\n\r\n x\n", 1, ndjson.Error{Record: 4, Offset: 6}},
		"without LF":         {"1\n[", 1, ndjson.Error{Record: 2, Offset: 2}},
		"two values":         {"1\n2 3\n", 1, ndjson.Error{Record: 2, Offset: 2}},
		"too long":           {"1\n2\n\"567890\"\n", 2, ndjson.Error{Record: 3, Offset: 4, Err: bufio.ErrTooLong}},
		"too long, no LF":    {"1\n2\n\"567890\"", 2, ndjson.Error{Record: 3, Offset: 4, Err: bufio.ErrTooLong}},
		"too long, at first": {"\"567890\"\n", 0, ndjson.Error{Record: 1, Offset: 0, Err: bufio.ErrTooLong}},
		"not UTF-8":          {"1\n\"\xFF\"\n", 1, ndjson.Error{Record: 2, Offset: 2}},
		"a separator":        {"1\n\x1E2\n", 1, ndjson.Error{Record: 2, Offset: 2}},
	} {
		for _, in := range cuts(c.in) {
			got, err := decoded(ndjson.Decode[any](7), in...)
			assert.Len(t, got, c.before, "%s, %q", name, in)
			var where *ndjson.Error
			if assert.ErrorAs(t, err, &where, "%s, %q", name, in) {
				assert.Equal(t, c.want.Record, where.Record, "%s, %q", name, in)
				assert.Equal(t, c.want.Offset, where.Offset, "%s, %q", name, in)
			}
			if c.want.Err != nil {
				assert.ErrorIs(t, err, c.want.Err)
			}
		}
	}
	_, err := decoded(ndjson.Decode[any](100), "1\n", "nil\n")
	assert.EqualError(t, err, "enumeratee/ndjson: record 2, at byte 2: invalid character 'i' in literal null (expecting 'u')")
	var syntax *json.SyntaxError
	assert.ErrorAs(t, err, &syntax)

	_, err = decoded(ndjson.Decode[int](100), "1\n\"a\"\n")
	var wrongType *json.UnmarshalTypeError
	assert.ErrorAs(t, err, &wrongType)

	assert.PanicsWithValue(t, "enumeratee/ndjson: Decode: limit must be positive, got 0", func() { ndjson.Decode[int](0) })
	assert.PanicsWithValue(t, "enumeratee/ndjson: DecodeSeq: limit must be positive, got -1", func() { ndjson.DecodeSeq[int](-1, nil) })
}

// after returns the input that is left over when a consumer has taken n values. If back is set, the
// consumer leaves the last over.
func after(t *testing.T, tr adapter, in []string, n int, back bool) string {
	take := iteratee.FlatMap(iteratee.TakeUpTo[any](n), func(es []any) iteratee.Iteratee[any, none] {
		rest := iteratee.Empty[any]()
		if back && len(es) > 0 {
			rest = iteratee.El(es[len(es)-1])
		}
		return iteratee.Done(none{}, rest)
	})
	rest, err := enumerator.Run(t.Context(), enumerator.FromSlice(chunksOf(in...)), iteratee.FlatMap(enumeratee.Transform(tr, take), func(none) iteratee.Iteratee[[]byte, []byte] {
		return iteratee.Consume[byte]()
	}))
	require.NoError(t, err)
	return string(rest)
}

type none = struct{}

func TestLeftovers(t *testing.T) {
	lines, seq := "1\n\n2\n3", "\x1E1\n\x1E\x1E{\n}\n\x1E[3]"
	for _, in := range cuts(lines) {
		d := ndjson.Decode[any](10)
		for n, want := range []string{lines, "\n2\n3", "3", ""} {
			assert.Equal(t, want, after(t, d, in, n, false), "%q", in)
		}
		assert.Equal(t, "1\n\n2\n3", after(t, d, in, 1, true), "%q", in)
		assert.Equal(t, "2\n3", after(t, d, in, 2, true), "%q", in)
	}
	for _, in := range cuts(seq) {
		d := ndjson.DecodeSeq[any](10, nil)
		for n, want := range []string{seq, seq[3:], seq[9:], ""} {
			assert.Equal(t, want, after(t, d, in, n, false), "%d, %q", n, in)
		}
		assert.Equal(t, seq, after(t, d, in, 1, true))
		assert.Equal(t, "\x1E{\n}\n\x1E[3]", after(t, d, in, 2, true), "%q", in)
	}
	assert.Equal(t, "\x1E3", after(t, ndjson.DecodeSeq[any](10, nil), []string{"\x1E[2]\x1E3"}, 1, false), "a record without LF")
}

func TestDecodeSeq(t *testing.T) {
	for name, c := range map[string]struct {
		in    string
		want  []any
		wrong []string // the errors with which invalid is called
	}{
		"nothing":            {"", nil, nil},
		"values":             {"\x1E1\n\x1E\"a\"\n\x1Etrue\n\x1Enull\n\x1E[1]\n\x1E{\"a\":1}\n", []any{1.0, "a", true, nil, []any{1.0}, map[string]any{"a": 1.0}}, nil},
		"many separators":    {"\x1E\x1E\x1E1\n\x1E \n\x1E2\n\x1E", []any{1.0, 2.0}, nil},
		"over lines":         {"\x1E{\n\"a\":\n1\n}\n\x1E[\n]\n", []any{map[string]any{"a": 1.0}, []any{}}, nil},
		"no LF":              {"\x1E[1]\x1E{}\x1E\"a\"", []any{[]any{1.0}, map[string]any{}, "a"}, nil},
		"white space":        {"\x1E 1 \x1E\r\n\t2\r\n\x1E3\t", []any{1.0, 2.0, 3.0}, nil},
		"strings":            {"\x1E\"{[\\\"\\\\\"\n\x1E{\"}\":\"]\"}\n", []any{"{[\"\\", map[string]any{"}": "]"}}, nil},
		"a number cut off":   {"\x1E123\x1E4\n\x1E5", []any{4.0}, []string{"1 1 value that may have been cut off: unexpected EOF", "3 8 value that may have been cut off: unexpected EOF"}},
		"true, false, null":  {"\x1Etrue\x1Efalse\x1Enull\x1E\"a\"", []any{"a"}, []string{"1 1 value that may have been cut off: unexpected EOF", "2 6 value that may have been cut off: unexpected EOF", "3 12 value that may have been cut off: unexpected EOF"}},
		"an object cut off":  {"\x1E1\n\x1E{\"a\":\x1E2\n", []any{1.0, 2.0}, []string{"2 4 unexpected end of JSON input"}},
		"cut off after LF":   {"\x1E[1,\n\x1E2\n", []any{2.0}, []string{"1 1 unexpected end of JSON input"}},
		"at the end":         {"\x1E1\n\x1E[", []any{1.0}, []string{"2 4 unexpected end of JSON input"}},
		"not UTF-8":          {"\x1E\"\xFF\"\n\x1E1\n", []any{1.0}, []string{"1 1 not UTF-8"}},
		"not JSON":           {"\x1Etruefalse\n\x1E1\n", []any{1.0}, []string{"1 1 invalid character 'f' after top-level value"}},
		"too many brackets":  {"\x1E{}}\n{\n\x1E1\n", []any{1.0}, []string{"1 1 invalid character '}' after top-level value"}},
		"two values":         {"\x1E1 2\n\x1E3\n", []any{3.0}, []string{"1 1 invalid character '2' after top-level value"}},
		"two lines":          {"\x1E1\n 2\n\x1E3\n", []any{1.0, 3.0}, []string{"1 4 text outside a record"}},
		"before the first":   {" \n{}\n1\n\x1E3\n", []any{3.0}, []string{"0 2 text outside a record"}},
		"too long":           {"\x1E1\n\x1E\"3456789012\"\n\x1E[1,\n2]\n\x1E2\n", []any{1.0, []any{1.0, 2.0}, 2.0}, []string{"2 4 more than 10 bytes: bufio.Scanner: token too long"}},
		"cut off, too long":  {"\x1E[          \x1E2\n", []any{2.0}, []string{"1 1 more than 10 bytes: bufio.Scanner: token too long"}},
		"too long and blank": {"\x1E          \n\x1E2\n", []any{2.0}, []string{"1 1 more than 10 bytes: bufio.Scanner: token too long"}},
	} {
		for _, in := range cuts(c.in) {
			var wrong []string
			got, err := decoded(ndjson.DecodeSeq[any](10, func(err error) error {
				var where *ndjson.Error
				require.ErrorAs(t, err, &where)
				wrong = append(wrong, fmt.Sprintf("%d %d %v", where.Record, where.Offset, where.Err))
				return nil
			}), in...)
			require.NoError(t, err)
			assert.Equal(t, c.want, got, "%s, %q", name, in)
			assert.Equal(t, c.wrong, wrong, "%s, %q", name, in)

			got, err = decoded(ndjson.DecodeSeq[any](10, nil), in...)
			assert.Equal(t, len(c.wrong) > 0, err != nil, "%s, %q", name, in)
			assert.True(t, len(got) <= len(c.want) && (len(got) == 0 || assert.ObjectsAreEqual(c.want[:len(got)], got)), "%s, %q", name, in)
		}
	}
	_, err := decoded(ndjson.DecodeSeq[any](10, func(error) error { return errBoom }), "\x1E1\x1E2\n")
	assert.Equal(t, errBoom, err)
	_, err = decoded(ndjson.DecodeSeq[any](10, nil), "\x1E1\x1E2\n")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = decoded(ndjson.DecodeSeq[any](10, nil), "\x1E12345678901\x1E2\n")
	assert.ErrorIs(t, err, bufio.ErrTooLong)
}

// A value is handed on when its line has ended, not when the next record begins.
func TestDecodeSeqDoesNotWait(t *testing.T) {
	var got []any
	e := enumerator.Generate(func(context.Context) ([]byte, bool, error) {
		n := len(got) + 1
		return fmt.Appendf(nil, "\x1E[%d]\n", n), n <= 3, nil
	})
	_, err := enumerator.Run(t.Context(), enumerator.Through(e, ndjson.DecodeSeq[any](10, nil)), iteratee.ForEach(func(_ context.Context, e any) error {
		got = append(got, e)
		return nil
	}))
	require.NoError(t, err)
	assert.Len(t, got, 3)
}

func encoded[E any](t enumeratee.Enumeratee[E, []byte], in ...E) (chunks []string, err error) {
	_, err = enumerator.Run(context.Background(), enumerator.Through(enumerator.FromSlice(in), t), iteratee.ForEach(func(_ context.Context, chunk []byte) error {
		chunks = append(chunks, string(chunk))
		return nil
	}))
	return chunks, err
}

type shouts struct{ S string }

func (s *shouts) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(s.S)), nil }

func TestEncode(t *testing.T) {
	got, err := encoded[any](ndjson.Encode[any](), 1, "a\nb", nil, []int{1}, map[string]any{"b": "<&>", "a": "\u2028"}, json.RawMessage("{\n\"a\" : 1\n}\n"))
	require.NoError(t, err)
	want := []string{"1\n", "\"a\\nb\"\n", "null\n", "[1]\n", "{\"a\":\"\\u2028\",\"b\":\"<&>\"}\n", "{\"a\":1}\n"}
	assert.Equal(t, want, got)
	got, err = encoded[any](ndjson.EncodeSeq[any](), 1, json.RawMessage("[\n]"))
	require.NoError(t, err)
	assert.Equal(t, []string{"\x1E1\n", "\x1E[]\n"}, got)

	got, err = encoded(ndjson.Encode[shouts](), shouts{"a"}, shouts{"b"})
	require.NoError(t, err)
	assert.Equal(t, []string{"\"A\"\n", "\"B\"\n"}, got, "a method with a pointer receiver counts")

	got, err = encoded(ndjson.Encode[float64](), 1, math.NaN(), 2)
	assert.EqualError(t, err, "enumeratee/ndjson: Encode: json: unsupported value: NaN")
	assert.Equal(t, []string{"1\n"}, got)
	_, err = encoded(ndjson.EncodeSeq[any](), any(make(chan int)))
	assert.EqualError(t, err, "enumeratee/ndjson: EncodeSeq: json: unsupported type: chan int")
}

// Decode reads the output of Encode, even if a method returns bytes that are not UTF-8.
func TestEncodeWritesUTF8(t *testing.T) {
	bad := []any{"\xff", json.RawMessage("\"\xff\xfe\xe2\x80\""), map[string]any{"\xff": json.RawMessage("[\"\xc3\"]")}}
	got, err := encoded(ndjson.Encode[any](), bad...)
	require.NoError(t, err)
	assert.True(t, utf8.ValidString(strings.Join(got, "")))
	values, err := decoded(ndjson.Decode[any](100), got...)
	require.NoError(t, err)
	assert.Equal(t, []any{"\ufffd", "\ufffd\ufffd\ufffd\ufffd", map[string]any{"\ufffd": []any{"\ufffd"}}}, values)
	got, err = encoded(ndjson.EncodeSeq[any](), bad...)
	require.NoError(t, err)
	values, err = decoded(ndjson.DecodeSeq[any](100, nil), got...)
	require.NoError(t, err)
	assert.Len(t, values, len(bad))
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) point {
			return point{rapid.Int().Draw(t, "x"), rapid.Int().Draw(t, "y"), rapid.String().Draw(t, "note")}
		}), 0, 5).Draw(t, "in")
		size := rapid.IntRange(1, 20).Draw(t, "size")
		for name, c := range map[string]struct {
			encode enumeratee.Enumeratee[point, []byte]
			decode enumeratee.Enumeratee[[]byte, point]
		}{
			"lines":    {ndjson.Encode[point](), ndjson.Decode[point](1000)},
			"sequence": {ndjson.EncodeSeq[point](), ndjson.DecodeSeq[point](1000, nil)},
		} {
			chunks, err := encoded(c.encode, in...)
			require.NoError(t, err)
			all := []byte(strings.Join(chunks, ""))
			var cut []string
			for chunk := range slices.Chunk(all, size) {
				cut = append(cut, string(chunk))
			}
			got, err := decoded(c.decode, cut...)
			require.NoError(t, err, name)
			assert.Equal(t, len(in), len(got))
			for i := range got {
				assert.Equal(t, in[i], got[i])
			}
		}
	})
}

func TestAdaptersKeepTheLaws(t *testing.T) {
	for _, in := range [][][]byte{
		nil,
		chunksOf("1\n2\n", "3"),
		chunksOf("1", "\n\n[", "2]\n3\n", "", "x\n4"),
		chunksOf("\x1E1\n\x1E", "2\n\x1E[", "\n]\n", "\x1E4"),
	} {
		assert.NoError(t, enumerateetest.Test(ndjson.Decode[any](10), in))
		assert.NoError(t, enumerateetest.Test(ndjson.WholeLines(10), in))
		assert.NoError(t, enumerateetest.Test(ndjson.DecodeSeq[any](10, nil), in))
		assert.NoError(t, enumerateetest.Test(ndjson.DecodeSeq[any](1, func(error) error { return nil }), in))
	}
	for _, in := range [][]any{nil, {1, "a"}, {1, make(chan int), 2}} {
		assert.NoError(t, enumerateetest.TestRest(ndjson.Encode[any](), in))
		assert.NoError(t, enumerateetest.TestRest(ndjson.EncodeSeq[any](), in))
	}
	probe.Listed(t, "Enumeratee", []string{"Encode", "EncodeSeq", "Decode", "DecodeSeq", "WholeLines"}, "test it here")
}

func TestChunksBelongToTheConsumer(t *testing.T) {
	chunks := enumerator.Through(enumerator.Of("aaa", "b"), ndjson.Encode[string]())
	got, err := enumerator.Run(t.Context(), chunks, iteratee.Collect[[]byte]())
	require.NoError(t, err)
	assert.Equal(t, chunksOf("\"aaa\"\n", "\"b\"\n"), got, "no chunk is overwritten by the next")
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"1\n2\n", "\n\n{\"a\":[1]}\r\n", "[", "\"\xFF\"\n", "1000000000\r", "1000000000\r\n"} {
		f.Add([]byte(s), []byte{1, 0, 3})
	}
	f.Fuzz(func(t *testing.T, in, sizes []byte) {
		const limit = 10
		got, err := decoded(ndjson.Decode[any](limit), cut(in, sizes)...)
		var want []any
		failed := false
		for line := range bytes.Lines(in) {
			line, ended := bytes.CutSuffix(line, []byte("\n"))
			if ended { // a CR without LF is data
				line = bytes.TrimSuffix(line, []byte("\r"))
			}
			var e any
			if len(line) <= limit && len(bytes.Trim(line, " \t\r")) == 0 {
				continue
			}
			if failed = len(line) > limit || !utf8.Valid(line) || json.Unmarshal(line, &e) != nil; failed {
				break
			}
			want = append(want, e)
		}
		assert.Equal(t, want, got)
		assert.Equal(t, failed, err != nil, "%v", err)
	})
}

func FuzzDecodeSeq(f *testing.F) {
	for _, s := range []string{"\x1E1\n\x1E2\n", "\x1E\x1E{\"a\":\n[1]}\n", "\x1E1\x1Etrue\x1E[", "1\n\x1E\"\xFF\\\"\"\n2"} {
		f.Add([]byte(s), []byte{1, 0, 3})
	}
	f.Fuzz(func(t *testing.T, in, sizes []byte) {
		run := func(chunks ...string) (got []any, wrong []string, err error) {
			got, err = decoded(ndjson.DecodeSeq[any](10, func(err error) error {
				wrong = append(wrong, err.Error())
				return nil
			}), chunks...)
			return got, wrong, err
		}
		want, wantWrong, err := run(string(in))
		require.NoError(t, err)
		got, wrong, err := run(cut(in, sizes)...)
		require.NoError(t, err)
		assert.Equal(t, want, got, "the boundaries of chunks do not matter")
		assert.Equal(t, wantWrong, wrong)

		// All values that a parser of whole records accepts are handed on.
		all := 0
		for i, text := range bytes.Split(in, []byte{0x1E}) {
			var e any
			if value := bytes.TrimLeft(text, " \t\r\n"); i > 0 && len(text) <= 10 && len(value) > 0 && utf8.Valid(text) && json.Unmarshal(text, &e) == nil &&
				(bytes.ContainsRune([]byte("{[\""), rune(value[0])) || len(bytes.TrimRight(text, " \t\r\n")) < len(text)) {
				assert.Contains(t, got, e)
				all++
			}
		}
		assert.GreaterOrEqual(t, len(got), all)
	})
}

// cut cuts in into chunks of the given sizes and one with the rest.
func cut(in, sizes []byte) (chunks []string) {
	for _, size := range sizes {
		n := min(len(in), int(size))
		chunks = append(chunks, string(in[:n]))
		in = in[n:]
	}
	return append(chunks, string(in))
}
