// Package client is the browser's side of a stream: a script without dependencies, and the
// handlers for it.
//
// [Script] serves the script. [Handler] serves a stream of Items, such as those of a hub. This
// page calls a function with each message:
//
//	<script src="/halley.js"></script>
//	<script>
//	  const stream = halley.connect("/messages", (data, id) => { show(data) })
//	</script>
//
// The script connects again when the stream ends or falls silent, and resumes after the last
// message that it received. It uses a hidden iframe in browsers without EventSource. docs/comet.md
// describes its options and events. The source of the script is halley.js. go generate makes
// halley.min.js from it, and [Script] serves halley.min.js.
package client
