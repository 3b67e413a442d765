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

// A Client is the client's side of one HTTP/1.1 connection, on which it has sent a
// request. It reads only what it is told to: left alone it is a stalled client, whose
// kernel takes a little more and then nothing. What is read from the Client itself,
// rather than through Response, are the bytes on the wire.
type Client struct {
	net.Conn
	t       testing.TB
	request *http.Request
}

// Get connects to the host of a URL such as http://127.0.0.1:1234/path, with a small
// receive buffer, and sends a GET. It reads nothing. The test
// fails if that is not possible.
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

// Response reads the head, and returns the response whose Body reads the rest. The test
// fails if there is none. It is called once, if at all.
func (c *Client) Response() *http.Response {
	c.t.Helper()
	res, err := http.ReadResponse(bufio.NewReaderSize(c.Conn, 16), c.request)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// Trickle reads one byte each time that every has passed, until the connection ends,
// and returns how many it has read.
func (c *Client) Trickle(every time.Duration) (n int) {
	for one := make([]byte, 1); ; n++ {
		if _, err := c.Read(one); err != nil {
			return n
		}
		time.Sleep(every)
	}
}

// Reset closes the connection in a way that the server notices at once, as an error
// of its next read or write. Close is what a client does that says goodbye.
func (c *Client) Reset() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}
