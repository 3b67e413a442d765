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

// Decode returns the adapter that hands on the text of each chunk of bytes in the
// character set enc: unicode.UTF8, unicode.UTF16, charmap.Windows1252 or any other of
// golang.org/x/text/encoding. There, ianaindex finds one by the name that IANA registers,
// as Java does: its UTF-16 is big-endian unless a byte order mark says otherwise. To
// htmlindex, as to browsers, UTF-16 is little-endian and US-ASCII is windows-1252.
//
// One decoder serves the whole run, so it remembers a byte order mark and the state of
// the likes of ISO-2022-JP. A character that is split over chunks is completed; a chunk
// that completes none gives nothing, so no empty string is handed on.
//
// Malformed bytes, and at EOF an incomplete character, end the run with a
// [*DecodeError], after the text before them was handed on, or become U+FFFD, as
// malformed says. They are found when as many bytes have come as a character can have,
// or before. An error of the decoder itself, such as
// unicode.ErrMissingBOM, is in a DecodeError in either case. Decode panics if enc is
// nil.
//
// If the consumer ends on a string, the bytes that belong to none yet are left over. If
// it leaves over that string or a part of it, so are the bytes of just that part in
// UTF-8, with U+FFFD for what was replaced. In other character sets a part cannot be
// told, and all bytes from which the string was made are left over, as with
// [enumeratee.Map]. What decodes them next begins afresh: it knows of no byte order
// mark and no state.
//
// It is Play's CharEncoding.decode, which forgets a byte order mark after the first chunk
// and finds malformed bytes at EOF only.
func Decode(enc encoding.Encoding, malformed Malformed) enumeratee.Enumeratee[[]byte, string] {
	check("Decode", enc, malformed)
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

// decodeUTF8 does what the decoder of golang.org/x/text does, but tells malformed bytes
// from a U+FFFD in the text, and does not wait for more bytes when it can tell.
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

// decodeReplacing decodes with a decoder of golang.org/x/text: they all replace what is
// malformed.
func decodeReplacing(decoder transform.Transformer) coder {
	return func(dst, src []byte, atEOF bool) ([]byte, int, error) {
		dst, n, err := transformAll(decoder, dst, src, atEOF)
		if err != transform.ErrShortSrc {
			return dst, n, err
		}
		if atEOF { // all but those of UTF-32, before they have seen a byte order mark
			dst, n = append(dst, replacement...), len(src)
		}
		return dst, n, nil
	}
}

// A verifier decodes with a decoder of golang.org/x/text and finds what that replaces,
// which the decoder does not say.
//
// A U+FFFD in the text either stands for malformed bytes or was written there. Text
// without one, which is nearly all, was well-formed, and is handed on as it is. For
// text with one a second decoder, which has been left behind where the first one was
// before, goes over the same bytes character by character, and so gives the bytes of
// each: U+FFFD was written there if its bytes are those into which it is encoded. So
// bytes are decoded twice, and the state of the decoder need not be known.
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

// catchUp takes the decoder that is behind over src.
func (v *verifier) catchUp(src []byte, atEOF bool) {
	for err := transform.ErrShortDst; err == transform.ErrShortDst; {
		var n int
		_, n, err = v.behind.Transform(v.scratch[:], src, atEOF)
		src = src[n:]
	}
}

// verify decodes up to the first malformed bytes, with the decoder that is behind.
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

// character decodes the fewest bytes of src that the decoder takes, none if it wants
// more than there are.
func (v *verifier) character(dst, src []byte) (out []byte, n int, err error) {
	for size := 1; size <= len(src); size++ {
		out, n, err = transformAll(v.behind, dst, src[:size], false)
		if n > 0 || err != nil && err != transform.ErrShortSrc {
			break
		}
	}
	return out, n, err
}

// wrote reports whether bytes that decode to U+FFFD are that character as it is written.
func (v *verifier) wrote(bad []byte) bool {
	return slices.ContainsFunc(v.forms, func(f form) bool {
		if !bytes.Equal(bad, f.replacement) {
			return false
		}
		n, _, _ := v.behind.Transform(v.scratch[:], f.letter, false)
		return string(v.scratch[:n]) == "A"
	})
}

// form is how an encoding writes U+FFFD and A in the one or the other byte order. The
// letter tells which of them the decoder reads, as that can depend on a byte order mark.
type form struct{ replacement, letter []byte }

// byteOrders returns nothing for an encoding that cannot write U+FFFD.
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

// within returns how enc writes s where text comes before it: without a byte order mark.
func within(enc encoding.Encoding, s string) []byte {
	once, err := enc.NewEncoder().Bytes([]byte(s))
	if err != nil {
		return nil
	}
	twice, _ := enc.NewEncoder().Bytes([]byte(s + s))
	second, _ := bytes.CutPrefix(twice, once)
	return second
}
