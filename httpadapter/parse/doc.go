// Package parse has the parsers of request bodies.
//
// A parser is an [iteratee.Iteratee] of the chunks of a body. Most of the parsers here look at the
// header of the request too. [Body] runs a parser over the body of a request, and [Action] makes a
// handler from a parser and a function. [httpadapter.Body] is the body as a source.
//
// The errors of a body and of its parser are values of [httpadapter.StatusError]:
//
//	400  the body is not what the parser expects, or is cut short
//	408  the client is too slow
//	413  the body, or a part of it, is longer than its limit
//	415  the parser does not take the media type or the character set
//
// The names are those of Play's parse object.
package parse
