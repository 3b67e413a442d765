package text_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

var (
	utf16BE    = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	utf16LE    = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	utf16Use   = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	utf16Wants = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	utf32BE    = utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	utf32LE    = utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	utf32Use   = utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
)

// sample is an encoding, and bytes that are malformed wherever a character can begin.
type sample struct {
	encoding.Encoding
	malformed string
}

// samples holds one of each kind of encoding.
var samples = []sample{
	{unicode.UTF8, "\xFF"},
	{unicode.UTF8BOM, "\xE2\x82 "},
	{utf16BE, "\xD8\x00\x00\x41"},
	{utf16LE, "\x00\xDC\x41\x00"},
	{utf16Use, "\xDC\x00\x00\x41"},
	{utf16Wants, "\x00\xD8\x41\x00"},
	{utf32BE, "\xFD\xFF\x00\x00"}, // U+FFFD in the other byte order
	{utf32LE, "\x00\x00\xFF\xFD"},
	{utf32Use, "\xFD\xFF\x00\x00"},
	{charmap.Windows1252, "\x81"},
	{charmap.Windows1253, "\xFF"},
	{charmap.ISO8859_7, "\xAE"},
	{japanese.ShiftJIS, "\x81 "},
	{japanese.EUCJP, "\xA1 "},
	{japanese.ISO2022JP, "\x80"},
	{simplifiedchinese.GBK, "\x81 "},
	{simplifiedchinese.GB18030, "\x81\x30\x81 "},
	{simplifiedchinese.HZGB2312, "\xFE"},
	{traditionalchinese.Big5, "\x81 "},
	{korean.EUCKR, "\x81 "},
	{charmap.CodePage037, ""}, // EBCDIC, in which all bytes are valid
}

func decodeAll(enc encoding.Encoding, s string) (string, error) {
	b, err := enc.NewDecoder().Bytes([]byte(s))
	if err == transform.ErrShortSrc { // UTF-32 that is shorter than a byte order mark
		return "\uFFFD", nil
	}
	return string(b), err
}

func encodeAll(t require.TestingT, enc encoding.Encoding, s string) string {
	b, err := enc.NewEncoder().Bytes([]byte(s))
	require.NoError(t, err)
	return string(b)
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		enc  encoding.Encoding
		in   []string
		want []string
	}{
		"nothing":                        {unicode.UTF8, nil, nil},
		"nothing but empty chunks":       {unicode.UTF8, []string{"", ""}, nil},
		"one string per chunk":           {unicode.UTF8, []string{"Hel", "lo W", "", "orld"}, []string{"Hel", "lo W", "orld"}},
		"a character over three chunks":  {unicode.UTF8, []string{"\xE2", "\x82", "\xAC"}, []string{"€"}},
		"and the text around it":         {unicode.UTF8, []string{"a\xE2\x82", "\xACb"}, []string{"a", "€b"}},
		"U+FFFD that is in the text":     {unicode.UTF8, []string{"a\uFFFD\xEF", "\xBF\xBDb"}, []string{"a\uFFFD", "\uFFFDb"}},
		"UTF-8 keeps a byte order mark":  {unicode.UTF8, []string{"\uFEFFa"}, []string{"\uFEFFa"}},
		"UTF-8-BOM removes it":           {unicode.UTF8BOM, []string{"\xEF", "\xBB", "\xBFa", "\uFEFFb"}, []string{"a", "\uFEFFb"}},
		"UTF-8-BOM without it":           {unicode.UTF8BOM, []string{"\xEF", "\xBB", "\xBEa"}, []string{"\uFEFEa"}},
		"UTF-8-BOM does not wait for it": {unicode.UTF8BOM, []string{"a", "b"}, []string{"a", "b"}},
		"UTF-8-BOM, nothing else":        {unicode.UTF8BOM, []string{"\uFEFF"}, nil},
		"UTF-16":                         {utf16BE, []string{"\x00", "a\x20", "\xAC"}, []string{"a", "€"}},
		"a surrogate pair over chunks":   {utf16LE, []string{"\x3D", "\xD8", "\x00", "\xDE"}, []string{"😀"}},
		"the mark counts for all chunks": {utf16Use, []string{"\xFF\xFE", "a\x00", "b\x00"}, []string{"a", "b"}},
		"no mark":                        {utf16Use, []string{"\x00a", "\xFF\xFE"}, []string{"a", "\uFFFE"}},
		"a mark over chunks":             {utf16Wants, []string{"\xFE", "\xFF", "\x00", "a"}, []string{"a"}},
		"UTF-32":                         {utf32LE, []string{"\x3D\xF6", "\x01\x00"}, []string{"\U0001F63D"}},
		"UTF-32 with a mark":             {utf32Use, []string{"\xFF\xFE\x00", "\x00a\x00", "\x00\x00"}, []string{"a"}},
		"Shift JIS":                      {japanese.ShiftJIS, []string{"\x83", "\x5C\\"}, []string{"ソ\\"}},
		"a state over chunks":            {japanese.ISO2022JP, []string{"\x1B$", "B\x46", "\x7C", "\x46\x7C\x1B", "(B\x46\x7C"}, []string{"日", "日", "F|"}},
		"four bytes of GB 18030":         {simplifiedchinese.GB18030, []string{"\x94", "\x39", "\xDA", "\x33"}, []string{"\U0001F4A9"}},
		"two characters of one of Big5":  {traditionalchinese.Big5, []string{"\x88", "\x62"}, []string{"\u00CA\u0304"}},
		"one byte per character":         {charmap.Windows1252, []string{"\x80", "\xE4"}, []string{"€", "ä"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, malformed := range []text.Malformed{text.Fail, text.Replace} {
				got, _, err := results(each[[]byte](c.in...), text.Decode(c.enc, malformed), -1)
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
			}
		})
	}
}

