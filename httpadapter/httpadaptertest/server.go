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

// Timeout is the ReadTimeout and the WriteTimeout of the server of [NewServer].
const Timeout = 500 * time.Millisecond

// NewServer starts an HTTP/1.1 server with strict limits: [Timeout] to read a request, the
// same to write a response, and small send buffers, so that writes to a client that stops
// reading soon block. A stream that lasts longer than Timeout must set its own deadlines.
func NewServer(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ReadTimeout = Timeout
	srv.Config.WriteTimeout = Timeout
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it would report each handler that panics
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
