package httpadapter

// content is what depends on the kind of the chunks.
type content struct {
	header [][2]string
	beat   []byte
}

// EventStream says that the chunks are server-sent events. Each chunk must be one or more
// whole events, since a heartbeat can come between any two chunks; this is not checked. The
// body of an upstream server comes in any pieces: put eventsource.WholeEvents behind
// [Response]. The content type is text/event-stream, and the [Heartbeat] an empty comment.
func EventStream() Option {
	return func(c *config) {
		c.content = content{[][2]string{{"Content-Type", "text/event-stream"}}, []byte(":\n")}
	}
}

// NDJSON says that the chunks are JSON values, each with a line end after it. Each chunk
// must be one or more whole lines, since a heartbeat can come between any two chunks; this
// is not checked. The body of an upstream server comes in any pieces: put ndjson.WholeLines
// behind [Response]. The content type is application/x-ndjson, and the [Heartbeat] an empty
// line, which encoding/json and most other readers skip.
func NDJSON() Option {
	return func(c *config) {
		c.content = content{[][2]string{{"Content-Type", "application/x-ndjson"}}, []byte("\n")}
	}
}

// Comet says that the chunks are parts of a page, such as package comet makes. Each chunk
// must be one or more whole script elements, or text, since a heartbeat can come between any
// two chunks; this is not checked. The body of an upstream server comes in any pieces: put
// comet.WholeScripts behind [Response]. The content type is text/html in UTF-8, and the
// [Heartbeat] a line end, which a browser does not show. Only pages of the same origin may
// frame it:
// X-Frame-Options is SAMEORIGIN, and Content-Security-Policy, if nothing else sets one,
// frame-ancestors 'self'. To let others in, set that header to what it shall be; where
// it names frame-ancestors, browsers ignore X-Frame-Options.
func Comet() Option {
	return func(c *config) {
		c.content = content{[][2]string{
			{"Content-Type", "text/html; charset=utf-8"},
			{"X-Frame-Options", "SAMEORIGIN"},
			{"Content-Security-Policy", "frame-ancestors 'self'"},
		}, []byte("\n")}
	}
}
