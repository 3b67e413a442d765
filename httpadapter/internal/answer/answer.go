// Package answer tells whether the response to a request has begun.
package answer

import (
	"errors"
	"net/http"
)

// A Writer is a ResponseWriter that notes whether the response has begun. httpadapter.Error does not
// write to one that has Begun.
type Writer struct {
	http.ResponseWriter
	Begun bool
}

// WriteHeader begins the response, unless status is one of those that come before it.
func (w *Writer) WriteHeader(status int) {
	w.Begun = w.Begun || status >= 200 || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

func (w *Writer) Write(p []byte) (int, error) {
	w.Begun = true
	return w.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (w *Writer) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	w.Begun = w.Begun || !errors.Is(err, http.ErrNotSupported)
	return err
}

// Unwrap is for http.ResponseController.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
