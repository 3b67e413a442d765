package httpadapter

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/halley-go/halley/iteratee"
)

// Form returns the parser of an application/x-www-form-urlencoded body in UTF-8, as
// url.ParseQuery reads it. Another media type or charset is a 415, what ParseQuery does
// not take a 400, more than max bytes a 413. It panics if max is negative.
//
// It is Play's parse.urlFormEncoded, which knows other charsets, and where another media
// type is a 400.
func Form(max int64) iteratee.Iteratee[[]byte, url.Values] {
	checkMax("Form", max)
	const mediaType = "application/x-www-form-urlencoded"
	return ofType(only(mediaType), mediaType, func(r *http.Request, params map[string]string) (it iteratee.Iteratee[[]byte, url.Values], err error) {
		if err := utf8Only(params); err != nil {
			return it, err
		}
		return inMemory(r, max, func(body []byte) (url.Values, error) { return url.ParseQuery(string(body)) })
	})
}

// utf8Only is an error if the parameters of a media type name another charset.
func utf8Only(params map[string]string) error {
	charset, ok := params["charset"]
	if !ok || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") {
		return nil
	}
	return &StatusError{Status: http.StatusUnsupportedMediaType, Text: "expected UTF-8"}
}
