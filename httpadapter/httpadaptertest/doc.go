// Package httpadaptertest provides the peers that break streaming responses: clients that
// stop reading, vanish or reset the connection, a proxy that holds back bytes or cuts
// connections, and a server whose timeouts are shorter than a stream.
//
// All of them use sockets on the loopback interface, and are closed when the test ends. They do not
// need package httpadapter and can test any http.Handler.
package httpadaptertest
