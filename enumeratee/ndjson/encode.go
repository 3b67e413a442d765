package ndjson

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/halley-go/halley/enumeratee"
)

// Encode returns the adapter that makes a line of JSON of each element: one chunk, which ends in
// LF and belongs to the consumer. A line is what encoding/json makes of the address of the element,
// so methods of a pointer count, and it holds no other LF, whatever a method returns. Bytes of a
// method that are not UTF-8 become U+FFFD, as those of a string do. Unlike in encoding/json, <, >
// and & stay as they are: this is not for scripts, which package comet is for.
//
// A value that cannot be encoded, such as a channel or NaN, ends the run, unless [enumeratee.Recover]
// drops it or comet.Recover tells a gap in its place. If the consumer ends on a
// line and leaves it over, the element is left over, as with [enumeratee.Map]. The line is the only
// allocation, apart from those of the methods of the element.
func Encode[E any]() enumeratee.Enumeratee[E, []byte] { return encode[E]("Encode", "") }

// EncodeSeq is [Encode] in the form of RFC 7464, a JSON text sequence (application/json-seq): the
// record separator, 1E, comes before each line.
func EncodeSeq[E any]() enumeratee.Enumeratee[E, []byte] { return encode[E]("EncodeSeq", "\x1E") }

func encode[E any](function, before string) enumeratee.Enumeratee[E, []byte] {
	return enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[E, []byte], error) {
		var (
			buf  bytes.Buffer
			e    E // one address for all elements
			zero E
		)
		encoder := json.NewEncoder(&buf)
		encoder.SetEscapeHTML(false)
		return enumeratee.MapM(func(_ context.Context, next E) ([]byte, error) {
			buf.Reset()
			buf.WriteString(before)
			e = next
			err := encoder.Encode(&e)
			e = zero // it belongs to whoever made it
			if err != nil {
				return nil, fmt.Errorf("enumeratee/ndjson: %s: %w", function, err)
			}
			if !utf8.Valid(buf.Bytes()) {
				return []byte(string([]rune(buf.String()))), nil
			}
			return bytes.Clone(buf.Bytes()), nil
		}), nil
	})
}
