// Package halley is the root of a toolkit for reactive streams that reach the
// browser. It holds no code. The packages are:
//
//   - [github.com/halley-go/halley/iteratee]: consumers. An Iteratee takes elements
//     one at a time and ends with a result.
//   - [github.com/halley-go/halley/enumeratee]: adapters. An Enumeratee turns a
//     consumer of one type into a consumer of another.
//   - [github.com/halley-go/halley/enumerator]: sources. An Enumerator drives a
//     consumer; Run joins the two.
//   - [github.com/halley-go/halley/comet]: an Enumeratee of messages to script
//     chunks, for a page in a hidden iframe.
//   - [github.com/halley-go/halley/httpadapter]: writes streams to the responses of
//     net/http, and reads them from its requests.
//
// The model is that of Play Framework's iteratees; the style is Go's. The program
// in examples serves a gallery of examples with their source.
package halley
