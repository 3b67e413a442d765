package httpadapter

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
	"github.com/halley-go/halley/iteratee"
)

// Bytes returns the parser that ends with the whole body, of any media type. More than
// max bytes are a 413. It panics if max is negative.
//
// It is Play's parse.raw as far as that is in memory; [ToTempFile] is the rest of it.
func Bytes(max int64) iteratee.Iteratee[[]byte, []byte] {
	checkMax("Bytes", max)
	return Using(func(r *http.Request) (iteratee.Iteratee[[]byte, []byte], error) {
		return inMemory(r, max, func(body []byte) ([]byte, error) { return body, nil })
	})
}

// Text returns the parser of a text/plain body. The character set is the one that the
// request names, and ISO-8859-1 if it names none. Another media type or a character set
// that is not known is a 415, malformed text a 400, more than max bytes a 413. It panics
// if max is negative.
//
// It is Play's parse.text, where another media type is a 400.
func Text(max int64) iteratee.Iteratee[[]byte, string] {
	checkMax("Text", max)
	return ofType(only("text/plain"), "text/plain", func(r *http.Request, params map[string]string) (it iteratee.Iteratee[[]byte, string], err error) {
		charset, ok := params["charset"]
		if !ok {
			charset = "ISO-8859-1"
		}
		enc, err := encodingOf(charset)
		if err != nil {
			return it, &StatusError{Status: http.StatusUnsupportedMediaType, Text: "unknown charset", Err: err}
		}
		if r.ContentLength > max {
			return it, tooLarge(max)
		}
		return badRequest(MaxLength(max, enumeratee.Transform(text.Decode(enc, text.Fail), joined()))), nil
	})
}

// joined is the Iteratee of all strings in one.
func joined() iteratee.Iteratee[string, string] {
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
		return nil, fmt.Errorf("httpadapter: charset %q: %w", charset, err)
	}
	return enc, nil
}
