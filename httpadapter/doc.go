// Package httpadapter joins streams and net/http.
//
// [Serve] sends the chunks of an Enumerator as a response, and [Handler] is an http.Handler that does
// so. Each chunk leaves at once, or with the others of its burst. A source that fails never looks like
// one that has ended. A client that has left, or does not read, ends the run and with it the source.
// Options set everything else about a response. [Limited] applies their limits to other handlers, and
// [Drain] ends the streams when the server shuts down. docs/http.md has tables of all that.
//
// [Body] is the Enumerator of a request's body. Package parse runs parsers over it. [Response] is the
// Enumerator of the response that a client receives. Package compress has an Option that compresses
// streams.
//
// # How a server notices that a client has left
//
// On HTTP/1, net/http notices at once that a client has left, if it has read all bytes that the client
// has sent: the request's body and any bytes after the request. Otherwise the second write after that
// fails, such as that of a [Heartbeat]. So read the body before the stream starts, or let the source
// end with the body. A stream that is under a [Limit] and has no heartbeat is broken off when it has
// been quiet for too long.
//
// On HTTP/2 one connection carries many streams. A client that reads the connection but not the stream
// counts as gone after [WriteTimeout]. To notice a client that does not read the connection itself,
// set http.Server.HTTP2 to an [net/http.HTTP2Config] with a SendPingTimeout or a WriteByteTimeout. The
// same type has the windows for uploads: by default one upload that is not read makes the others of
// its connection wait, until they fail with 408. The Example of [Drain] sets both. On HTTP/1 nothing
// needs to be set.
//
// On HTTP/1.0 a response without a length ends when the connection does, so a stream that was cut looks
// like a complete one. Put an end mark into the stream if such clients matter.
package httpadapter
