package httpadapter

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/halley-go/halley/iteratee"
)

// JSON returns the parser of a JSON body: an A, made as encoding/json makes it. The
// media type is application/json, text/json or application/...+json. Another one is a
// 415, and more than max bytes are a 413. A 400 is a body that is empty, is not UTF-8, is
// not JSON or is no A, that goes on after the value, or is nested deeper than 10,000. It
// panics if max is negative.
//
// What else a value must be, a function of [iteratee.MapM] can ask, and answer with a
// [StatusError].
//
// It is Play's parse.json, where another media type is a 400, +json is one, and UTF-16
// and UTF-32 are JSON; and with MapM its parse.validate.
func JSON[A any](max int64) iteratee.Iteratee[[]byte, A] {
	checkMax("JSON", max)
	return ofType(isJSON, "application/json", func(r *http.Request, _ map[string]string) (iteratee.Iteratee[[]byte, A], error) {
		return inMemory(r, max, func(body []byte) (a A, err error) {
			if !utf8.Valid(body) {
				return a, errors.New("httpadapter: JSON: not UTF-8")
			}
			err = json.Unmarshal(body, &a)
			return a, err
		})
	})
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "text/json" ||
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}
