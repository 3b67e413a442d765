// Package eventsource writes and reads event streams: server-sent events, which a browser
// reads with EventSource and any other program with [Decode].
//
// [String], [JSON], [Messages] and [Encode] are Enumeratees: put one behind a source of messages
// with enumerator.Through, and serve the chunks with package httpadapter and its option
// EventStream. Unlike the adapters of package comet, they send nothing before the first message.
//
// # Format
//
// Each event is one chunk: a line per field, then an empty line. Fields have this order, and
// fields that an [Event] does not have are left out:
//
//	: a comment
//	event: move
//	data: first line
//	data: second line
//	id: 42
//	retry: 3000
//
// Lines end with LF. Data is split at LF, CR and CR LF, so a browser gets LF for each of
// them. A byte that is not UTF-8 arrives as U+FFFD.
//
// # Safety
//
// Data and comments cannot become another field or another event, whatever they contain. A
// name or an id with a line end is an error. An id with NUL is an error too, since browsers
// ignore it.
//
// The format is that of the HTML standard. Play's EventSource writes the id before the data. Here it follows the data,
// since some clients take an id before the end of its event: a cut between the two fields would lose the message.
package eventsource
