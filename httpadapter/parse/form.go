package parse

import (
	"net/http"
	"net/url"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Form returns the parser of an application/x-www-form-urlencoded body in UTF-8. It reads the body as
// url.ParseQuery does.
//
// Another media type or charset is a 415. A body that ParseQuery refuses is a 400. More than limit
// bytes are a 413. Form panics if limit is negative.
//
// Play calls it parse.urlFormEncoded, which knows other charsets. There another media type is a 400.
func Form(limit int64) iteratee.Iteratee[[]byte, url.Values] {
	check.NotNegative("httpadapter/parse: Form: limit", limit)
	const mediaType = "application/x-www-form-urlencoded"
	return ofType(only(mediaType), mediaType, func(r *http.Request, params map[string]string) (parser iteratee.Iteratee[[]byte, url.Values], err error) {
		if err := utf8Only(params); err != nil {
			return parser, err
		}
		return inMemory(r, limit, func(body []byte) (url.Values, error) { return url.ParseQuery(string(body)) })
	})
}
