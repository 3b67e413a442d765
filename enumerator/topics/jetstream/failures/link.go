//go:build unix

package main

import (
	"net"
	"sync"
)

// A link is a TCP proxy between two nodes: one connects to it, and it connects to the other. It can hold back the
// bytes of either direction, like a network that loses them and sends them again later.
type link struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	freed sync.Cond
	held  [2]bool
	conns map[net.Conn]bool // nil when the link is closed
}

// Directions of a link.
const (
	there = iota // from the node that connects
	back
)

// newLink listens at address, for target.
func newLink(address, target string) (*link, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	l := &link{listener: listener, target: target, conns: map[net.Conn]bool{}}
	l.freed.L = &l.mu
	go l.accept()
	return l, nil
}

// hold holds back the bytes of a direction, or lets them go.
func (l *link) hold(direction int, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[direction] = held
	l.freed.Broadcast()
}

func (l *link) close() {
	l.listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		conn.Close()
	}
	l.conns, l.held = nil, [2]bool{}
	l.freed.Broadcast()
}

func (l *link) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.forward(conn)
	}
}

func (l *link) forward(conn net.Conn) {
	defer conn.Close()
	if l.isHeld() {
		return // a handshake needs both directions, and the node that connects tries again
	}
	other, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer other.Close()
	if !l.open(conn, other) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.copy(other, conn, there) })
	both.Go(func() { l.copy(conn, other, back) })
	both.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
	delete(l.conns, other)
}

// open adds the connections, unless the link is closed.
func (l *link) open(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		if l.conns == nil {
			return false
		}
		l.conns[conn] = true
	}
	return true
}

func (l *link) isHeld() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[there] || l.held[back]
}

// await waits until the direction is not held.
func (l *link) await(direction int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held[direction] {
		l.freed.Wait()
	}
}

// copy forwards the bytes from one connection to another, and then the end of them. The other direction ends too: a
// connection between two servers is never half closed.
func (l *link) copy(to, from net.Conn, direction int) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		l.await(direction)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				from.Close()
				return
			}
		}
		if err != nil {
			to.Close()
			return
		}
	}
}
