package parse

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// DefaultMax is 100 KiB, the limit of Play for a body that is kept in memory.
const DefaultMax = 100 << 10

// Body runs parser over the body of r and returns the result of parser. opts are those of
// [httpadapter.Body].
//
// An error of the body, or of a parser of this package, is a [httpadapter.StatusError], with which
// [httpadapter.Error] answers. If Body fails or panics, it removes the files that [ToFile] and
// [ToTempFile] have written. If parser is done before the body ends, the rest of the body stays
// unread: see [httpadapter.Body].
//
// Play runs a BodyParser, which is a function from a request's header to an Iteratee that ends with
// a result or a response.
func Body[A any](r *http.Request, parser iteratee.Iteratee[[]byte, A], opts ...httpadapter.BodyOption) (a A, err error) {
	p := &parsing{r: r}
	parsed := false
	defer func() {
		if !parsed {
			p.removeFiles()
		}
	}()
	a, err = enumerator.Run(context.WithValue(r.Context(), parsingKey{}, p), httpadapter.Body(r, opts...), parser)
	parsed = err == nil
	if err == context.Canceled && r.Context().Err() != nil { // HTTP/2 says so when the client has left
		err = badRequest("", fmt.Errorf("%w: %w", httpadapter.ErrClientGone, err))
	}
	return a, err
}

type parsingKey struct{}

// parsing is one call of Body, which a parser finds in the context of its run.
type parsing struct {
	r     *http.Request
	files []string // those that are complete
}

// parsingOf returns nil if ctx is not that of a run of Body.
func parsingOf(ctx context.Context) *parsing {
	p, _ := ctx.Value(parsingKey{}).(*parsing)
	return p
}

// Using returns a parser that calls choose with the request, and then runs the parser that choose
// returns. It reads nothing before that. An error of choose ends the run. The parser runs within
// [Body] and [Action] only, and fails elsewhere. Using panics if choose is nil.
//
// Play calls it parse.using and, with a choose that fails, parse.when and parse.error.
func Using[A any](choose func(*http.Request) (iteratee.Iteratee[[]byte, A], error)) iteratee.Iteratee[[]byte, A] {
	if choose == nil {
		panic("httpadapter/parse: Using: choose must not be nil")
	}
	return iteratee.Defer(func(ctx context.Context) (parser iteratee.Iteratee[[]byte, A], err error) {
		p := parsingOf(ctx)
		if p == nil {
			return parser, errors.New("httpadapter/parse: this parser needs a request: run it with Body or Action")
		}
		return choose(p.r)
	})
}
