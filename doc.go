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
// These packages are built on them:
//
//   - [github.com/halley-go/halley/enumeratee/text], [github.com/halley-go/halley/enumeratee/ndjson]
//     and [github.com/halley-go/halley/enumeratee/chunk]: adapters of characters and lines,
//     of lines of JSON, and of the items within chunks.
//   - [github.com/halley-go/halley/enumeratee/items]: adapters of the Items of hubs.
//   - [github.com/halley-go/halley/enumerator/retry]: sources that start again when they fail.
//   - [github.com/halley-go/halley/enumerator/topics]: hubs with names and a history, with
//     [github.com/halley-go/halley/enumerator/topics/tables] and
//     [github.com/halley-go/halley/enumerator/topics/presence].
//   - [github.com/halley-go/halley/enumerator/rx]: the bridge to RxGo.
//   - [github.com/halley-go/halley/comet/eventsource]: server-sent events.
//   - [github.com/halley-go/halley/comet/client] and [github.com/halley-go/halley/comet/follow]: the
//     script for pages, with its handler, and the client for Go programs.
//   - [github.com/halley-go/halley/comet/topic] and [github.com/halley-go/halley/comet/answers]:
//     handlers of topics, and of answers that outlive their request.
//   - [github.com/halley-go/halley/httpadapter/parse]: parsers of request bodies.
//   - [github.com/halley-go/halley/httpadapter/websocket],
//     [github.com/halley-go/halley/httpadapter/compress] and
//     [github.com/halley-go/halley/httpadapter/durable]: WebSockets, compression, and
//     the protocol Durable Streams.
//   - enumeratortest, enumerateetest, iterateetest, topicstest and httpadaptertest: functions that
//     check your own parts. Each package is in the folder of the package that it is for.
//
// These are modules of their own: github.com/halley-go/halley/enumerator/topics/jetstream,
// github.com/halley-go/halley/httpadapter/prometheus and github.com/halley-go/halley/httpadapter/otel.
//
// The model is that of Play Framework's iteratees; the style is Go's. The program
// in examples serves a gallery of examples with their source.
package halley
