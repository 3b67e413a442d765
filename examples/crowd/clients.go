package crowd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/httpadapter"
)

// most is the largest number of clients.
const most = 9000

// crowd is the server of the clients and the process that holds the clients. Both run while clients are wanted.
type crowd struct {
	ctx  context.Context
	most int

	// Only measure uses these fields, and only one goroutine calls measure.
	idle     float64 // the memory without clients
	received int
	used     time.Duration

	changing sync.Mutex // held while the number of clients changes; guards the fields up to unwatch
	server   *http.Server
	in       io.WriteCloser // of the process
	ended    chan struct{}  // the process has ended
	unwatch  func() bool

	mu     sync.Mutex // guards the fields below
	wanted int
	last   report
}

// report is a line that the process of the clients prints each 200 ms.
type report struct {
	Open     int // clients
	Received int // messages so far
	Lost     int
}

func newCrowd(ctx context.Context) *crowd {
	c := &crowd{ctx: ctx, most: min(most, room()/2)}
	c.most -= c.most % 1000
	return c
}

func (c *crowd) state() (report, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last, c.wanted
}

// add asks for n more clients, but for at most c.most in all.
func (c *crowd) add(n int) {
	_, wanted := c.state()
	c.want(min(wanted+n, c.most))
}

// want changes the number of clients. It returns when the process has been told the number, or has ended.
func (c *crowd) want(n int) {
	c.changing.Lock()
	defer c.changing.Unlock()
	if c.ctx.Err() != nil {
		n = 0
	}
	if n > 0 && c.in == nil {
		if err := c.start(); err != nil {
			log.Print("crowd: ", err)
			return
		}
	}
	c.mu.Lock()
	c.wanted = n
	c.mu.Unlock()
	switch {
	case c.in == nil:
	case n > 0:
		fmt.Fprintln(c.in, n)
	default:
		c.stop()
	}
}

// clientsOf is an environment variable. If it is set, this program is the process of the clients, and the value is the
// address of the server.
const clientsOf = "HALLEY_CROWD_OF"

func (c *crowd) start() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err == nil {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), clientsOf+"="+listener.Addr().String())
		cmd.Stderr = os.Stderr
		var out io.ReadCloser
		if c.in, err = cmd.StdinPipe(); err == nil {
			if out, err = cmd.StdoutPipe(); err == nil {
				err = cmd.Start()
			}
		}
		if err == nil {
			ended := make(chan struct{})
			c.ended = ended
			go func() {
				defer close(ended)
				c.read(out)
				_ = cmd.Wait()
			}()
		}
	}
	if err != nil {
		c.in = nil
		_ = listener.Close()
		return err
	}
	c.server = &http.Server{Handler: events(), ReadHeaderTimeout: 10 * time.Second}
	go c.server.Serve(listener)
	c.unwatch = context.AfterFunc(c.ctx, func() { c.want(0) })
	return nil
}

// read reads the reports of the process until it ends.
func (c *crowd) read(out io.Reader) {
	for reports := json.NewDecoder(out); ; {
		var r report
		if err := reports.Decode(&r); err != nil {
			r = report{}
			c.mu.Lock()
			c.last = r
			c.mu.Unlock()
			return
		}
		c.mu.Lock()
		c.last = r
		c.mu.Unlock()
	}
}

func (c *crowd) stop() {
	c.unwatch()
	_ = c.in.Close() // ends the process
	<-c.ended
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if httpadapter.Shutdown(ctx, c.server) != nil {
		_ = c.server.Close()
	}
	c.in, c.server = nil, nil
}

// Main runs the clients of a crowd if this process was started for that, and returns true when the process is to end.
// Otherwise it returns false. The program must call Main first.
func Main() bool {
	addr := os.Getenv(clientsOf)
	if addr == "" {
		return false
	}
	var s swarm
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	go func() {
		for out := json.NewEncoder(os.Stdout); ; <-ticker.C {
			if out.Encode(report{int(s.open.Load()), int(s.received.Load()), int(s.lost.Load())}) != nil {
				os.Exit(1) // the program has ended
			}
		}
	}()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var n int
		if _, err := fmt.Sscan(lines.Text(), &n); err == nil {
			s.grow(addr, n)
		}
	}
	return true
}

// swarm holds the clients in their process.
type swarm struct {
	clients              int
	open, received, lost atomic.Int64
}

func (s *swarm) grow(addr string, n int) {
	for ; s.clients < n; s.clients++ {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			log.Print("crowd: ", err)
			return
		}
		go s.follow(conn)
	}
}

// follow counts the messages of a client and the messages that it misses.
func (s *swarm) follow(conn net.Conn) {
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
		return
	}
	last := int64(0)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "HTTP/1.1 200") {
			s.open.Add(1)
			defer s.open.Add(-1)
		}
		var n int64
		if text, found := strings.CutPrefix(line, "data: "); found {
			if _, err := fmt.Sscan(text, &n); err == nil {
				if s.received.Add(1); last > 0 {
					s.lost.Add(n - last - 1)
				}
				last = n
			}
		}
	}
}
