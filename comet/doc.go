// Package comet turns messages into script chunks for a page that never ends.
//
// The page is loaded into a hidden iframe, the "forever iframe": the response stays
// open, and the browser runs each script element as it comes in. A script calls one
// function, the callback, with one message; in an iframe that is a function of the
// page around it, such as parent.cometMessage, which must be of the same origin. It
// works in every browser that runs scripts, and through proxies that pass chunks on.
//
// [String], [JSON] and [Messages] are enumeratees: put one behind a source of messages with
// enumerator.Through, and serve what comes out with package httpadapter. [NewSocket] is an
// enumerator, for messages that are sent by calls. Package eventsource, below this one, does
// the same for browsers that come by EventSource; [WithPosition], [RecordOf], [Cursor] and
// [LongPoll] are for clients that go on where they were, by whatever transport.
//
// # What is sent
//
// The first chunk goes out when the adapter is attached, before there is a message:
// 5120 spaces, for browsers that show nothing of a page until they have seen enough
// of it, and <html><body>. Then every message is one chunk:
//
//	<script>parent.cometMessage('text');</script>
//	<script>parent.cometMessage({"a":1});</script>
//	<script nonce="N">parent.cometMessage('text');</script>
//
// There is nothing between the chunks, and nothing at EOF. Each chunk is memory of
// its own, which the consumer may keep and change.
//
// The response must have the content type [ContentType]. What follows
// holds for a page that the browser reads as UTF-8.
//
// # What is safe
//
// Whatever a message holds, its script calls the callback once, with that message
// and nothing else. It cannot leave its literal or the script element, nor begin a
// comment: quotes, the backslash, <, >, &, U+2028, U+2029 and ASCII's control
// characters are escaped, and so not lost either. A byte that is not UTF-8 arrives
// as U+FFFD, as it does from encoding/json. A message that cannot be encoded ends the run;
// [Recover] tells clients a gap in its place.
//
// A callback that is not a dotted path of identifiers is refused with a panic when
// the adapter is made, and so is a nonce that is not base64 text. The [Preamble] is
// trusted: it must leave the browser where a script element runs. So is the text of an
// encoder of one's own and of a [Marshaler], as long as it stays in the script element. So
// is what the callback does: a function that evaluates its argument, or writes it into the page
// as HTML, undoes all of this.
//
// # Limits
//
// The page grows in the browser with every message, unless [RemoveScripts] is given.
// Nothing is sent while there is no message, and nothing reconnects: a heartbeat is the
// server's, for which [Heartbeat] is one, and coming back is the page's. JSON
// that is nested some thousand levels deep is more than browsers take in a script:
// that call fails, and the next one works.
//
// The format is that of Play's Comet. Unlike there, JSON and callbacks are safe.
package comet
