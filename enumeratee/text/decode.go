package text

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/halley-go/halley/enumeratee"
)

// Decode returns the adapter that decodes chunks of bytes in the character set enc and
// hands on the text of each chunk as a string. enc is unicode.UTF8, unicode.UTF16,
// charmap.Windows1252 or any other encoding of golang.org/x/text/encoding.
//
// Two packages there find an encoding by name. ianaindex knows the names that IANA
// registers, and like Java takes UTF-16 as big-endian unless a byte order mark says
// otherwise. htmlindex knows the names that browsers know, and like them takes UTF-16 as
// little-endian and US-ASCII as windows-1252.
//
// One decoder serves the whole run: it remembers a byte order mark, and the state of an
// encoding such as ISO-2022-JP. A character that is split over chunks is completed. No
// empty string is handed on.
//
// Malformed bytes or an incomplete character at EOF are an error or are replaced,
// depending on malformed. With Fail, the text before them is handed on, then the run ends
// with a [*DecodeError]. With Replace, they become U+FFFD. Malformed bytes are found at
// the latest when as many bytes have come as the longest character has. An error of the
// decoder itself, such as unicode.ErrMissingBOM, always ends the run with a DecodeError.
//
// If the consumer ends on a string, the bytes after that string are left over. If the consumer
// leaves over a part of the string, bytes for that part come before them. In UTF-8 they are the
// bytes of the part, with U+FFFD in place of bytes that were replaced. In other character sets they
// are all bytes of the string, as with [enumeratee.Map]. A Decode that gets the leftovers does not
// know the byte order mark and the state.
//
// Decode panics if enc is nil or malformed is not one of the two.
//
// Play calls it CharEncoding.decode.
func Decode(enc encoding.Encoding, malformed Malformed) enumeratee.Enumeratee[[]byte, string] {
	checkCoding("Decode", enc, malformed)
	isUTF8 := enc == unicode.UTF8 || enc == unicode.UTF8BOM
	var forms []form
	if malformed == Fail && !isUTF8 {
		forms = byteOrders(enc)
	}
	return attach(func() *coding[[]byte, string] {
		c := &coding[[]byte, string]{
			to:   func(out []byte) string { return string(out) },
			fail: func(offset int64, _ []byte, cause error) error { return &DecodeError{offset, cause} },
			same: isUTF8,
		}
		switch {
		case isUTF8:
			c.code = decodeUTF8(malformed)
			if enc == unicode.UTF8BOM {
				c.code = skipBOM(c.code)
			}
		case malformed == Replace:
			c.code = decodeReplacing(enc.NewDecoder())
		default:
			v := &verifier{decoder: enc.NewDecoder(), behind: enc.NewDecoder(), forms: forms}
			c.code = v.decode
		}
		return c
	})
}

// A DecodeError says that [Decode] could not decode its input.
type DecodeError struct {
	Offset int64 // of the first byte that could not be decoded, from the start of the run
	Err    error // ErrMalformed, ErrIncomplete or an error of the decoder
}

func (e *DecodeError) Error() string { return fmt.Sprintf("%v, at byte %d", e.Err, e.Offset) }

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

const replacement = "\uFFFD"

// decodeUTF8 decodes like golang.org/x/text, but distinguishes malformed bytes from a
// U+FFFD in the text, and finds them without waiting for more bytes than it needs.
func decodeUTF8(malformed Malformed) coder {
	return func(dst, src []byte, atEOF bool) (_ []byte, n int, err error) {
		for {
			valid := validUTF8(src[n:])
			dst = append(dst, src[n:n+valid]...)
			n += valid
			full := utf8.FullRune(src[n:])
			switch {
			case n == len(src), !full && !atEOF:
				return dst, n, nil
			case malformed == Fail && !full:
				return dst, n, ErrIncomplete
			case malformed == Fail:
				return dst, n, ErrMalformed
			}
			dst = append(dst, replacement...)
			n += first(src[n:])
		}
	}
}

// skipBOM removes a byte order mark before UTF-8.
func skipBOM(code coder) coder {
	const bom = "\uFEFF"
	begun := false
	return func(dst, src []byte, atEOF bool) (_ []byte, n int, err error) {
		if !begun {
			if !atEOF && len(src) < len(bom) && string(src) == bom[:len(src)] {
				return dst, 0, nil
			}
			begun = true
			if bytes.HasPrefix(src, []byte(bom)) {
				dst, n, err = code(dst, src[len(bom):], atEOF)
				return dst, len(bom) + n, err
			}
		}
		return code(dst, src, atEOF)
	}
}

