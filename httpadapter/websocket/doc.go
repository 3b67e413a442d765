// Package websocket connects streams to WebSockets: incoming messages feed an Iteratee, and
// outgoing messages come from an Enumerator.
//
// [Handler] takes a function that returns both for a request. [Adapter] takes a function that
// returns an Enumeratee, which makes the outgoing messages from the incoming ones. A [Format]
// converts between messages and elements: [Text], [Bytes], [JSON], or [Mixed] for text and bytes.
// [Fanout] sends one source to many clients.
//
// # How a connection ends
//
//	the client closes it                        EOF to the Iteratee, then the source is stopped
//	the Iteratee is done                        close code 1000, the source is stopped
//	the source has run out                      close code 1000, EOF to the Iteratee
//	either fails with a CloseError              its code and reason, the other is stopped
//	either fails with another error, or panics  close code 1011, the other is stopped
//	a message has the wrong kind                close code 1003, the Iteratee's run fails
//	a message cannot be decoded                 close code 1007, the Iteratee's run fails
//	a message cannot be decompressed            close code 1007, the Iteratee's run fails
//	a message is too large                      close code 1009, the Iteratee's run fails
//	the server shuts down                       close code 1001, both are stopped
//	the request's context ends                  close code 1001, both are stopped
//	the client is gone                          both are stopped at once
//
// So a source that only stays silent must not run out: enumerator.Never waits until it is
// stopped. A run that is stopped fails with the cause of its context. Messages that arrive after
// the server has decided to close are dropped.
//
// If the client closes with code 1000 or 1001, or without a code, the stream has ended, and so
// does the Iteratee with its result. Any other end, such as a lost connection, is an error that
// wraps [github.com/halley-go/halley/httpadapter.ErrClientGone].
//
// A message that cannot be encoded is dropped, and the connection goes on. The first such message of
// a connection is logged as an error. At the end of the connection, the number of such messages is
// logged.
//
// # A client that leaves
//
// The connection is read while the Iteratee is busy, so its end is seen at once. There are two
// kinds of end.
//
// A client can send a close frame, or end its side of the TCP connection. Then no more messages will
// come. The Iteratee still gets all messages that were received, then EOF or the error. For each
// message it has the time of [Timeout], at most 5 s. After that its context ends. A Buffer in the
// Iteratee takes messages at once, so that time counts for all messages that it holds. Messages to a
// client that has closed are dropped, as the client itself would drop them, so an Iteratee that
// waits until its answers are sent goes on.
//
// A client can also be gone: the connection is reset, a write or a ping fails, or a ping is not
// answered. Then all contexts end at once, and messages that the Iteratee has not taken are
// dropped.
//
// In both cases the cause of a context that ends wraps ErrClientGone. That includes the contexts of
// functions behind a Buffer and of other functions in other goroutines. The handler returns when
// all functions have returned.
//
// # Backpressure
//
// The handler reads up to 64 messages before the Iteratee asks for them, as long as their total size
// does not exceed [MaxMessage], and one message more. After that it reads nothing until the Iteratee
// goes on. Meanwhile it does not see the end of the connection or the answers to pings. Only a ping
// that cannot be written shows then that the client is gone.
//
// The source makes an element only after the one before was written. A client that reads slowly
// holds up the source, and is gone if it reads too slowly: see [Timeout].
//
// # Shutting down
//
// With [github.com/halley-go/halley/httpadapter.Drain], a server that shuts down sends close code
// 1001 to its clients. http.Server.Shutdown does not wait for WebSockets, so a program that wants
// them to end properly must wait for its handlers itself. httpadapter.Shutdown ends the WebSockets
// of [Fanout], with and without Drain, and waits for them.
package websocket
