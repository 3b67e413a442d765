// Package client is the browser's side of a stream: a script without dependencies, and the
// handlers for it.
//
// [Script] serves the script, and [Handler] a stream of items, such as those of a hub. In the
// page,
//
//	<script src="/halley.js"></script>
//	<script>
//	  const stream = halley.connect("/messages", (data, id) => { show(data) })
//	</script>
//
// calls a function with each message. The script connects again when the stream ends or falls
// silent, goes on after the last message that it has got, and uses a hidden iframe where
// EventSource is missing. docs/comet.md has its options and events; halley.js is the source
// and halley.min.js, which go generate makes of it, what is served.
package client
