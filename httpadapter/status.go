package httpadapter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/halley-go/halley/httpadapter/internal/answer"
)

// StatusClientClosedRequest is the status of a request whose client has left before the answer. It is for
// access logs and metrics, because no client receives it. nginx introduced this status, and net/http has
// no constant for it.
const StatusClientClosedRequest = 499

// A StatusError is an error that tells how to answer the request. The answer need not be a failure: a
// 204 tells a browser's EventSource not to connect again, and a 303 with a Location redirects a client.
type StatusError struct {
	Status int         // such as http.StatusBadRequest; values outside 200 to 599 are treated as 500
	Text   string      // for the client, after the name of the status; may be empty
	Header http.Header // headers of the answer, such as Retry-After; may be nil
	Err    error       // the cause, for the log and for errors.Is; may be nil
}

func (e *StatusError) Error() string {
	text := e.answer()
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return fmt.Sprintf("%d %s", e.Status, text)
}

func (e *StatusError) Unwrap() error { return e.Err }

func (e *StatusError) answer() string {
	text := http.StatusText(e.Status)
	if e.Status == StatusClientClosedRequest {
		text = "Client Closed Request"
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// Error answers r with the status, the headers and the text of the [StatusError] that err is or wraps, or
// with a plain 500. The client receives nothing else of err. The answer is plain text, like the answer of
// [http.Error]. Answers with status 204, 205 and 304 have no body. The response must not have begun.
//
// If the client has left, nobody receives the answer, and the plain 500 becomes
// [StatusClientClosedRequest] for logs and metrics. The client counts as gone if err wraps
// [ErrClientGone] or the context of r was canceled.
//
// Error logs err, with the method and the path, to the ErrorLog of the http.Server, or to package log if the
// server has none. It does not log a StatusError below 400, an error that wraps [ErrClientGone], and
// context.Canceled after the client has left.
//
// In a function of parse.Action that has begun its response, Error only logs err.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	e := statusOf(err)
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // the rest of the body is not read
		}
	}
	logFailure(r, e.Status, err)
	if a, ok := w.(*answer.Writer); ok && a.Begun {
		return
	}
	statusOf(orGone(r, err)).write(w)
}

// orGone returns err, and wraps it with ErrClientGone if the client has left.
func orGone(r *http.Request, err error) error {
	if hasLeft(r) && !errors.Is(err, ErrClientGone) {
		err = fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	return err
}

// hasLeft reports whether net/http has noticed that the client has left.
func hasLeft(r *http.Request) bool { return context.Cause(r.Context()) == context.Canceled }

func (e *StatusError) write(w http.ResponseWriter) {
	h := w.Header()
	for key, values := range e.Header {
		h[http.CanonicalHeaderKey(key)] = slices.Clone(values)
	}
	switch e.Status {
	case http.StatusNoContent, http.StatusResetContent, http.StatusNotModified:
		h.Del("Content-Length") // as http.Error does
		w.WriteHeader(e.Status)
	default:
		http.Error(w, e.answer(), e.Status)
	}
}

func statusOf(err error) *StatusError {
	if e, ok := errors.AsType[*StatusError](err); ok && e.Status >= 200 && e.Status <= 599 {
		return e
	}
	if errors.Is(err, ErrClientGone) {
		return &StatusError{Status: StatusClientClosedRequest}
	}
	return &StatusError{Status: http.StatusInternalServerError}
}

func logFailure(r *http.Request, status int, err error) {
	if status >= 400 && !errors.Is(err, ErrClientGone) && !(hasLeft(r) && errors.Is(err, context.Canceled)) {
		logError(&serverLog{}, r, "httpadapter: request failed", err)
	}
}
