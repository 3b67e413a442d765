// Package halley is the root of a toolkit for reactive streams that reach the
// browser. It holds no code; this is the map:
//
//   - [github.com/halley-go/halley/iteratee]: consumers. An Iteratee takes elements
//     one at a time and ends with a result.
//   - [github.com/halley-go/halley/enumeratee]: adapters. An Enumeratee stands
//     before a consumer and turns it into a consumer of something else.
//   - [github.com/halley-go/halley/enumerator]: sources. An Enumerator drives a
//     consumer; Run puts one of each together.
//   - [github.com/halley-go/halley/comet]: an Enumeratee of messages to script
//     chunks, for a page in a hidden iframe.
//   - [github.com/halley-go/halley/httpadapter]: streams to the responses of net/http, and
//     from its requests.
//
// The model is that of Play Framework's iteratees; the style is Go's. The program
// in examples serves a gallery of what can be done, each with its source.
package halley
