package httpadapter

import "github.com/halley-go/halley/iteratee"

// Trailer sends a header after the stream. digest consumes the chunks of the source, without
// heartbeats, and its result is the value. It is for a value that is known only at the end, such as a
// checksum.
//
// If digest fails, the stream fails. A stream that [Drain] or [MaxDuration] has ended has no such
// header. HTTP/1.0 has no trailers, and HTTP/1.1 has none in a response with a Content-Length. Trailer
// panics if key is not the name of a header.
//
// Play has trailers in Results.chunk.
func Trailer(key string, digest iteratee.Iteratee[[]byte, string]) Option {
	checkName("Trailer", key)
	return func(c *config) {
		c.trailers = append(c.trailers, key)
		before := c.withTrailers
		c.withTrailers = func(chunks iteratee.Iteratee[[]byte, []string]) iteratee.Iteratee[[]byte, []string] {
			if before != nil {
				chunks = before(chunks)
			}
			return iteratee.ZipWith(chunks, digest, func(values []string, value string) []string { return append(values, value) })
		}
	}
}
