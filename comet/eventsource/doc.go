// Package eventsource writes and reads event streams: server-sent events, which a browser
// reads with EventSource and any other program with [Decode].
//
// [String], [JSON], [Messages] and [Encode] are enumeratees: put one behind a source of
// messages with enumerator.Through, and serve what comes out with package httpadapter
// and its option EventStream. Unlike package comet, nothing goes out before the
// first message.
//
// # What is sent
//
// Each event is one chunk: lines, each a field, and an empty one. They stand in this order,
// and what an [Event] does not have is left out:
//
//	event: move
//	id: 42
//	retry: 3000
//	data: first line
//	data: second line
//	: a comment
//
// Lines end with LF. Data is split at LF, CR and CR LF, so a browser gets LF for each of
// them. A byte that is not UTF-8 arrives as U+FFFD.
//
// # What is safe
//
// Whatever data and comment hold, it cannot become another field or another event. A name
// or an id that holds a line end is refused, as an error of the message; so is an id that
// holds NUL, which browsers ignore.
//
// The format is that of the HTML standard, written as Play's EventSource writes it.
package eventsource
