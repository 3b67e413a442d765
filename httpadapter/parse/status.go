package parse

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

func badRequest(text string, err error) error {
	return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: text, Err: err}
}

func unsupported(text string, err error) error {
	return &httpadapter.StatusError{Status: http.StatusUnsupportedMediaType, Text: text, Err: err}
}

func tooLarge(text string, err error) error {
	return &httpadapter.StatusError{Status: http.StatusRequestEntityTooLarge, Text: text, Err: err}
}

// tooLong is the error of a body, or of a part of it, that has more than limit bytes.
func tooLong(limit int64) error {
	return tooLarge(fmt.Sprintf("the limit is %d bytes", limit), &http.MaxBytesError{Limit: limit})
}

// asBadRequest returns err with status 400 if it has no status.
func asBadRequest(err error) error {
	if status := (*httpadapter.StatusError)(nil); errors.As(err, &status) {
		return err
	}
	return badRequest("", err)
}

// failingWithBadRequest returns parser with the errors of asBadRequest.
func failingWithBadRequest[A any](parser iteratee.Iteratee[[]byte, A]) iteratee.Iteratee[[]byte, A] {
	return iteratee.Recover(parser, func(err error) (a A, _ error) { return a, asBadRequest(err) })
}
