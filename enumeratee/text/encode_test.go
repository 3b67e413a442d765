package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee/text"
)

func TestEncode(t *testing.T) {
	for name, c := range map[string]struct {
		enc  encoding.Encoding
		in   []string
		want []string
	}{
		"nothing":                      {unicode.UTF8, nil, nil},
		"nothing but empty strings":    {unicode.UTF8, []string{"", ""}, nil},
		"one chunk per string":         {utf16BE, []string{"H", "", "i"}, []string{"\x00H", "\x00i"}},
		"a character over strings":     {utf16BE, []string{"a\xF0\x9F", "\x98", "\x80b"}, []string{"\x00a", "\xD8\x3D\xDE\x00\x00b"}},
		"a mark is written once":       {utf16Use, []string{"a", "b"}, []string{"\xFE\xFF\x00a", "\x00b"}},
		"only a mark, no text":         {utf16Use, nil, []string{"\xFE\xFF"}},
		"no mark":                      {utf16LE, []string{"a", "b"}, []string{"a\x00", "b\x00"}},
		"U+FEFF is not taken for one":  {utf16BE, []string{"\uFEFFa", "\uFEFF"}, []string{"\xFE\xFF\x00a", "\xFE\xFF"}},
		"UTF-8-BOM":                    {unicode.UTF8BOM, []string{"a", "b"}, []string{"\uFEFFa", "b"}},
		"U+FFFD that is in the text":   {simplifiedchinese.GB18030, []string{"\uFFFD"}, []string{"\x84\x31\xA4\x37"}},
		"a state ends with the stream": {japanese.ISO2022JP, []string{"日", "日", "a", "日"}, []string{"\x1B$B\x46\x7C", "\x46\x7C", "\x1B(Ba", "\x1B$B\x46\x7C", "\x1B(B"}},
		"one byte per character":       {charmap.Windows1252, []string{"\xE2", "\x82\xAC", "ä"}, []string{"\x80", "\xE4"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, malformed := range []text.Malformed{text.Fail, text.Replace} {
				got, _, err := results(c.in, text.Encode(c.enc, malformed), -1)
				require.NoError(t, err)
				assert.Equal(t, each[[]byte](c.want...), got)
			}
		})
	}
}

func TestEncodeMalformed(t *testing.T) {
	for name, c := range map[string]struct {
		enc      encoding.Encoding
		in       []string
		before   string
		offset   int64
		r        rune
		cause    error
		replaced string
	}{
		"not in the character set":         {charmap.ISO8859_1, []string{"ä", "b€c"}, "\xE4b", 3, '€', text.ErrUnencodable, "\xE4b\x1Ac"},
		"over strings":                     {charmap.ISO8859_1, []string{"b\xE2\x82", "\xACc"}, "b", 1, '€', text.ErrUnencodable, "b\x1Ac"},
		"U+FFFD where there is none":       {charmap.ISO8859_1, []string{"a\uFFFD"}, "a", 1, '\uFFFD', text.ErrUnencodable, "a\x1A"},
		"malformed UTF-8":                  {utf16BE, []string{"a\xFFb"}, "\x00a", 1, utf8.RuneError, text.ErrMalformed, "\x00a\xFF\xFD\x00b"},
		"malformed, to UTF-8":              {unicode.UTF8, []string{"a\xE2\x82", "b"}, "a", 1, utf8.RuneError, text.ErrMalformed, "a\uFFFDb"},
		"a surrogate":                      {utf16BE, []string{"\xED\xA0\x80"}, "", 0, utf8.RuneError, text.ErrMalformed, "\xFF\xFD\xFF\xFD\xFF\xFD"},
		"malformed, to one without U+FFFD": {charmap.Windows1252, []string{"a\xFF"}, "a", 1, utf8.RuneError, text.ErrMalformed, "a\x1A"},
		"incomplete":                       {utf16BE, []string{"ab\xF0", "\x9F\x98"}, "\x00a\x00b", 2, utf8.RuneError, text.ErrIncomplete, "\x00a\x00b\xFF\xFD"},
		"in a state":                       {japanese.ISO2022JP, []string{"日😀日"}, "\x1B$B\x46\x7C\x1B(B", 3, '😀', text.ErrUnencodable, "\x1B$B\x46\x7C\x1B(B\x1A\x1B$B\x46\x7C\x1B(B"},
		"in a state, at the end":           {japanese.ISO2022JP, []string{"日", "\xE6"}, "\x1B$B\x46\x7C", 3, utf8.RuneError, text.ErrIncomplete, "\x1B$B\x46\x7C\x1B(B\x1A"},
		"EBCDIC has another substitute":    {charmap.CodePage037, []string{"a€"}, "\x81", 1, '€', text.ErrUnencodable, "\x81\x3F"},
	} {
		t.Run(name, func(t *testing.T) {
			got, rest, err := results(c.in, text.Encode(c.enc, text.Fail), -1)
			assert.Equal(t, c.before, joined(got), "the text before is handed on")
			assert.ErrorIs(t, err, c.cause)
			var failure *text.EncodeError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, c.offset, failure.Offset)
			assert.Equal(t, c.r, failure.Rune)
			assert.Equal(t, strings.Join(c.in, "")[c.offset:], rest)

			got, _, err = results(c.in, text.Encode(c.enc, text.Replace), -1)
			assert.NoError(t, err)
			assert.Equal(t, c.replaced, joined(got))
		})
	}
	assert.EqualError(t, &text.EncodeError{Offset: 3, Rune: '€', Err: text.ErrUnencodable},
		"enumeratee/text: not in the character set: U+20AC '€', at byte 3")
}

