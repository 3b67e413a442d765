// Package httpadapter joins streams and net/http.
//
// [Serve] drains an Enumerator of chunks into a response; [Handler] is an
// http.Handler that does so. Every chunk leaves at once, or with the others of its
// burst; a source that fails never looks like one that has ended; and a client that has
// gone, or reads no more, ends the run and with it the source. Options say what else a
// response needs, [Limited] lends their limits to other handlers, and [Drain] ends the
// streams when the server shuts down. docs/http.md has it in tables.
//
// [Body] is the Enumerator of a request's body, and [Parse] runs an Iteratee over it: one
// of the body parsers here, or any other. [Action] makes a handler of a parser and a
// function. [Response] is the Enumerator of what a client gets.
//
// # What net/http leaves to the server
//
// On HTTP/1, a client's leaving is noticed at once only if nothing of what it has sent is
// unread: neither a part of the request's body nor a byte that follows the request.
// Otherwise it shows at the second write after that, such as a [Heartbeat]. Read the
// body before the stream starts, or let the source end with it. Under a [Limit] a stream
// without a heartbeat is bounded.
//
// On HTTP/2 one connection carries many streams. A client that reads the
// connection but not the stream is gone within [WriteTimeout]; one that no longer
// reads the connection itself is not, unless the server says so: set
// http.Server.HTTP2 to an [net/http.HTTP2Config] with a SendPingTimeout or a
// WriteByteTimeout. The same has the windows for uploads: by default one upload that is
// not read makes the others of its connection wait, and fail with 408. The Example of
// [Drain] sets both. On HTTP/1 nothing needs to be set.
//
// On HTTP/1.0 a response without a length ends when the connection does, so a
// stream that was cut looks like one that has ended. Put an end mark into the
// stream if such clients matter.
package httpadapter
