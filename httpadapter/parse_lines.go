package httpadapter

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/iteratee"
)

// JSONLines returns the parser of a body with one JSON value in each line, however long:
// it gets each value as its line arrives, and the parser ends as it does. The media type is
// application/x-ndjson, application/ndjson or application/jsonl, in UTF-8. Another one is a
// 415, a line that is no E a 400, and a line of more than maxLine bytes a 413; it has got
// the values before by then. An error of it stays as it is. It panics if maxLine is not
// positive.
//
// Lines are read by package enumeratee/ndjson.
func JSONLines[E, A any](maxLine int, it iteratee.Iteratee[E, A]) iteratee.Iteratee[[]byte, A] {
	if maxLine <= 0 {
		panic(fmt.Sprintf("httpadapter: JSONLines: maxLine must be positive, got %d", maxLine))
	}
	lines := iteratee.Recover(enumeratee.Transform(ndjson.Decode[E](maxLine), it), func(err error) (a A, _ error) {
		var line *ndjson.Error
		var tooLong *text.TooLongError
		switch {
		case !errors.As(err, &line):
			return a, err
		case errors.As(line.Err, &tooLong):
			return a, &StatusError{Status: http.StatusRequestEntityTooLarge, Text: fmt.Sprintf("the limit is %d bytes in a line", maxLine), Err: err}
		}
		return a, &StatusError{Status: http.StatusBadRequest, Text: fmt.Sprintf("line %d", line.Record), Err: err}
	})
	return ofType(isJSONLines, "application/x-ndjson", func(_ *http.Request, params map[string]string) (iteratee.Iteratee[[]byte, A], error) {
		return lines, utf8Only(params)
	})
}

func isJSONLines(mediaType string) bool {
	return mediaType == "application/x-ndjson" || mediaType == "application/ndjson" || mediaType == "application/jsonl"
}
