package httpadaptertest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// A Proxy stands between clients and a server, and passes on the bytes of each connection
// unchanged until a method changes that. The methods may be called at any time, and concern
// all connections.
type Proxy struct {
	URL string // of the proxy, to use instead of the server's

	server   string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	change chan struct{} // closed when a field below has changed
	frozen bool
	hold   int
	left   int64 // the number of bytes before the cut, -1 for no cut
	life   time.Duration
	conns  map[net.Conn]bool
}

// NewProxy starts a Proxy for the server of serverURL. On an error, NewProxy fails the test.
func NewProxy(t testing.TB, serverURL string) *Proxy {
	t.Helper()
	u, err := url.Parse(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{server: u.Host, listener: listener, change: make(chan struct{}), left: -1, conns: map[net.Conn]bool{}}
	u.Host = listener.Addr().String()
	p.URL = u.String()
	p.running.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

// Hold makes the Proxy buffer the bytes from a server: it passes them on in blocks of n bytes,
// and holds back the rest until a block is full or the server has ended the connection.
// Hold(0) passes on the bytes that are held back, and all later bytes at once.
func (p *Proxy) Hold(n int) { p.set(func() { p.hold = n }) }

// Freeze makes the Proxy stop passing on bytes, and keep all connections open, even if a client or
// a server ends them. Each side sees the other as if the cable between them were cut. A client that
// is closed then leaves a half-open connection at the server.
func (p *Proxy) Freeze() { p.set(func() { p.frozen = true }) }

// Cut makes the Proxy reset a connection, to both sides, when n more bytes from servers have
// passed. From then on, it resets each connection on which a server sends bytes, until Cut is called
// again.
func (p *Proxy) Cut(n int64) { p.set(func() { p.left = n }) }

// CutAfter makes the Proxy reset each connection that is opened from now on, to both sides, at the
// age d. CutAfter(0) turns this off for later connections.
func (p *Proxy) CutAfter(d time.Duration) { p.set(func() { p.life = d }) }

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.change)
	p.change = make(chan struct{})
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.set(func() {
		p.frozen = false
		for conn := range p.conns {
			reset(conn)
		}
	})
	p.running.Wait()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() {
			server, err := net.Dial("tcp", p.server)
			if err != nil {
				reset(client)
				return
			}
			var life time.Duration
			p.set(func() {
				p.conns[client], p.conns[server] = true, true
				life = p.life
			})
			if life > 0 {
				defer time.AfterFunc(life, func() {
					reset(client)
					reset(server)
				}).Stop()
			}
			var both sync.WaitGroup
			both.Go(func() { p.up(server, client) })
			both.Go(func() { p.down(client, server) })
			both.Wait()
			p.set(func() {
				delete(p.conns, client)
				delete(p.conns, server)
			})
			_, _ = client.Close(), server.Close()
		})
	}
}

// up passes on the bytes from the client.
func (p *Proxy) up(server, client net.Conn) {
	buf := make([]byte, 4<<10)
	for {
		n, err := client.Read(buf)
		p.thaw()
		if _, e := server.Write(buf[:n]); e != nil || err != nil && err != io.EOF {
			reset(server)
			return
		}
		if err == io.EOF {
			_ = server.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// down passes on the bytes from the server.
func (p *Proxy) down(client, server net.Conn) {
	type read struct {
		data []byte
		err  error
	}
	reads := make(chan read)
	taken := make(chan struct{})
	p.running.Go(func() {
		buf := make([]byte, 4<<10)
		for {
			n, err := server.Read(buf)
			reads <- read{buf[:n], err}
			<-taken
			if err != nil {
				return
			}
		}
	})
	var waiting []byte
	for {
		change := p.thaw()
		var got read
		select {
		case got = <-reads:
			waiting = append(waiting, got.data...)
			p.thaw()
			taken <- struct{}{}
		case <-change:
		}
		n, cut := p.due(len(waiting), got.err != nil)
		_, err := client.Write(waiting[:n])
		waiting = waiting[n:]
		if err != nil || cut {
			p.thaw()
			reset(client)
			reset(server)
		}
		if got.err != nil {
			if got.err == io.EOF {
				_ = client.(*net.TCPConn).CloseWrite()
			} else {
				reset(client)
			}
			return
		}
	}
}

// due returns the number of the waiting bytes that may pass, and whether the connection is
// cut after them.
func (p *Proxy) due(waiting int, end bool) (n int, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hold > 0 && !end {
		waiting -= waiting % p.hold
	}
	if p.left < 0 {
		return waiting, false
	}
	n = int(min(int64(waiting), p.left))
	p.left -= int64(n)
	return n, p.left == 0
}

// thaw waits while the Proxy is frozen, and returns a channel that is closed at the next
// change.
func (p *Proxy) thaw() <-chan struct{} {
	for {
		p.mu.Lock()
		frozen, change := p.frozen, p.change
		p.mu.Unlock()
		if !frozen {
			return change
		}
		<-change
	}
}

func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}