func TestDecodeMalformed(t *testing.T) {
	for name, c := range map[string]struct {
		enc      encoding.Encoding
		in       []string
		before   string
		offset   int64
		cause    error
		replaced string
	}{
		"UTF-8":                        {unicode.UTF8, []string{"aä", "b\xFFc"}, "aäb", 4, text.ErrMalformed, "aäb\uFFFDc"},
		"at a border":                  {unicode.UTF8, []string{"a\xE2", "\x82", "b"}, "a", 1, text.ErrMalformed, "a\uFFFDb"},
		"e2 e2 e2":                     {unicode.UTF8, []string{"\xE2", "\xE2", "\xE2"}, "", 0, text.ErrMalformed, "\uFFFD\uFFFD\uFFFD"},
		"a surrogate in UTF-8":         {unicode.UTF8, []string{"\xED\xA0\x80"}, "", 0, text.ErrMalformed, "\uFFFD\uFFFD\uFFFD"},
		"behind a U+FFFD":              {unicode.UTF8, []string{"\uFFFD\x80"}, "\uFFFD", 3, text.ErrMalformed, "\uFFFD\uFFFD"},
		"incomplete":                   {unicode.UTF8, []string{"ab", "\xF0\x9F", "\x98"}, "ab", 2, text.ErrIncomplete, "ab\uFFFD"},
		"after a mark":                 {unicode.UTF8BOM, []string{"\uFEFFa\xFF"}, "a", 4, text.ErrMalformed, "a\uFFFD"},
		"an incomplete mark":           {unicode.UTF8BOM, []string{"\xEF", "\xBB"}, "", 0, text.ErrIncomplete, "\uFFFD"},
		"a lone surrogate":             {utf16Use, []string{"\xFF\xFEa\x00", "\x00\xD8", "b\x00"}, "a", 4, text.ErrMalformed, "a\uFFFDb"},
		"behind U+FFFD in UTF-16":      {utf16Use, []string{"\xFF\xFE\xFD\xFF", "\x00\xDC\xFD\xFF"}, "\uFFFD", 4, text.ErrMalformed, "\uFFFD\uFFFD\uFFFD"},
		"half a surrogate pair":        {utf16BE, []string{"\x00a\xD8", "\x00"}, "a", 2, text.ErrIncomplete, "a\uFFFD"},
		"one byte of two":              {utf16BE, []string{"\x00a\x00"}, "a", 2, text.ErrIncomplete, "a\uFFFD"},
		"no mark":                      {utf16Wants, []string{"\x00", "a"}, "", 0, unicode.ErrMissingBOM, ""},
		"nothing, where a mark is due": {utf16Wants, nil, "", 0, unicode.ErrMissingBOM, ""},
		"less than a mark":             {utf32Use, []string{"\x00", "\x00"}, "", 0, text.ErrIncomplete, "\uFFFD"},
		"U+FFFD, the other byte order": {utf32Use, []string{"\xFF\xFE\x00\x00\xFD\xFF\x00\x00", "\x00\x00\xFF\xFD"}, "\uFFFD", 8, text.ErrMalformed, "\uFFFD\uFFFD"},
		"an unassigned byte":           {charmap.Windows1252, []string{"a\x81b"}, "a", 1, text.ErrMalformed, "a\uFFFDb"},
		"a wrong second byte":          {japanese.ShiftJIS, []string{"a\x81", "\x20"}, "a", 1, text.ErrMalformed, "a\uFFFD "},
		"in a state":                   {japanese.ISO2022JP, []string{"\x1B$B\x46\x7C\xFF\x46\x7C"}, "日", 5, text.ErrMalformed, "日\uFFFD日"},
		"an incomplete escape":         {japanese.ISO2022JP, []string{"a\x1B"}, "a", 1, text.ErrIncomplete, "a\uFFFD"},
		"behind U+FFFD in GB 18030":    {simplifiedchinese.GB18030, []string{"\x84\x31\xA4", "\x37\x81 "}, "\uFFFD", 4, text.ErrMalformed, "\uFFFD\uFFFD "},
		"the replacement encoding":     {encoding.Replacement, []string{"ab"}, "", 2, text.ErrMalformed, "\uFFFD"},
	} {
		t.Run(name, func(t *testing.T) {
			in := each[[]byte](c.in...)
			got, rest, err := results(in, text.Decode(c.enc, text.Fail), -1)
			assert.Equal(t, c.before, joined(got), "the text before is handed on")
			assert.ErrorIs(t, err, c.cause)
			var failure *text.DecodeError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, c.offset, failure.Offset)
			assert.Equal(t, strings.Join(c.in, "")[c.offset:], rest)

			got, _, err = results(in, text.Decode(c.enc, text.Replace), -1)
			if c.replaced == "" {
				assert.ErrorIs(t, err, c.cause)
				require.ErrorAs(t, err, &failure)
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, c.replaced, joined(got))
		})
	}
	assert.ErrorIs(t, text.ErrIncomplete, text.ErrMalformed)
	assert.EqualError(t, &text.DecodeError{Offset: 12, Err: text.ErrMalformed}, "enumeratee/text: malformed input, at byte 12")
}

