// Package client is the browser's side of a stream: a script without dependencies, and the
// handlers for it.
//
// [Script] serves the script. [Handler] serves a stream of Items, such as those of a hub, and [Fanout]
// serves a hub to many clients. This page calls a function with each message:
//
//	<script src="/halley.js"></script>
//	<script>
//	  const stream = halley.connect("/messages", (data, id) => { show(data) })
//	</script>
//
// [Module] serves the script as a module. The script connects again when the connection is lost or
// falls silent, and resumes after the last record that it received. It uses a hidden iframe in old
// browsers. docs/comet.md describes its options and events, and halley.d.ts its types. The source of
// the script is halley.js. go generate makes halley.min.js from it.
package client
