package parse

import (
	"net/http"
	"slices"
	"time"

	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/internal/answer"
	"github.com/halley-go/halley/iteratee"
)

// Action returns the http.Handler that runs parser over the body of each request, as [Body] does, and
// calls f with the result. It reads the body with the option [httpadapter.Writer] and with opts.
//
// [httpadapter.Error] answers with an error of the body, of parser or of f. If f has begun to answer
// before it fails, its error is only logged. To break off the response, f calls
// panic(http.ErrAbortHandler). The ResponseWriter of f is a wrapper: use http.ResponseController to
// flush it and to set deadlines. The time of http.Server.WriteTimeout begins when the body has been read or has
// failed. Action panics if f is nil.
//
// Play calls it Action, which is an EssentialAction made of a body parser and a function.
func Action[A any](parser iteratee.Iteratee[[]byte, A], f func(http.ResponseWriter, *http.Request, A) error, opts ...httpadapter.BodyOption) http.Handler {
	if f == nil {
		panic("httpadapter/parse: Action: f must not be nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response, rc := &answer.Writer{ResponseWriter: w}, http.NewResponseController(w)
		srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
		limited := srv != nil && srv.WriteTimeout > 0
		if limited {
			_ = rc.SetWriteDeadline(time.Time{}) // an expired deadline would reset a stream of HTTP/2
		}
		a, err := Body(r, parser, slices.Concat([]httpadapter.BodyOption{httpadapter.Writer(w)}, opts)...)
		if limited {
			_ = rc.SetWriteDeadline(time.Now().Add(srv.WriteTimeout))
		}
		if err == nil {
			err = f(response, r, a)
		}
		if err != nil {
			httpadapter.Error(response, r, err)
		}
	})
}
