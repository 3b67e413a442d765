package httpadapter

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// DefaultMax is Play's limit for a body that is kept in memory: 100 KiB.
const DefaultMax = 100 << 10

// Parse runs parser over the body of r and returns its result. Parsers are Iteratees:
// [Text], [JSON], [Form], [Multipart] and the others here look at the header of r too;
// any other Iteratee of chunks will do.
//
// An error of the body, or of a parser here, is a [StatusError], which [Error] answers
// with. If the parser is done before the body ends, what is left stays unread: see
// [Body], which also says what the options do. If Parse fails or panics, the files that
// [ToFile] and [ToTempFile] have written in it are removed.
//
// It is what runs Play's BodyParser, a function from a request's header to an Iteratee
// that ends with a result or a response.
func Parse[A any](r *http.Request, parser iteratee.Iteratee[[]byte, A], opts ...BodyOption) (a A, err error) {
	p := &parsing{r: r}
	parsed := false
	defer func() {
		if !parsed {
			p.removeFiles()
		}
	}()
	a, err = enumerator.Run(context.WithValue(r.Context(), parsingKey{}, p), Body(r, opts...), parser)
	parsed = err == nil
	if err == context.Canceled && r.Context().Err() != nil { // which is how HTTP/2 says it
		err = &StatusError{Status: http.StatusBadRequest, Err: fmt.Errorf("%w: %w", ErrClientGone, err)}
	}
	return a, err
}

type parsingKey struct{}

// parsing is what a parser can find in the context of its run.
type parsing struct {
	r     *http.Request
	files []string // complete
}

// Using returns the parser that choose makes for each request. If choose fails, so does
// the run, before anything is read; a [StatusError] says how to answer. It runs within
// [Parse] only, and fails elsewhere. It panics if choose is nil.
//
// It is Play's parse.using and, with a choose that fails, parse.when and parse.error.
func Using[A any](choose func(*http.Request) (iteratee.Iteratee[[]byte, A], error)) iteratee.Iteratee[[]byte, A] {
	if choose == nil {
		panic("httpadapter: Using: choose must not be nil")
	}
	return iteratee.Defer(func(ctx context.Context) (it iteratee.Iteratee[[]byte, A], err error) {
		p, ok := ctx.Value(parsingKey{}).(*parsing)
		if !ok {
			return it, errors.New("httpadapter: this parser needs a request: run it with Parse")
		}
		return choose(p.r)
	})
}

// Tolerant returns the parser that does not mind the media type of the body: [Text],
// [JSON], [JSONLines] and [Form] take any, or none. What they are made of, such as a
// charset, still counts.
//
// Tolerant(Text(n)) is Play's parse.tolerantText, and so on.
func Tolerant[A any](parser iteratee.Iteratee[[]byte, A]) iteratee.Iteratee[[]byte, A] {
	return iteratee.New(func(ctx context.Context) iteratee.Running[[]byte, A] {
		return parser.Start(context.WithValue(ctx, tolerantKey{}, true))
	})
}

type tolerantKey struct{}

// ofType is [Using] for a parser of bodies of some media types. choose gets the
// parameters that follow the type.
func ofType[A any](accept func(mediaType string) bool, expected string, choose func(r *http.Request, params map[string]string) (iteratee.Iteratee[[]byte, A], error)) iteratee.Iteratee[[]byte, A] {
	return iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[[]byte, A], error) {
		return Using(func(r *http.Request) (it iteratee.Iteratee[[]byte, A], err error) {
			mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
			tolerant := ctx.Value(tolerantKey{}) != nil
			if !tolerant && (err != nil || !accept(mediaType)) {
				return it, &StatusError{Status: http.StatusUnsupportedMediaType, Text: "expected " + expected, Err: err}
			}
			return choose(r, params)
		}), nil
	})
}

func only(mediaType string) func(string) bool {
	return func(t string) bool { return t == mediaType }
}

// MaxLength returns the Iteratee that is it, for at most n bytes: one more is an error
// with status 413. The n bytes reach it before. If it is done by then, there is no error.
// It panics if n is negative.
//
// It is Play's parse.maxLength, which reads on over the limit.
func MaxLength[A any](n int64, it iteratee.Iteratee[[]byte, A]) iteratee.Iteratee[[]byte, A] {
	checkMax("MaxLength", n)
	return enumeratee.Transform(atMost(n), it)
}

func atMost(n int64) enumeratee.Enumeratee[[]byte, []byte] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[[]byte]) (iteratee.Sink[[]byte], iteratee.Step) {
		left, end, over := n, iteratee.StepCont, []byte(nil)
		return iteratee.Sink[[]byte]{
			Next: func(chunk []byte) iteratee.Step {
				if !end.IsCont() {
					return end
				}
				if int64(len(chunk)) > left {
					chunk, over = chunk[:left:left], chunk[left:]
				}
				left -= int64(len(chunk))
				if len(chunk) > 0 {
					end = inner.Next(chunk)
				}
				if end.IsCont() && over != nil {
					end = iteratee.StepError(tooLarge(n))
				}
				return end
			},
			EOF: stage.EOF,
			Rest: func() iteratee.Input[[]byte] {
				rest := inner.Rest()
				if over != nil {
					rest = rest.Then(iteratee.El(over))
				}
				return rest
			},
		}, iteratee.StepCont
	})
}

// inMemory returns the parser that keeps at most max bytes, and decodes them at the end.
// That it cannot is a 400.
func inMemory[A any](r *http.Request, max int64, decode func([]byte) (A, error)) (it iteratee.Iteratee[[]byte, A], err error) {
	if r.ContentLength > max {
		return it, tooLarge(max)
	}
	return badRequest(MaxLength(max, iteratee.MapM(iteratee.Consume[byte](), func(_ context.Context, body []byte) (A, error) {
		return decode(body)
	}))), nil
}

// badRequest gives the errors of it that have no status 400.
func badRequest[A any](it iteratee.Iteratee[[]byte, A]) iteratee.Iteratee[[]byte, A] {
	return iteratee.Recover(it, func(err error) (a A, _ error) { return a, asBadRequest(err) })
}

func asBadRequest(err error) error {
	if status := (*StatusError)(nil); errors.As(err, &status) {
		return err
	}
	return &StatusError{Status: http.StatusBadRequest, Err: err}
}
