package httpadapter

import (
	"errors"
	"net/http"
	"slices"

	"github.com/halley-go/halley/iteratee"
)

// Action returns the http.Handler that parses the body of each request, and calls f with
// the result. An error of the body, of parser or of f is answered as [Error] does: with
// the status and the text of a [StatusError], otherwise with a 500, and with nothing of
// the cause. If f has begun to answer by then, its error only goes to the log; f can break
// off the response with panic(http.ErrAbortHandler).
//
// The body is read with the option [Writer], and with opts. The ResponseWriter that f gets
// notes whether f has begun; for flushing and the like use http.ResponseController, as
// [Serve] does. It panics if f is nil.
//
// It is Play's Action, an EssentialAction made of a body parser and a function.
func Action[A any](parser iteratee.Iteratee[[]byte, A], f func(http.ResponseWriter, *http.Request, A) error, opts ...BodyOption) http.Handler {
	if f == nil {
		panic("httpadapter: Action: f must not be nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := Parse(r, parser, slices.Concat([]BodyOption{Writer(w)}, opts)...)
		if err != nil {
			Error(w, r, err)
			return
		}
		answer := &answer{ResponseWriter: w}
		switch err := f(answer, r, a); {
		case err == nil:
		case answer.begun:
			logFailure(r, statusOf(err).Status, err)
		default:
			Error(w, r, err)
		}
	})
}

// answer is a ResponseWriter that notes whether the response has begun.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (a *answer) WriteHeader(status int) {
	a.begun = a.begun || status >= 200 || status == http.StatusSwitchingProtocols
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (a *answer) FlushError() error {
	err := http.NewResponseController(a.ResponseWriter).Flush()
	a.begun = a.begun || !errors.Is(err, http.ErrNotSupported)
	return err
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