// decodeReplacing decodes with a decoder of golang.org/x/text. Those replace malformed
// bytes themselves.
func decodeReplacing(decoder transform.Transformer) coder {
	return func(dst, src []byte, atEOF bool) ([]byte, int, error) {
		dst, n, err := transformAll(decoder, dst, src, atEOF)
		if err != transform.ErrShortSrc {
			return dst, n, err
		}
		if atEOF { // a decoder of UTF-32 does not before it has seen a byte order mark
			dst, n = append(dst, replacement...), len(src)
		}
		return dst, n, nil
	}
}

// A verifier decodes with a decoder of golang.org/x/text and finds the malformed bytes,
// which that decoder replaces without reporting them.
//
// A U+FFFD in the decoded text either replaces malformed bytes or was in the input. Text
// without one, which is nearly all text, was well-formed. For text with one, a second
// decoder decodes the same bytes again, character by character. It has stayed behind, in
// the state that the first one had before those bytes. A U+FFFD was in the input if its
// bytes are the encoding of U+FFFD. So all bytes are decoded twice, but the verifier need
// not know the state of the decoder.
type verifier struct {
	decoder, behind transform.Transformer
	forms           []form
	scratch         [1024]byte
}

func (v *verifier) decode(dst, src []byte, atEOF bool) ([]byte, int, error) {
	out, n, err := transformAll(v.decoder, dst, src, atEOF)
	if hasReplacement(out[len(dst):]) {
		return v.verify(dst, src, atEOF)
	}
	v.catchUp(src, atEOF)
	if err == transform.ErrShortSrc {
		if err = nil; atEOF {
			err = ErrIncomplete
		}
	}
	return out, n, err
}

// catchUp moves the second decoder past src.
func (v *verifier) catchUp(src []byte, atEOF bool) {
	for err := transform.ErrShortDst; err == transform.ErrShortDst; {
		var n int
		_, n, err = v.behind.Transform(v.scratch[:], src, atEOF)
		src = src[n:]
	}
}

// verify decodes up to the first malformed bytes, with the second decoder.
func (v *verifier) verify(dst, src []byte, atEOF bool) (_ []byte, n int, err error) {
	for n < len(src) {
		out, size, err := v.character(dst, src[n:])
		switch {
		case hasReplacement(out[len(dst):]) && !v.wrote(src[n:n+size]):
			return dst, n, ErrMalformed
		case err != nil && err != transform.ErrShortSrc:
			return out, n + size, err
		}
		if size == 0 {
			break
		}
		dst, n = out, n+size
	}
	if !atEOF {
		return dst, n, nil
	}
	out, size, err := transformAll(v.behind, dst, src[n:], true)
	if hasReplacement(out[len(dst):]) || err == transform.ErrShortSrc {
		return dst, n, ErrIncomplete
	}
	return out, n + size, err
}

func hasReplacement(text []byte) bool { return bytes.Contains(text, []byte(replacement)) }

// character decodes as few bytes of src as the decoder takes at once. n is 0 if the
// decoder wants more bytes than src has.
func (v *verifier) character(dst, src []byte) (out []byte, n int, err error) {
	for size := 1; size <= len(src); size++ {
		out, n, err = transformAll(v.behind, dst, src[:size], false)
		if n > 0 || err != nil && err != transform.ErrShortSrc {
			break
		}
	}
	return out, n, err
}

// wrote reports whether b, which decodes to U+FFFD, is the encoding of U+FFFD.
func (v *verifier) wrote(b []byte) bool {
	return slices.ContainsFunc(v.forms, func(f form) bool {
		if !bytes.Equal(b, f.replacement) {
			return false
		}
		n, _, _ := v.behind.Transform(v.scratch[:], f.letter, false)
		return string(v.scratch[:n]) == "A"
	})
}

// form holds U+FFFD and the letter A in one byte order of an encoding. The letter shows
// which order the decoder reads, since that can depend on a byte order mark.
type form struct{ replacement, letter []byte }

// byteOrders returns the forms of enc, or nil if enc cannot encode U+FFFD.
func byteOrders(enc encoding.Encoding) []form {
	f := form{within(enc, replacement), within(enc, "A")}
	if f.replacement == nil {
		return nil
	}
	reversed := form{slices.Clone(f.replacement), slices.Clone(f.letter)}
	slices.Reverse(reversed.replacement)
	slices.Reverse(reversed.letter)
	return []form{f, reversed}
}

// within returns s as enc encodes it in the middle of a text, without a byte order mark.
func within(enc encoding.Encoding, s string) []byte {
	once, err := enc.NewEncoder().Bytes([]byte(s))
	if err != nil {
		return nil
	}
	twice, _ := enc.NewEncoder().Bytes([]byte(s + s))
	second, _ := bytes.CutPrefix(twice, once)
	return second
}
