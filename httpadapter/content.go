package httpadapter

// content is the part of a response that depends on the kind of its chunks.
type content struct {
	header [][2]string
	beat   []byte

	// comeBack answers a request in place of an error if clients would not come back after the error. It
	// returns false if it has not answered. It may be nil.
	comeBack func(*stream, *StatusError) bool
}

// EventStream is for streams of server-sent events. The content type is text/event-stream, and the
// [Heartbeat] is an empty comment.
//
// Each chunk must be one or more whole events, since a heartbeat can come between any two chunks; this
// is not checked. The body of an upstream server comes in chunks that end anywhere: put
// eventsource.WholeEvents after [Response].
//
// An EventSource comes back after a response that has ended, but never after an error. So an EventSource that
// is refused for a [Limit] or by [Drain] gets an empty event stream with status 200 in place of the error. Its
// field retry has the milliseconds of the Retry-After, a day at most, plus up to a second at random. The same
// is sent in place of a [StatusError] 429 or 503 with a Retry-After. The [Outcome] and the log are the same as
// for other clients.
//
// A client counts as an EventSource if its method is GET and its Accept is text/event-stream and nothing else.
// A client that can read statuses should accept another type too, such as text/plain. It gets the error.
func EventStream() Option {
	return func(c *config) {
		c.content = content{[][2]string{{"Content-Type", "text/event-stream"}}, []byte(":\n"), comeBack}
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
		c.content = content{header: [][2]string{{"Content-Type", "application/x-ndjson"}}, beat: []byte("\n")}
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
		c.content = content{header: [][2]string{
			{"Content-Type", "text/html; charset=utf-8"},
			{"X-Frame-Options", "SAMEORIGIN"},
			{"Content-Security-Policy", "frame-ancestors 'self'"},
		}, beat: []byte("\n")}
	}
}
