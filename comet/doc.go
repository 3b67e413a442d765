// Package comet turns messages into script chunks for a page that never ends.
//
// The browser loads the page into a hidden iframe, the "forever iframe". The response stays open,
// and the browser runs each script element as it arrives. A script calls one function, the
// callback, with one message. In an iframe the callback is a function of the surrounding page, such
// as parent.cometMessage, and both pages must have the same origin. It works in every browser that
// runs scripts, and through every proxy that does not buffer responses.
//
// [String], [JSON] and [Messages] are Enumeratees: put one behind a source of messages with
// enumerator.Through, and serve the chunks with package httpadapter. [NewSocket] is an
// Enumerator for programs that send messages by calling methods. Package comet/eventsource does
// the same for browsers that connect with EventSource. [WithPosition], [RecordOf], [Cursor] and
// [LongPoll] let clients resume where they were cut, over any transport. docs/comet.md states the protocol.
//
// # Format
//
// The first chunk is [DefaultPreamble]. It is sent when the adapter is attached, before there
// is a message. Then each message is one chunk, such as one of these:
//
//	<script>parent.cometMessage('text');</script>
//	<script>parent.cometMessage({"a":1});</script>
//	<script nonce="N">parent.cometMessage('text');</script>
//
// Nothing is sent between the chunks or at EOF. Each chunk is a new slice, which the consumer
// may keep and change.
//
// The response must have the content type [ContentType]. The next section holds for a page
// that the browser reads as UTF-8.
//
// # Safety
//
// Whatever a message contains, its script calls the callback once with that message, and does
// nothing else. The message cannot end its literal or the script element, and cannot begin a
// comment: quotes that could end the literal, backslashes, <, >, &, U+2028, U+2029 and the
// ASCII control characters are escaped, and so they arrive unchanged. A byte that is not UTF-8
// arrives as U+FFFD, as with encoding/json. A message that cannot be encoded ends the run;
// [Recover] sends clients a gap in its place.
//
// The callback must be a dotted path of identifiers, and the nonce must be base64 text. Anything
// else panics before a run begins. The package does not check these parts:
//
//   - The [Preamble] must leave the browser in a place where script elements run.
//   - The text of a [Marshaler] or a custom encoder may be any JavaScript that does not leave
//     the script element.
//   - The callback must not evaluate its argument or insert it into the page as HTML.
//
// # Limits
//
// The page grows in the browser with every message, unless [RemoveScripts] is given. The
// package sends nothing between messages, and the page does not reconnect by itself: the
// server must send heartbeats, such as [Heartbeat], and the page around the iframe must reload
// it. Browsers do not accept a script with JSON that is nested some thousand levels
// deep: that call fails, and the next one works.
//
// The format is that of Play's Comet, which does not make JSON and callbacks safe.
package comet
