//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A message begins with mark and its number. Servers send mark nowhere else.
const (
	mark   = '#'
	digits = 8
)

func message(n, size int) string {
	m := fmt.Sprintf("%c%0*d ", mark, digits, n)
	return m + strings.Repeat("x", max(0, size-len(m)))
}

// request has the headers of Chromium's EventSource.
const request = "GET /events?stream=messages HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
	"Accept: text/event-stream\r\nCache-Control: no-cache\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Dest: empty\r\nReferer: http://127.0.0.1/\r\nAccept-Language: en-US,en;q=0.9\r\n"

// clients are the connections to a server, which await reads.
type clients struct {
	epoll    int
	all      []client
	buf      []byte
	arrivals []time.Time
}

type client struct {
	fd     int
	frozen bool // it does not read
	last   int  // the number of the last message
	number int  // the number that is being read
	digits int  // the digits of number that are missing

	gzip   bool // count chunks, because their text is compressed
	chunks int
	length int // of the chunk whose length is being read
	skip   int // the bytes of the chunk that are missing
	head   int // how much of the end of the head was read
}

// connect connects n clients to a server. The first ones, which will freeze, have small buffers in the kernel. After an
// error, connect returns the clients that it has connected.
func connect(n, freeze, port int, gzip bool) (*clients, error) {
	epoll, err := syscall.EpollCreate1(0)
	if err != nil {
		return &clients{epoll: -1}, err
	}
	cs := &clients{epoll: epoll, buf: make([]byte, 64<<10)}
	request := request
	if gzip {
		request += "Accept-Encoding: gzip\r\n"
	}
	request += "\r\n"
	for i := range n {
		time.Sleep(200 * time.Microsecond) // so that they do not all connect at once
		fd, err := dial(i, i < freeze, port)
		if err != nil {
			return cs, err
		}
		cs.all = append(cs.all, client{fd: fd, gzip: gzip})
		if _, err := syscall.Write(fd, []byte(request)); err != nil {
			return cs, err
		}
		if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}); err != nil {
			return cs, err
		}
	}
	return cs, nil
}

// dial connects client i. A loopback address has 28,000 ports for clients, so 20,000 clients share an address.
func dial(i int, small bool, port int) (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = syscall.Close(fd)
		}
	}()
	// Closing the connection resets it, so that it does not linger.
	if err := syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}); err != nil {
		return -1, err
	}
	if small {
		if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10); err != nil {
			return -1, err
		}
	}
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return -1, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + i/20_000)}}); err != nil {
		return -1, fmt.Errorf("bind: %w", err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}); err != nil {
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// freeze stops the first n clients from reading.
func (cs *clients) freeze(n int) error {
	for i := range cs.all[:n] {
		c := &cs.all[i]
		c.frozen = true
		if err := syscall.EpollCtl(cs.epoll, syscall.EPOLL_CTL_DEL, c.fd, nil); err != nil {
			return err
		}
	}
	return nil
}

func (cs *clients) close() {
	for _, c := range cs.all {
		_ = syscall.Close(c.fd)
	}
	_ = syscall.Close(cs.epoll)
}

// await reads until each client that is not frozen has got message n, and notes the times of arrival. It returns
// the number of clients that have not got it in time.
func (cs *clients) await(n int, timeout time.Duration) (missing int, err error) {
	cs.arrivals = cs.arrivals[:0]
	for _, c := range cs.all {
		if c.last < n && !c.frozen {
			missing++
		}
	}
	events := make([]syscall.EpollEvent, 256)
	for deadline := time.Now().Add(timeout); missing > 0; {
		left := time.Until(deadline)
		if left <= 0 {
			return missing, nil
		}
		ready, err := syscall.EpollWait(cs.epoll, events, int(left/time.Millisecond)+1)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return missing, err
		}
		for _, e := range events[:ready] {
			c := &cs.all[e.Fd]
			size, err := syscall.Read(c.fd, cs.buf)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || size == 0 {
				return missing, fmt.Errorf("client %d was cut after message %d: %v", e.Fd, c.last, err)
			}
			before := c.last
			if err := c.take(cs.buf[:size]); err != nil {
				return missing, fmt.Errorf("client %d: %w", e.Fd, err)
			}
			if before < n && c.last >= n {
				missing--
				cs.arrivals = append(cs.arrivals, time.Now())
			}
		}
	}
	return 0, nil
}

// settle reads until nothing has come for a while, and takes message n for the last one.
func (cs *clients) settle(n int) error {
	for before := -1; ; {
		all := 0
		for _, c := range cs.all {
			all += c.chunks
		}
		if all == before {
			break
		}
		before = all
		for i := range cs.all {
			cs.all[i].last = n - 1
		}
		if _, err := cs.await(1<<30, time.Second); err != nil {
			return err
		}
	}
	for i := range cs.all {
		cs.all[i].last = n
	}
	return nil
}

// count counts the chunks in b. Each chunk is a message.
func (c *client) count(b []byte) {
	const end = "\r\n\r\n"
	for _, char := range b {
		switch {
		case c.head < len(end):
			if char == end[c.head] {
				c.head++
			} else {
				c.head = 0
			}
		case c.skip > 0:
			if c.skip--; c.skip == 0 {
				c.chunks++
				c.last++
			}
		case char == '\r':
		case char == '\n':
			c.skip, c.length = c.length+2, 0
		case char >= 'a':
			c.length = c.length*16 + int(char-'a') + 10
		default:
			c.length = c.length*16 + int(char-'0')
		}
	}
}

// take looks for messages in b, which may begin and end anywhere in a message.
func (c *client) take(b []byte) error {
	if c.gzip {
		c.count(b)
		return nil
	}
	for len(b) > 0 {
		if c.digits == 0 {
			i := bytes.IndexByte(b, mark)
			if i < 0 {
				return nil
			}
			b, c.digits, c.number = b[i+1:], digits, 0
			continue
		}
		c.number = 10*c.number + int(b[0]-'0')
		b = b[1:]
		if c.digits--; c.digits > 0 {
			continue
		}
		if c.last > 0 && c.number != c.last+1 {
			return fmt.Errorf("message %d came after %d", c.number, c.last)
		}
		c.last = c.number
	}
	return nil
}
