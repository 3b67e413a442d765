//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
)

// floor sends a burst to the descriptors of hijacked connections at once, and does nothing else. It shows the cost of
// the kernel. It sends the bursts that come during a round together in the next round.
type floor struct {
	write   func(fds []int, b []byte) // writes b to each of fds, without blocking
	mu      sync.Mutex
	fds     []int
	pending []byte
	bell    chan struct{}
}

func newFloor(write func(fds []int, b []byte)) func() (http.Handler, func([]string)) {
	return func() (http.Handler, func([]string)) {
		f := &floor{write: write, bell: make(chan struct{}, 1)}
		go f.run()
		return f, f.send
	}
}

func (f *floor) send(burst []string) {
	f.mu.Lock()
	for _, data := range burst {
		event := fmt.Sprintf("data: %s\n\n", data)
		f.pending = fmt.Appendf(f.pending, "%x\r\n%s\r\n", len(event), event)
	}
	f.mu.Unlock()
	select {
	case f.bell <- struct{}{}:
	default:
	}
}

func (f *floor) run() {
	for range f.bell {
		f.mu.Lock()
		pending, fds := f.pending, f.fds
		f.pending = nil
		f.mu.Unlock()
		if len(pending) > 0 { // else the last round has taken it
			f.write(fds, pending)
		}
	}
}

// writeEach makes a system call for each client.
func writeEach(fds []int, b []byte) {
	for _, fd := range fds {
		_, _ = syscall.Write(fd, b) // the client tells whether something is missing
	}
}

func (f *floor) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	must(err)
	file, err := conn.(*net.TCPConn).File()
	must(err)
	fd, err := syscall.Dup(int(file.Fd()))
	must(err)
	must(syscall.SetNonblock(fd, true))
	must(file.Close())
	must(conn.Close())
	_, err = syscall.Write(fd, []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"))
	must(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fds = append(slices.Clip(f.fds), fd)
}
