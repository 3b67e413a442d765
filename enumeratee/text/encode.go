package text

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/halley-go/halley/enumeratee"
)

// Encode returns the adapter that encodes each string in the character set enc, which is
// one of golang.org/x/text/encoding, and hands on the bytes. See [Decode] for how to find
// enc by name.
//
// One encoder serves the whole run: it writes a byte order mark once, and the final
// escape sequence of an encoding such as ISO-2022-JP at EOF. A character whose UTF-8 is
// split over strings is completed. No empty chunk is handed on.
//
// A character that enc does not have, malformed UTF-8, or an incomplete character at EOF is an
// error or is replaced, depending on malformed. With Fail, the text before it is handed on, then
// the run ends with an [*EncodeError]. With Replace, it becomes U+FFFD or, if enc does not have
// U+FFFD, the substitute character of ASCII, U+001A. An error of the encoder itself always ends the
// run with an EncodeError.
//
// If the consumer ends on a chunk, the text that is not encoded yet is left over. If the consumer
// leaves over bytes of the chunk, text for those bytes comes before it. In UTF-8 this text is those
// bytes. In other character sets it is all text of the chunk.
//
// Encode panics if enc is nil or malformed is not one of the two.
//
// Play calls it CharEncoding.encode.
func Encode(enc encoding.Encoding, malformed Malformed) enumeratee.Enumeratee[string, []byte] {
	checkCoding("Encode", enc, malformed)
	return attach(func() *coding[string, []byte] {
		return &coding[string, []byte]{
			code: encodeWith(enc.NewEncoder(), malformed),
			to:   slices.Clone[[]byte],
			fail: func(offset int64, at []byte, cause error) error {
				r, _ := utf8.DecodeRune(at)
				return &EncodeError{offset, r, cause}
			},
			same: enc == unicode.UTF8,
		}
	})
}

// An EncodeError says that [Encode] could not encode its input.
type EncodeError struct {
	Offset int64 // of Rune, in bytes from the start of the run
	Rune   rune  // the character, or utf8.RuneError for malformed UTF-8
	Err    error // ErrUnencodable, ErrMalformed, ErrIncomplete or an error of the encoder
}

func (e *EncodeError) Error() string {
	return fmt.Sprintf("%v: %#U, at byte %d", e.Err, e.Rune, e.Offset)
}

// Unwrap returns Err.
func (e *EncodeError) Unwrap() error { return e.Err }

// encodeWith gives the encoder only well-formed UTF-8, since encoders differ in how they
// treat other bytes. Replacements go through the encoder too, since it keeps the state.
func encodeWith(encoder transform.Transformer, malformed Malformed) coder {
	return func(dst, src []byte, atEOF bool) (_ []byte, n int, err error) {
		for {
			valid := src[n : n+validUTF8(src[n:])]
			var took int
			dst, took, err = transformAll(encoder, dst, valid, atEOF && n+len(valid) == len(src))
			n += took
			full := utf8.FullRune(src[n:])
			switch _, lacking := err.(interface{ Replacement() byte }); {
			case lacking: // golang.org/x/text itself tests for this method
				err = ErrUnencodable
			case err != nil, n == len(src), !full && !atEOF:
				return dst, n, err
			case !full:
				err = ErrIncomplete
			default:
				err = ErrMalformed
			}
			if malformed == Fail {
				return dst, n, err
			}
			for _, r := range []string{replacement, string(encoding.ASCIISub)} {
				var failed error
				if dst, _, failed = transformAll(encoder, dst, []byte(r), false); failed == nil {
					err = nil
					break
				}
			}
			if err != nil {
				return dst, n, err
			}
			n += first(src[n:])
		}
	}
}
