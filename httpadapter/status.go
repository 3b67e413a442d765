package httpadapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/halley-go/halley/httpadapter/internal/answer"
)

// StatusClientClosedRequest is the status of a request whose client left before it was
// answered. The client cannot see it: it is for access logs and metrics. It comes from
// nginx; net/http has no name for it.
const StatusClientClosedRequest = 499

// A StatusError is an error that knows how to answer the request that it is about. The
// answer need not be a failure: 204 tells a browser's EventSource not to come
// again, and 303 with a Location sends a client elsewhere.
type StatusError struct {
	Status int         // from 200 to 599, such as http.StatusBadRequest; any other value counts as 500
	Text   string      // for the client, after the status; it may be empty
	Header http.Header // set in the answer, such as Retry-After; it may be nil
	Err    error       // the cause, for the log and for errors.Is; it may be nil
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

// Error answers r with err, as http.Error does: with the status, the headers and the text of
// the [StatusError] that err is or wraps, otherwise with a plain 500. The client never sees
// another word of err. The body is plain text, whatever Content-Type a Header names; 204, 205
// and 304 have none. The response must not have begun.
//
// If the client has left, nobody gets the answer. Then it is [StatusClientClosedRequest] in
// place of the plain 500, for those who count: if err wraps [ErrClientGone], or the context of
// r was canceled.
//
// err goes to slog's default logger, with the method and the path: those of 500 and
// above as errors, others as information. A StatusError below 400 is not logged, and neither is
// an error that wraps [ErrClientGone], or context.Canceled after the client has left.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	e := statusOf(err)
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // there is more of the body, which nobody wants
		}
	}
	logFailure(r, e.Status, err)
	if a, ok := w.(*answer.Writer); ok && a.Begun {
		return
	}
	statusOf(orGone(r, err)).write(w)
}

// orGone returns err, wrapped with ErrClientGone if the context of r was canceled, which is how
// net/http tells that the client has left.
func orGone(r *http.Request, err error) error {
	if hasLeft(r) && !errors.Is(err, ErrClientGone) {
		err = fmt.Errorf("%w: %w", ErrClientGone, err)
	}
	return err
}

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

func levelOf(status int) slog.Level {
	if status >= 500 {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func logFailure(r *http.Request, status int, err error) {
	if status < 400 || errors.Is(err, ErrClientGone) || hasLeft(r) && errors.Is(err, context.Canceled) {
		return
	}
	slog.Log(r.Context(), levelOf(status), "httpadapter: request failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
}
