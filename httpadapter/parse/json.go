package parse

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// JSON returns the parser of a JSON body, which ends with an A that encoding/json has decoded. The
// media type is application/json, text/json or application/...+json. To validate the value, wrap the
// parser in [iteratee.MapM] with a function that returns a [httpadapter.StatusError].
//
// Another media type is a 415. A body that is empty, is not UTF-8, is not JSON, does not fit an A,
// goes on after the value or is nested deeper than 10,000 is a 400. More than limit bytes are a 413.
// JSON panics if limit is negative.
//
// Play calls it parse.json and, with MapM, parse.validate. There another media type is a 400, +json is
// not accepted, and JSON may be in UTF-16 or UTF-32.
func JSON[A any](limit int64) iteratee.Iteratee[[]byte, A] {
	check.NotNegative("httpadapter/parse: JSON: limit", limit)
	return ofType(isJSON, "application/json", func(r *http.Request, _ map[string]string) (iteratee.Iteratee[[]byte, A], error) {
		return inMemory(r, limit, func(body []byte) (a A, err error) {
			if !utf8.Valid(body) {
				return a, errors.New("httpadapter/parse: JSON: not UTF-8")
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

// JSONLines returns the parser of a body that has one JSON value in each line. It hands each value to
// consumer when its line has arrived, and ends as consumer does. The body may have any length. The
// media type is application/x-ndjson, application/ndjson or application/jsonl, in UTF-8.
//
// Another media type or charset is a 415. A line that is not JSON or does not fit an E is a 400, and a
// line of more than limit bytes is a 413; consumer has received the values before it. An error of
// consumer is returned unchanged. JSONLines panics if limit is not positive.
func JSONLines[E, A any](consumer iteratee.Iteratee[E, A], limit int64) iteratee.Iteratee[[]byte, A] {
	check.Positive("httpadapter/parse: JSONLines: limit", limit)
	decode := ndjson.Decode[E](int(min(limit, math.MaxInt)))
	lines := iteratee.Recover(enumeratee.Transform(decode, consumer), func(err error) (a A, _ error) {
		var line *ndjson.Error
		var long *text.TooLongError
		switch {
		case !errors.As(err, &line):
			return a, err
		case errors.As(line.Err, &long):
			return a, tooLarge(fmt.Sprintf("the limit is %d bytes in a line", limit), err)
		}
		return a, badRequest(fmt.Sprintf("line %d", line.Record), err)
	})
	accept := only("application/x-ndjson", "application/ndjson", "application/jsonl")
	return ofType(accept, "application/x-ndjson", func(_ *http.Request, params map[string]string) (iteratee.Iteratee[[]byte, A], error) {
		return lines, utf8Only(params)
	})
}
