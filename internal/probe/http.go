package probe

import (
	"context"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Pipes is a listener whose connections are pipes in memory, on the clock of a synctest
// bubble. A pipe has no buffer: a write waits for the reader.
type Pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

// NewPipes returns a listener without connections.
func NewPipes() Pipes { return Pipes{make(chan net.Conn), make(chan struct{})} }

// Serve serves srv on p by HTTP/1.1 and by HTTP/2 without TLS, until srv is closed. It returns a transport for one of them.
// proto is HTTP/1.1 or HTTP/2.0. The caller closes the idle connections of the transport.
func (p Pipes) Serve(srv *http.Server, proto string) *http.Transport {
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = srv.Serve(p) }()
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return p.Dial(), nil },
		Protocols:   new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(proto == "HTTP/1.1")
	transport.Protocols.SetUnencryptedHTTP2(proto == "HTTP/2.0")
	return transport
}

// Accept returns the server's end of the next connection.
func (p Pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. It must be called only once.
func (p Pipes) Close() error { close(p.closed); return nil }

// Addr returns an empty address.
func (p Pipes) Addr() net.Addr { return &net.IPAddr{} }

// Dial waits until the server accepts a new connection, and returns the client's end of it.
func (p Pipes) Dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// Logs captures the output of package log during the test, without dates. The function returns the output
// so far.
func Logs(t testing.TB) func() string {
	var mu sync.Mutex
	var b strings.Builder
	before, flags := log.Writer(), log.Flags()
	log.SetFlags(0)
	log.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	}))
	t.Cleanup(func() { log.SetOutput(before); log.SetFlags(flags) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return b.String()
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