func TestMalformedInputIsFoundAtOnce(t *testing.T) {
	for _, e := range samples {
		if e.malformed == "" {
			continue
		}
		stage := enumeratee.NewStage(t.Context())
		consumer, _ := iteratee.Ignore[string]().Start(t.Context())
		sink, _ := text.Decode(e, text.Fail).Attach(stage, consumer)
		start, err := e.NewEncoder().Bytes([]byte("a"))
		require.NoError(t, err)
		require.True(t, sink.Next(start).IsCont())
		var failure *text.DecodeError
		step := sink.Next([]byte(e.malformed))
		require.ErrorAs(t, step.Err(), &failure, "%v", e)
		assert.EqualValues(t, len(start), failure.Offset)
		assert.Equal(t, step, sink.Next([]byte("a")), "it stays failed")
	}
}

func TestAConsumerThatIsDoneDoesNotSeeMalformedInput(t *testing.T) {
	got, rest, err := results(each[[]byte]("ab\xFFcd", "e"), decode, 1)
	assert.NoError(t, err)
	assert.Equal(t, []string{"ab"}, got)
	assert.Equal(t, "\xFFcde", rest)
}

func TestDecodeLeftovers(t *testing.T) {
	for name, c := range map[string]struct {
		enc      encoding.Encoding
		in       []string
		k, n     int // the consumer is done with the k-th string, of which it consumes n bytes
		want     string
		replaced string // the same with Replace, if it differs
	}{
		"no part":                       {enc: unicode.UTF8, in: []string{"a€", "b€c", "d"}, k: 2, n: 5, want: "d"},
		"a part":                        {enc: unicode.UTF8, in: []string{"a€", "b€c", "d"}, k: 2, n: 1, want: "€cd"},
		"all":                           {enc: unicode.UTF8, in: []string{"a€", "b€c", "d"}, k: 2, n: 0, want: "b€cd"},
		"an incomplete character":       {enc: unicode.UTF8, in: []string{"a\xE2", "\x82\xACb\xE2\x82", "\xAC"}, k: 2, n: 4, want: "€"},
		"a part and that":               {enc: unicode.UTF8, in: []string{"a\xE2", "\x82\xACb\xE2\x82", "\xAC"}, k: 2, n: 3, want: "b€"},
		"all and that":                  {enc: unicode.UTF8, in: []string{"a\xE2", "\x82\xACb\xE2\x82", "\xAC"}, k: 2, n: 0, want: "€b€"},
		"replaced bytes":                {enc: unicode.UTF8, in: []string{"a", "b\xFFc"}, k: 2, n: 1, want: "\xFFc", replaced: "\uFFFDc"},
		"no part of UTF-16":             {enc: utf16BE, in: []string{"\x00a\x00", "b\x00c\x00", "d"}, k: 2, n: 2, want: "\x00d"},
		"a part of UTF-16 is all":       {enc: utf16BE, in: []string{"\x00a\x00", "b\x00c\x00", "d"}, k: 2, n: 1, want: "\x00b\x00c\x00d"},
		"a part of Windows-1252 is all": {enc: charmap.Windows1252, in: []string{"a", "\xE4b", "c"}, k: 2, n: 2, want: "\xE4bc"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, malformed := range []text.Malformed{text.Fail, text.Replace} {
				want := c.want
				if malformed == text.Replace && c.replaced != "" {
					want = c.replaced
				}
				rest, err := after(each[[]byte](c.in...), text.Decode(c.enc, malformed), leaving(c.k, c.n, butBytes[string]))
				assert.NoError(t, err)
				assert.Equal(t, want, rest)
			}
		})
	}
}

