// Package websocket joins streams and WebSockets: what comes in feeds an Iteratee, what
// goes out is an Enumerator.
//
// [Handler] takes a function from a request to the two; [Adapter] one to an Enumeratee
// that makes the one of the other. A [Format] says what a message is: [Text], [Bytes],
// [JSON], or [Mixed] for text and bytes.
//
// # What ends a connection
//
//	the client closes it             EOF to the Iteratee, then the source is stopped
//	the Iteratee is done             close code 1000, the source is stopped
//	the source has run out           close code 1000, EOF to the Iteratee
//	one of them fails with a CloseError   its code and reason, the other is stopped
//	one of them fails otherwise, or panics   close code 1011, the other is stopped
//	a message has the wrong kind     close code 1003, an error to the Iteratee's run
//	it is not what it should be      close code 1007, likewise
//	it is too large                  close code 1009, likewise
//	the server shuts down            close code 1001, both are stopped
//	the request's context ends       likewise
//	the client is gone               both are stopped at once
//
// So a source that is to stay silent must not end: enumerator.Never waits until it is
// stopped. A run that is stopped fails with the cause of its context.
// What the client sends after the server has decided to close is dropped.
//
// A client that closes with code 1000 or 1001, or none, has closed the stream, and the
// Iteratee ends with its result. Any other end is an error that wraps
// [github.com/halley-go/halley/httpadapter.ErrClientGone]: a connection that was lost is
// not a stream that has ended.
//
// A message that cannot be encoded ends nothing. It is dropped, and the first one of a
// connection is logged as an error when it occurs, and their number at the end.
//
// # A client that leaves
//
// The connection is read while the Iteratee is busy, so its end is seen at once. There are
// two kinds of end.
//
// A client that sends a close frame, or ends its side of the TCP connection, has said that
// nothing more will come. The Iteratee still gets all messages that were received, and then EOF
// or the error. It has the time of [Timeout] for each of them, but not more than 5 s: then
// its context ends. A Buffer in the Iteratee takes messages at once, and so has that time for all
// that it holds. Messages to a client that has closed are dropped, as the client itself
// would drop them, so an Iteratee that waits until its answers are sent goes on.
//
// A client is gone when the connection is reset, a write or a ping fails, or a ping is not
// answered. Then all contexts end at once, and messages that the Iteratee has not taken are
// dropped.
//
// In both cases the cause of a context that ends wraps ErrClientGone. That includes the contexts of
// functions behind a Buffer and of others that run in another goroutine. The handler
// returns when all functions have returned.
//
// # Backpressure
//
// Up to 64 messages are read before the Iteratee asks for them, if they have no more bytes
// than [MaxMessage] allows for one, and one message more. A client that sends more than that
// is not read until the Iteratee goes on. Then the end of the connection and the answers to
// pings are not read either, and only a ping that cannot be written shows that the client is
// gone.
//
// An element is made when the one before was written. A client that reads too slowly holds up
// the source until it is gone: see [Timeout].
//
// # Shutting down
//
// With [github.com/halley-go/halley/httpadapter.Drain], the clients of a server that shuts
// down are told with close code 1001. http.Server.Shutdown does not wait for WebSockets: a
// program that is to end in good order waits for its handlers itself.
package websocket
