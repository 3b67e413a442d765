package parse

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Bytes returns the parser of a body of any media type, which ends with the whole body. More than
// limit bytes are a 413. Bytes panics if limit is negative.
//
// Play calls it parse.raw, which continues in a file beyond a threshold; see [ToTempFile].
func Bytes(limit int64) iteratee.Iteratee[[]byte, []byte] {
	check.NotNegative("httpadapter/parse: Bytes: limit", limit)
	return Using(func(r *http.Request) (iteratee.Iteratee[[]byte, []byte], error) {
		return inMemory(r, limit, func(body []byte) ([]byte, error) { return body, nil })
	})
}

// Text returns the parser of a text/plain body. The character set is the one that the request names,
// or ISO-8859-1 if it names none.
//
// Another media type, or a character set that is not known, is a 415. Malformed text is a 400. More
// than limit bytes are a 413. Text panics if limit is negative.
//
// Play calls it parse.text; there another media type is a 400.
func Text(limit int64) iteratee.Iteratee[[]byte, string] {
	check.NotNegative("httpadapter/parse: Text: limit", limit)
	return ofType(only("text/plain"), "text/plain", func(r *http.Request, params map[string]string) (parser iteratee.Iteratee[[]byte, string], err error) {
		charset, ok := params["charset"]
		if !ok {
			charset = "ISO-8859-1"
		}
		enc, err := encodingOf(charset)
		if err != nil {
			return parser, unsupported("unknown charset", err)
		}
		return limited(r, enumeratee.Transform(text.Decode(enc, text.Fail), concat()), limit)
	})
}

// concat returns the Iteratee that ends with all strings in one.
func concat() iteratee.Iteratee[string, string] {
	return iteratee.Defer(func(context.Context) (iteratee.Iteratee[string, string], error) {
		var all strings.Builder
		return iteratee.Map(iteratee.ForEach(func(_ context.Context, s string) error {
			all.WriteString(s)
			return nil
		}), func(struct{}) string { return all.String() }), nil
	})
}

// encodingOf knows the names of IANA, and those that browsers know.
func encodingOf(charset string) (encoding.Encoding, error) {
	if enc, err := ianaindex.MIME.Encoding(charset); err == nil && enc != nil {
		return enc, nil
	}
	enc, err := htmlindex.Get(charset)
	if err != nil {
		return nil, fmt.Errorf("httpadapter/parse: charset %q: %w", charset, err)
	}
	return enc, nil
}