func TestDecodeTwiceInOneStream(t *testing.T) {
	// The second needs exactly the UTF-8 that the first leaves over.
	in := each[[]byte]("head€\x00bo\xE2", "\x82", "\xACdy")
	line := iteratee.FlatMap(enumeratee.Transform(decode, iteratee.Head[string]()), func(s *string) iteratee.Iteratee[[]byte, string] {
		head, body, _ := strings.Cut(*s, "\x00")
		return iteratee.Done(head, iteratee.El([]byte(body)))
	})
	both, err := enumerator.Run(t.Context(), enumerator.FromSlice(in), iteratee.FlatMap(line, func(head string) iteratee.Iteratee[[]byte, string] {
		return enumeratee.Transform(decode, iteratee.Fold(head+"|", func(a, s string) string { return a + s }))
	}))
	require.NoError(t, err)
	assert.Equal(t, "head€|bo€dy", both)
}

func TestDecodeMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "enumeratee/text: Decode: the encoding must not be nil", func() { text.Decode(nil, text.Fail) })
	assert.PanicsWithValue(t, "enumeratee/text: Encode: malformed must be Fail or Replace, got 7", func() { text.Encode(unicode.UTF8, 7) })
}

func TestErrorsOfTheDecoderItselfPass(t *testing.T) {
	for _, before := range []string{"\x00a", "\xFF\xFD"} {
		for _, malformed := range []text.Malformed{text.Fail, text.Replace} {
			got, rest, err := results(each[[]byte](before+"\x00!", "\x00b"), text.Decode(failing{utf16BE}, malformed), -1)
			assert.ErrorIs(t, err, errBoom)
			var failure *text.DecodeError
			require.ErrorAs(t, err, &failure)
			assert.EqualValues(t, 2, failure.Offset)
			assert.Len(t, got, 1)
			assert.Equal(t, "\x00!\x00b", rest)
		}
	}
}

// failing is an encoding whose decoders and encoders fail with errBoom at an exclamation
// mark.
type failing struct{ encoding.Encoding }

func (f failing) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: failingAt{f.Encoding.NewDecoder(), "\x00!", errBoom}}
}

func (f failing) NewEncoder() *encoding.Encoder {
	return &encoding.Encoder{Transformer: failingAt{f.Encoding.NewEncoder(), "!", errBoom}}
}

type failingAt struct {
	transform.Transformer
	at  string
	err error
}

func (f failingAt) Transform(dst, src []byte, atEOF bool) (int, int, error) {
	before, _, found := bytes.Cut(src, []byte(f.at))
	nDst, nSrc, err := f.Transformer.Transform(dst, before, atEOF)
	if found && err == nil {
		err = f.err
	}
	return nDst, nSrc, err
}

// counting counts the bytes offered to its decoders and encoders.
type counting struct {
	encoding.Encoding
	offered *int
}

func (c counting) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: counter{c.Encoding.NewDecoder(), c.offered}}
}

