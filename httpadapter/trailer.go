package httpadapter

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// Trailer sends a header after the stream: of consumes the chunks, as the source makes
// them, and its result is the value. It is for what is known only then, such as a
// digest; heartbeats are not among the chunks. A stream that was told to end by [Drain] or
// [MaxDuration] has no such header. If of fails, so does the stream. HTTP/1.0 has no
// trailers, and HTTP/1.1 none together with a Content-Length. Trailer panics if key is not
// the name of a header.
//
// It is what Play's Results.chunk does with a consumer of trailers.
func Trailer(key string, of iteratee.Iteratee[[]byte, string]) Option {
	mustBeName("Trailer", key)
	return func(c *config) { c.trailers = append(c.trailers, trailer{key, of}) }
}

type trailer struct {
	key string
	of  iteratee.Iteratee[[]byte, string]
}

// consumer takes the chunks, for the response and for the trailers, and ends with the
// values of these. It is what ForEach and Map would make, with less on the stack and the heap
// of each stream.
func (s *stream) consumer() iteratee.Iteratee[[]byte, []string] {
	it := iteratee.New(func(ctx context.Context) iteratee.Running[[]byte, []string] {
		end := iteratee.StepCont
		if s.corks {
			iteratee.OnCork(ctx, s.cork)
		}
		return iteratee.Running[[]byte, []string]{
			Sink: iteratee.Sink[[]byte]{
				Next: func(chunk []byte) iteratee.Step {
					if end.IsCont() {
						end = iteratee.Cancelled(ctx)
					}
					if !end.IsCont() {
						return end
					}
					if err := s.chunk(chunk); err != nil {
						end = iteratee.StepError(err)
					}
					return end
				},
				EOF:  func() iteratee.Step { return iteratee.StepDone },
				Rest: iteratee.Empty[[]byte],
			},
			Result: func() ([]string, error) { return nil, nil },
		}
	})
	for _, t := range s.trailers {
		it = iteratee.ZipWith(it, t.of, func(values []string, value string) []string { return append(values, value) })
	}
	if s.corks && len(s.trailers) > 0 {
		parts := it
		it = iteratee.New(func(ctx context.Context) iteratee.Running[[]byte, []string] {
			iteratee.OnCork(ctx, s.cork) // has no effect in the parts
			return parts.Start(ctx)
		})
	}
	return it
}
