// Package websocket joins streams and WebSockets: what comes in feeds an Iteratee, what
// goes out is an Enumerator.
//
// [Handler] takes a function from a request to the two; [Adapter] one to an Enumeratee
// that makes the one of the other. A [Format] says what a message is: [Text], [Bytes],
// [JSON], or [Mixed] for text and bytes.
//
// # What ends a connection
//
//	the client closes it             EOF to the Iteratee, the source is stopped
//	the Iteratee is done             close code 1000, the source is stopped
//	the source has run out           close code 1000, EOF to the Iteratee
//	one of them fails with a CloseError   its code and reason, the other is stopped
//	one of them fails otherwise, or panics   close code 1011, the other is stopped
//	a message has the wrong kind     close code 1003, an error to the Iteratee's run
//	it is not what it should be      close code 1007, likewise
//	it is too large                  close code 1009, likewise
//	the server shuts down            close code 1001, both are stopped
//	the request's context ends       likewise
//	the client is gone               both are stopped
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
// # Backpressure
//
// A message is read when the Iteratee has taken the one before, and an element is made
// when the one before was written. What a client sends too fast stays in the network, and
// a client that reads too slowly holds up the source: for [Timeout] at most, then it is
// gone. Nothing here queues messages.
//
// # Shutting down
//
// With [github.com/halley-go/halley/httpadapter.Drain], the clients of a server that shuts
// down are told with close code 1001. http.Server.Shutdown does not wait for WebSockets: a
// program that is to end in good order waits for its handlers itself.
package websocket