func (c counting) NewEncoder() *encoding.Encoder {
	return &encoding.Encoder{Transformer: counter{c.Encoding.NewEncoder(), c.offered}}
}

type counter struct {
	transform.Transformer
	offered *int
}

func (c counter) Transform(dst, src []byte, atEOF bool) (int, int, error) {
	*c.offered += len(src)
	return c.Transformer.Transform(dst, src, atEOF)
}

func TestDecodingIsLinear(t *testing.T) {
	for _, enc := range []encoding.Encoding{japanese.ShiftJIS, japanese.ISO2022JP, utf16BE, simplifiedchinese.GB18030} {
		for name, s := range map[string]string{
			"well-formed": encodeAll(t, enc, strings.Repeat("日a", 5000)),
			"malformed":   strings.Repeat("\x81\x00\xD8\xFF", 5000),
		} {
			for _, size := range []byte{1, 3, 200} {
				offered := 0
				tr := text.Decode(counting{enc, &offered}, text.Replace)
				offered = 0
				_, _, err := results(cut[[]byte](s, []byte{size}), tr, -1)
				require.NoError(t, err)
				assert.LessOrEqual(t, offered, 4*len(s), "%v, %s, chunks of %d", enc, name, size)
			}
		}
	}
}

// aText draws text of runes that enc has, including U+FFFD if enc has it.
func aText(t *rapid.T, enc encoding.Encoding, label string) string {
	var s strings.Builder
	for _, r := range rapid.SliceOfN(rapid.SampledFrom([]rune("ab~€äЖ日本가€\uFFFD😀\uFEFF\n")), 0, 8).Draw(t, label) {
		if _, err := enc.NewEncoder().Bytes([]byte(string(r))); err == nil {
			s.WriteRune(r)
		}
	}
	return s.String()
}

func TestDecodedTextDoesNotDependOnChunkBoundaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(samples).Draw(t, "encoding")
		want := aText(t, e, "text")
		in := encodeAll(t, e, want)
		if rapid.Bool().Draw(t, "without a mark") && e.Encoding == utf16Use {
			in = encodeAll(t, utf16BE, want)
			want = strings.TrimPrefix(want, "\uFEFF") // it is taken for a byte order mark
		}
		for _, malformed := range []text.Malformed{text.Fail, text.Replace} {
			got, rest, err := results(cut[[]byte](in, cuts().Draw(t, "cuts")), text.Decode(e, malformed), -1)
			assert.NoError(t, err)
			assert.Equal(t, want, joined(got), "%v", e)
			assert.Empty(t, rest)
			assert.NotContains(t, got, "")
		}
	})
}

func TestTheOffsetOfMalformedInputDoesNotDependOnChunkBoundaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(samples).Filter(func(e sample) bool { return e.malformed != "" }).Draw(t, "encoding")
		before := aText(t, e, "before")
		good := encodeAll(t, e, before)
		if e.Encoding == japanese.ISO2022JP || e.Encoding == simplifiedchinese.HZGB2312 {
			good = strings.TrimSuffix(good, "\x1B(B") // the state lasts
		}
		bad := e.malformed + rapid.StringN(0, 8, 8).Draw(t, "after")
		in := cut[[]byte](good+bad, cuts().Draw(t, "cuts"))
		got, rest, err := results(in, text.Decode(e, text.Fail), -1)
		var failure *text.DecodeError
		require.ErrorAs(t, err, &failure, "%v", e)
		assert.EqualValues(t, len(good), failure.Offset)
		assert.ErrorIs(t, err, text.ErrMalformed)
		assert.Equal(t, before, joined(got))
		assert.Equal(t, bad, rest)
	})
}

func TestDecodeStopsAtEveryPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(samples).Draw(t, "encoding")
		s := aText(t, e, "text") + aText(t, e, "more")
		in := cut[[]byte](encodeAll(t, e, s), cuts().Draw(t, "cuts"))
		whole, _, err := results(in, text.Decode(e, text.Fail), -1)
		require.NoError(t, err)
		bytesBefore := 0
		for k := range len(whole) + 1 {
			got, rest, err := results(in, text.Decode(e, text.Fail), k)
			assert.NoError(t, err)
			assert.True(t, slices.Equal(whole[:k], got))
			assert.True(t, strings.HasSuffix(joined(in), rest))
			consumed := len(joined(in)) - len(rest)
			assert.GreaterOrEqual(t, consumed, bytesBefore)
			bytesBefore = consumed
			if k > 0 { // exactly the bytes of those strings were consumed
				decoder := e.NewDecoder()
				made := make([]byte, 100)
				n, m, err := decoder.Transform(made, []byte(joined(in)[:consumed]), false)
				assert.NoError(t, err)
				assert.Equal(t, consumed, m)
				assert.Equal(t, joined(got), string(made[:n]))
			}
		}
	})
}

