// Package httpadapter joins streams and net/http.
//
// [Serve] sends the chunks of an Enumerator as a response, and [Handler] is an http.Handler that does
// so. Each chunk leaves at once, or together with the other chunks of its burst. To the client, a
// source that has failed never looks like a source that has run out. When a client has left, or does
// not read, the run ends, and with it the source. Options set everything else about a response.
// [Fanout] sends one source to many clients at a fraction of the cost.
// [Limited] applies their limits to other handlers, and [Drain] ends the streams when the server shuts
// down. docs/http.md has tables of these behaviours.
//
// [Body] is the Enumerator of a request's body. Package parse runs parsers over it. [Response] is the
// Enumerator of the response that a client receives. Package compress has an Option that compresses
// streams.
//
// # How a server notices that a client has left
//
// On HTTP/1, net/http notices at once that a client has left, if it has read all bytes that the client
// has sent: the request's body and any bytes after the request. Otherwise the second write after the
// client has left fails. Such a write may be a [Heartbeat]. So read the body before the stream starts,
// or let the source end with the body. A stream that is under a [Limit] and has no heartbeat is broken
// off when it has been quiet for too long.
//
// On HTTP/2 one connection carries many streams. A client that reads the connection but not the stream
// counts as gone after [WriteTimeout]. To notice a client that does not read the connection itself, set
// [http.Server.HTTP2] to a [net/http.HTTP2Config] with a SendPingTimeout or a WriteByteTimeout. The
// same type has the windows for uploads. By default one upload that is not read makes the other uploads
// of its connection wait, until they fail with 408. The Example of [Drain] sets both. On HTTP/1 nothing
// needs to be set.
//
// On HTTP/1.0 a response without a length ends when the connection does, so a stream that was cut looks
// like a complete one. If such clients matter, put an end mark into the stream.
package httpadapter
