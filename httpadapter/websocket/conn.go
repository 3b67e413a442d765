package websocket

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// piece is the number of bytes that a client has to take within Timeout. A larger message is sent
// in frames of that size, so that pings and pongs can be sent between them.
const piece = 64 << 10

// A steadyConn is a connection on which each write may take timeout. The context of a write in the
// library would limit the time for a whole message.
type steadyConn struct {
	net.Conn
	timeout time.Duration
	step    time.Duration // the time that the system may take to report room
	sent    atomic.Int64  // the number of bytes sent
	ended   atomic.Bool   // a read has failed
}

func newSteadyConn(conn net.Conn, timeout time.Duration) *steadyConn {
	c := &steadyConn{Conn: conn, timeout: timeout, step: timeout}
	// The system wakes a writer when a third of its buffer is free, which can be a megabyte.
	switch conn := conn.(type) {
	case syscall.Conn:
		c.step = max(timeout/10, time.Millisecond) // a new write finds any room that there is
	case *tls.Conn: // it cannot write after a deadline has passed, so it has no steps
		if buffered, ok := conn.NetConn().(interface{ SetWriteBuffer(int) error }); ok {
			_ = buffered.SetWriteBuffer(4 * piece)
		}
	}
	return c
}

// Read reads into p. It returns an error only without bytes, so ended is false while a message that is complete
// is read.
func (c *steadyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		return n, nil // the next call returns the error
	}
	c.ended.Store(err != nil)
	return n, err
}

// Write writes p. The library calls it with at most a piece, from one goroutine at a time.
func (c *steadyConn) Write(p []byte) (n int, err error) {
	defer func() {
		c.sent.Add(int64(n))
		_ = c.SetWriteDeadline(time.Time{})
	}()
	for end := time.Now().Add(c.timeout); ; {
		left := time.Until(end)
		_ = c.SetWriteDeadline(time.Now().Add(min(left, c.step)))
		written, err := c.Conn.Write(p[n:])
		n += written
		if left <= c.step || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// A hijacker gives the library a steadyConn, and accepts the subprotocol.
type hijacker struct {
	http.ResponseWriter
	timeout     time.Duration
	subprotocol string
	status      int
	conn        *steadyConn
	input       []byte // the bytes that net/http has read after the request
}

func (h *hijacker) WriteHeader(status int) {
	if status == http.StatusSwitchingProtocols && h.subprotocol != "" {
		h.Header().Set(protocolHeader, h.subprotocol)
	}
	h.status = status
	h.ResponseWriter.WriteHeader(status)
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = newSteadyConn(conn, h.timeout)
	input, _ := rw.Reader.Peek(rw.Reader.Buffered())
	h.input = bytes.Clone(input)
	rw.Writer.Reset(h.conn)
	return h.conn, rw, nil
}

// WriteHeaderNow is a method of gin's ResponseWriter. The library calls it before Hijack.
func (h *hijacker) WriteHeaderNow() {
	if w, ok := h.ResponseWriter.(interface{ WriteHeaderNow() }); ok {
		w.WriteHeaderNow()
	}
}

// canHijack reports whether w can be hijacked. The library asks that too, but cannot see it behind
// a hijacker.
func canHijack(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}