// firstMalformed returns the offset of the first malformed bytes of s and the error, or
// nil. It decodes each prefix of s anew.
func firstMalformed(enc encoding.Encoding, s string) (offset int, cause error) {
	if enc == unicode.UTF8 || enc == unicode.UTF8BOM {
		for i, r := range s {
			_, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case r != utf8.RuneError || size > 1:
			case utf8.FullRuneInString(s[i:]):
				return i, text.ErrMalformed
			default:
				return i, text.ErrIncomplete
			}
		}
		return 0, nil
	}
	out := make([]byte, 4*len(s)+100)
	consumed, written := 0, 0 // written counts the U+FFFD that are in the text
	for i := range len(s) + 1 {
		nDst, n, err := enc.NewDecoder().Transform(out, []byte(s[:i]), false)
		if err != nil && err != transform.ErrShortSrc {
			return 0, err
		}
		if strings.Count(string(out[:nDst]), "\uFFFD") > written {
			if !isReplacement(enc, s, s[consumed:n]) {
				return consumed, text.ErrMalformed
			}
			written++
		}
		consumed = n
	}
	if _, err := decodeAll(enc, s); err != nil {
		return 0, err
	}
	if consumed < len(s) {
		return consumed, text.ErrIncomplete
	}
	return 0, nil
}

// isReplacement reports whether c, a part of s that was decoded to U+FFFD, is the
// encoding of U+FFFD.
func isReplacement(enc encoding.Encoding, s, c string) bool {
	switch enc {
	case utf16BE, utf16LE, utf16Use, utf16Wants:
		return c == "\xFF\xFD" || c == "\xFD\xFF" // in the other byte order they are U+FDFF
	case utf32Use:
		if strings.HasPrefix(s, "\xFF\xFE\x00\x00") {
			return c == "\xFD\xFF\x00\x00"
		}
		return c == "\x00\x00\xFF\xFD"
	case utf32BE:
		return c == "\x00\x00\xFF\xFD"
	case utf32LE:
		return c == "\xFD\xFF\x00\x00"
	case simplifiedchinese.GB18030:
		return c == "\x84\x31\xA4\x37"
	}
	return false
}

func FuzzDecode(f *testing.F) {
	for i, e := range samples {
		f.Add(uint8(i), []byte("a"+e.malformed+"b"), []byte{1})
		f.Add(uint8(i), []byte("\xFF\xFE\x00\x00\xFD\xFF\x00\x00\x00\x00\xFF\xFD"), []byte{2, 0, 3})
		f.Add(uint8(i), []byte("\x1B$B\x46\x7C\x1B(B~{\x46\x7C~}\x84\x31\xA4\x37€\uFFFD\xE2"), []byte{1, 2})
	}
	f.Fuzz(func(t *testing.T, which uint8, in, sizes []byte) {
		if len(in) > 200 {
			return // the oracle is slow
		}
		e, s := samples[int(which)%len(samples)].Encoding, string(in)
		chunks := cut[[]byte](s, sizes)
		all, wrong := decodeAll(e, s)

		replaced, _, err := results(chunks, text.Decode(e, text.Replace), -1)
		assert.ErrorIs(t, err, wrong)
		assert.Equal(t, all, joined(replaced))

		offset, cause := firstMalformed(e, s)
		decoded, rest, err := results(chunks, text.Decode(e, text.Fail), -1)
		assert.ErrorIs(t, err, cause)
		assert.NotContains(t, decoded, "")
		if cause == nil {
			assert.Equal(t, all, joined(decoded))
			return
		}
		var failure *text.DecodeError
		require.ErrorAs(t, err, &failure)
		assert.EqualValues(t, offset, failure.Offset)
		assert.Equal(t, cause, failure.Err)
		assert.Equal(t, s[offset:], rest)
		if wrong == nil {
			assert.True(t, strings.HasPrefix(all, joined(decoded)+"\uFFFD"), "%q of %q", decoded, all)
		}
	})
}
