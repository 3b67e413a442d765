package probe

import (
	"log"
	"net"
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
