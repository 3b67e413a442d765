package ndjson

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/halley-go/halley/enumeratee"
)

// Encode returns the adapter that encodes each element as a line of JSON: one chunk, which ends in
// LF and belongs to the consumer.
//
// The element is encoded by encoding/json through its address, so methods with a pointer receiver
// count. The line has no other LF. Malformed UTF-8 in a string or in the output of a method becomes
// U+FFFD. Unlike in encoding/json, the characters <, > and & are not escaped, so a line must not be
// put into a script; package comet is for that.
//
// An element that cannot be encoded, such as a channel or NaN, ends the run, unless
// [enumeratee.Recover] drops it or comet.Recover reports a gap in its place. If the consumer ends on
// a line and leaves it over, the element is left over, as with [enumeratee.Map]. The line is the
// only allocation, apart from those in the element's methods.
func Encode[E any]() enumeratee.Enumeratee[E, []byte] { return encode[E]("Encode", "") }

// EncodeSeq is like [Encode], but makes a JSON text sequence of RFC 7464 (application/json-seq): the
// record separator, 1E, precedes each line.
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
			e = zero // do not keep the element alive
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
