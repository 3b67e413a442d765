package httpadaptertest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// A Client is the client's side of an HTTP/1.1 connection on which it has sent a request. It reads
// only when one of its methods is called. Until then it is a stalled client: its kernel takes a few
// more bytes, and then no more. Reading from the Client itself, rather than through Response, gives
// the bytes on the wire.
type Client struct {
	net.Conn
	t       testing.TB
	request *http.Request
}

// Get connects to the host of rawURL, which is like http://127.0.0.1:1234/path, with a small
// receive buffer, and sends a GET request. It does not read the response. On an error, Get
// fails the test.
func Get(t testing.TB, rawURL string) *Client {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(32 << 10)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", u.RequestURI(), u.Host); err != nil {
		t.Fatal(err)
	}
	return &Client{conn, t, &http.Request{Method: http.MethodGet, URL: u}}
}

// Response reads the head of the response and returns the response, whose Body reads the
// rest. On an error, Response fails the test. It must be called at most once.
func (c *Client) Response() *http.Response {
	c.t.Helper()
	res, err := http.ReadResponse(bufio.NewReaderSize(c.Conn, 16), c.request)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// Trickle reads one byte at each interval until the connection ends, and returns the number
// of bytes.
func (c *Client) Trickle(interval time.Duration) (n int) {
	for one := make([]byte, 1); ; n++ {
		if _, err := c.Read(one); err != nil {
			return n
		}
		time.Sleep(interval)
	}
}

// Reset resets the connection, so that the server's next read or write fails. Close ends the
// connection properly.
func (c *Client) Reset() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}
