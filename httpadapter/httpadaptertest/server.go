package httpadaptertest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Timeout is what the server of [NewServer] has for ReadTimeout and WriteTimeout.
const Timeout = 500 * time.Millisecond

// NewServer starts a server on HTTP/1.1 with the least that a careful administrator
// could set: [Timeout] to read a request and as much to write a response, and small
// send buffers, so that a client that stops reading is felt soon. A stream of more than that
// must see to its own deadlines.
func NewServer(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ReadTimeout = Timeout
	srv.Config.WriteTimeout = Timeout
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of each handler that panics
	srv.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(32 << 10)
		}
		return ctx
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}