// The encoder of golang.org/x/text for HZ loses its state when it fails.
func TestReplacementsInHZKeepTheState(t *testing.T) {
	got, _, err := results([]string{"中😀文", "😀a中"}, text.Encode(simplifiedchinese.HZGB2312, text.Replace), -1)
	require.NoError(t, err)
	decoded, err := decodeAll(simplifiedchinese.HZGB2312, joined(got))
	require.NoError(t, err)
	assert.Equal(t, "中\x1A文\x1Aa中", decoded)
}

func TestErrorsOfTheEncoderItselfPass(t *testing.T) {
	for _, malformed := range []text.Malformed{text.Fail, text.Replace} {
		_, rest, err := results([]string{"a!b", "c"}, text.Encode(failing{unicode.UTF8}, malformed), -1)
		assert.Equal(t, &text.EncodeError{Offset: 1, Rune: '!', Err: errBoom}, err)
		assert.Equal(t, "!bc", rest)
	}
}

func TestEncodeWithoutAReplacement(t *testing.T) {
	_, _, err := results([]string{"ab"}, text.Encode(nothing{unicode.UTF8}, text.Replace), -1)
	assert.Equal(t, &text.EncodeError{Offset: 0, Rune: 'a', Err: text.ErrUnencodable}, err)
}

// nothing is an encoding without characters.
type nothing struct{ encoding.Encoding }

func (nothing) NewEncoder() *encoding.Encoder {
	return &encoding.Encoder{Transformer: failingAt{transform.Nop, "", lacking{}}}
}

type lacking struct{}

func (lacking) Error() string     { return "not in the repertoire" }
func (lacking) Replacement() byte { return '?' }

func TestEncodeLeftovers(t *testing.T) {
	in := []string{"a\xE2", "\x82\xACbä\xF0\x9F", "\x98\x80"}
	for name, c := range map[string]struct {
		enc  encoding.Encoding
		n    int // the consumer is done with the second chunk, of which it consumes n bytes
		want string
	}{
		"no part":          {unicode.UTF8, 6, "😀"},
		"a part":           {unicode.UTF8, 4, "ä😀"},
		"all":              {unicode.UTF8, 0, "€bä😀"},
		"no part, UTF-16":  {utf16BE, 6, "😀"},
		"a part of UTF-16": {utf16BE, 4, "€bä😀"},
	} {
		rest, err := after(in, text.Encode(c.enc, text.Fail), leaving(2, c.n, butBytes[[]byte]))
		assert.NoError(t, err, name)
		assert.Equal(t, c.want, rest, name)
	}
}

func TestEncodingIsLinear(t *testing.T) {
	for _, s := range []string{strings.Repeat("日a", 5000), strings.Repeat("日\xFF\xE6\xF0\x9F😀", 1500)} {
		for _, size := range []byte{1, 3, 200} {
			offered := 0
			_, _, err := results(cut[string](s, []byte{size}), text.Encode(counting{japanese.ShiftJIS, &offered}, text.Replace), -1)
			require.NoError(t, err)
			assert.LessOrEqual(t, offered, 5*len(s), "chunks of %d", size)
		}
	}
}

// replaceAll encodes s with replacements.
func replaceAll(enc encoding.Encoding, s string) (string, error) {
	clean, err := unicode.UTF8.NewDecoder().String(s)
	if err != nil {
		return "", err
	}
	return encoding.ReplaceUnsupported(enc.NewEncoder()).String(clean)
}

func FuzzEncode(f *testing.F) {
	for i := range samples {
		f.Add(uint8(i), "a\xFFb日\uFFFD😀€\xF0\x9F", []byte{1, 0, 2})
	}
	f.Fuzz(func(t *testing.T, which uint8, s string, sizes []byte) {
		if len(s) > 200 {
			return // the oracle is slow
		}
		e, in := samples[int(which)%len(samples)].Encoding, cut[string](s, sizes)
		if e == simplifiedchinese.HZGB2312 {
			e = simplifiedchinese.GBK // see TestReplacementsInHZKeepTheState
		}
		want, err := replaceAll(e, s)
		require.NoError(t, err)
		got, _, err := results(in, text.Encode(e, text.Replace), -1)
		assert.NoError(t, err)
		assert.Equal(t, want, joined(got))

		// It fails at the first character that is not encoded alone.
		offset, cause := len(s), error(nil)
		for i, r := range s {
			_, size := utf8.DecodeRuneInString(s[i:])
			_, err := e.NewEncoder().String(string(r))
			switch {
			case r == utf8.RuneError && size == 1 && utf8.FullRuneInString(s[i:]):
				cause = text.ErrMalformed
			case r == utf8.RuneError && size == 1:
				cause = text.ErrIncomplete
			case err != nil:
				cause = text.ErrUnencodable
			}
			if cause != nil {
				offset = i
				break
			}
		}
		encoded, rest, err := results(in, text.Encode(e, text.Fail), -1)
		assert.ErrorIs(t, err, cause)
		if cause == nil {
			assert.Equal(t, want, joined(encoded))
			return
		}
		var failure *text.EncodeError
		require.ErrorAs(t, err, &failure)
		assert.EqualValues(t, offset, failure.Offset)
		assert.Equal(t, cause, failure.Err)
		assert.Equal(t, s[offset:], rest)
	})
}

func TestEncodeUndoesDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom(samples).Draw(t, "encoding")
		want := aText(t, e, "text")
		encoded, _, err := results(cut[string](want, cuts().Draw(t, "cuts")), text.Encode(e, text.Fail), -1)
		require.NoError(t, err)
		assert.NotContains(t, encoded, []byte{})
		decoded, _, err := results(encoded, text.Decode(e, text.Fail), -1)
		require.NoError(t, err)
		assert.Equal(t, want, joined(decoded))
	})
}
