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

// Encode returns the adapter that hands on the bytes of each string in the character
// set enc, any of golang.org/x/text/encoding: see [Decode].
//
// One encoder serves the whole run, so a byte order mark is written once, and what
// ends the text in the likes of ISO-2022-JP at EOF. A character of which the UTF-8 is
// split over strings is completed; no empty chunk is handed on.
//
// A character that enc does not have, malformed UTF-8, and at EOF an incomplete
// character, end the run with an [*EncodeError], after what comes before was handed
// on, or are replaced, as malformed says: by U+FFFD or, where enc does not have that, by
// U+001A, the substitute character of ASCII. An error of the encoder itself is in an
// EncodeError in either case. Encode panics if enc is nil.
//
// What is left over is as with Decode: the beginning of a character, and before it the
// string that was encoded, if the consumer has left over some of its bytes; just those
// in UTF-8.
//
// It is Play's CharEncoding.encode.
func Encode(enc encoding.Encoding, malformed Malformed) enumeratee.Enumeratee[string, []byte] {
	check("Encode", enc, malformed)
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
	Offset int64 // of what could not be encoded, in bytes from the start of the run
	Rune   rune  // what could not be encoded, utf8.RuneError for malformed UTF-8
	Err    error // ErrUnencodable, ErrMalformed, ErrIncomplete or an error of the encoder
}

func (e *EncodeError) Error() string {
	return fmt.Sprintf("%v: %#U, at byte %d", e.Err, e.Rune, e.Offset)
}

// Unwrap returns Err.
func (e *EncodeError) Unwrap() error { return e.Err }

// encodeWith gives the encoder well-formed UTF-8 only, as encoders differ in what they
// make of other bytes. Replacements go through the encoder too: it knows the state it
// is in.
func encodeWith(encoder transform.Transformer, malformed Malformed) coder {
	return func(dst, src []byte, atEOF bool) (_ []byte, n int, err error) {
		for {
			valid := src[n : n+validUTF8(src[n:])]
			var took int
			dst, took, err = transformAll(encoder, dst, valid, atEOF && n+len(valid) == len(src))
			n += took
			full := utf8.FullRune(src[n:])
			switch _, lacking := err.(interface{ Replacement() byte }); {
			case lacking: // as golang.org/x/text itself tells
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
