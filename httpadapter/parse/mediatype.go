package parse

import (
	"context"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/halley-go/halley/iteratee"
)

// Tolerant returns a parser that does the same as parser for a body of any media type or without one.
// [Text], [JSON], [JSONLines] and [Form] do not look at the media type then. The parameters of the
// media type, such as the charset, still count.
//
// Play calls Tolerant(Text(limit)) parse.tolerantText, for example.
func Tolerant[A any](parser iteratee.Iteratee[[]byte, A]) iteratee.Iteratee[[]byte, A] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[[]byte, A], iteratee.Step) {
		return parser.Start(context.WithValue(ctx, tolerantKey{}, true))
	})
}

type tolerantKey struct{}

// ofType is [Using] for bodies of the media types that accept reports. choose receives the parameters
// of the media type. expected names the media type in the answer to a request with another one.
func ofType[A any](accept func(mediaType string) bool, expected string, choose func(r *http.Request, params map[string]string) (iteratee.Iteratee[[]byte, A], error)) iteratee.Iteratee[[]byte, A] {
	return iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[[]byte, A], error) {
		return Using(func(r *http.Request) (parser iteratee.Iteratee[[]byte, A], err error) {
			mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
			tolerant := ctx.Value(tolerantKey{}) != nil
			if !tolerant && (err != nil || !accept(mediaType)) {
				return parser, unsupported("expected "+expected, err)
			}
			return choose(r, params)
		}), nil
	})
}

func only(mediaTypes ...string) func(string) bool {
	return func(mediaType string) bool { return slices.Contains(mediaTypes, mediaType) }
}

// utf8Only returns an error if the parameters of a media type name another charset.
func utf8Only(params map[string]string) error {
	charset, ok := params["charset"]
	if !ok || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") {
		return nil
	}
	return unsupported("expected UTF-8", nil)
}
