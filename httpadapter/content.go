package httpadapter

// content is the part of a response that depends on the kind of its chunks.
type content struct {
	header [][2]string
	beat   []byte
}

// EventStream is for streams of server-sent events. The content type is text/event-stream, and the
// [Heartbeat] is an empty comment.
//
// Each chunk must be one or more whole events, since a heartbeat can come between any two chunks; this
// is not checked. The body of an upstream server comes in chunks that end anywhere: put
// eventsource.WholeEvents after [Response].
func EventStream() Option {
	return func(c *config) {
		c.content = content{[][2]string{{"Content-Type", "text/event-stream"}}, []byte(":\n")}
	}
}

// NDJSON is for streams of JSON values, each followed by a line end. The content type is
// application/x-ndjson, and the [Heartbeat] is an empty line, which encoding/json and most other
// readers skip.
//
// Each chunk must be one or more whole lines, since a heartbeat can come between any two chunks; this
// is not checked. The body of an upstream server comes in chunks that end anywhere: put
// ndjson.WholeLines after [Response].
func NDJSON() Option {
	return func(c *config) {
		c.content = content{[][2]string{{"Content-Type", "application/x-ndjson"}}, []byte("\n")}
	}
}

// Comet is for streams of parts of a page, such as package comet makes. The content type is text/html
// in UTF-8, and the [Heartbeat] is a line end, which a browser does not show.
//
// Each chunk must be one or more whole script elements, or text, since a heartbeat can come between any
// two chunks; this is not checked. The body of an upstream server comes in chunks that end anywhere: put
// comet.WholeScripts after [Response].
//
// Only pages of the same origin may have the page in a frame: X-Frame-Options is SAMEORIGIN, and
// Content-Security-Policy is frame-ancestors 'self' unless it is set otherwise. To allow other origins,
// set a Content-Security-Policy with frame-ancestors; browsers ignore X-Frame-Options then.
func Comet() Option {
	return func(c *config) {
		c.content = content{[][2]string{
			{"Content-Type", "text/html; charset=utf-8"},
			{"X-Frame-Options", "SAMEORIGIN"},
			{"Content-Security-Policy", "frame-ancestors 'self'"},
		}, []byte("\n")}
	}
}
