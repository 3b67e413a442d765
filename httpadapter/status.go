package httpadapter

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// A StatusError is an error that knows how to answer the request that it is about.
type StatusError struct {
	Status int    // such as http.StatusBadRequest; what is none of an error counts as 500
	Text   string // for the client, after the status; it may be empty
	Err    error  // the cause, for the log and for errors.Is; it may be nil
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
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// Error answers r with err, as http.Error does: with the status and the text of the
// [StatusError] that err is or wraps, otherwise with a plain 500. The client never sees
// another word of err. The response must not have begun.
//
// err goes to slog's default logger, with the method and the path: those of 500 and
// above as errors, others as information, and those that wrap [ErrClientGone] not at
// all.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	e := statusOf(err)
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // there is more of the body, which nobody wants
		}
	}
	logFailure(r, e.Status, err)
	e.write(w)
}

func (e *StatusError) write(w http.ResponseWriter) { http.Error(w, e.answer(), e.Status) }

func statusOf(err error) *StatusError {
	if e := (*StatusError)(nil); errors.As(err, &e) && e.Status >= 400 && e.Status <= 599 {
		return e
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
	if errors.Is(err, ErrClientGone) {
		return
	}
	slog.Log(r.Context(), levelOf(status), "httpadapter: request failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
}
