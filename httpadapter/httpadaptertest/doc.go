// Package httpadaptertest has the peers that break streaming responses: clients that
// stop reading, vanish or reset, a proxy that holds back or cuts, and a server whose
// timeouts are shorter than any stream. A handler that is tested with them has met
// what it will meet.
//
// All of them use sockets on the loopback interface, and are closed when the test
// ends. None of them needs package httpadapter: they test any http.Handler.
package httpadaptertest
