//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A server is a child process that serves one contender. It reads one command per line, and
// answers each with a line of JSON.
type server struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
	report
}

// report is the answer to a command.
type report struct {
	Port int           // on which the server listens
	Sent time.Time     // the time at which the first of the messages was sent
	CPU  time.Duration // the processor time so far
	RSS  int           // resident memory after a garbage collection
}

func startServer(contender string, size int) (*server, error) {
	cmd := exec.Command(os.Args[0], "-serve", contender, "-size", strconv.Itoa(size))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, in: in, out: json.NewDecoder(out)}
	return s, s.answer()
}

// do sends a command. answer waits for its answer.
func (s *server) do(format string, args ...any) { fmt.Fprintf(s.in, format+"\n", args...) }

func (s *server) answer() error {
	if err := s.out.Decode(&s.report); err != nil {
		return fmt.Errorf("the server has ended: %w", err)
	}
	return nil
}

func (s *server) ask(format string, args ...any) (report, error) {
	s.do(format, args...)
	err := s.answer()
	return s.report, err
}

func (s *server) stop() {
	s.in.Close() // ends the process
	_ = s.cmd.Wait()
}

// serve runs the child process.
func serve(name string, size int, in io.Reader, out io.Writer) error {
	var handler http.Handler
	var send func(string)
	for _, c := range contenders {
		if c.name == name {
			handler, send = c.make()
		}
	}
	if handler == nil {
		return fmt.Errorf("no contender is called %q", name)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: handler}
	go func() { must(srv.Serve(l)) }()

	answers := json.NewEncoder(out)
	r := report{Port: l.Addr().(*net.TCPAddr).Port}
	must(answers.Encode(r))
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var first, last int
		switch command, args, _ := strings.Cut(lines.Text(), " "); command {
		case "send": // the messages from one number to another
			if _, err := fmt.Sscan(args, &first, &last); err != nil {
				return err
			}
			r.Sent = time.Now()
			for n := first; n <= last; n++ {
				send(message(n, size))
			}
		case "cpu":
			var u syscall.Rusage
			must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
			r.CPU = time.Duration(u.Utime.Nano() + u.Stime.Nano())
		case "memory":
			debug.FreeOSMemory()
			if r.RSS, err = resident(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("no such command: %q", command)
		}
		must(answers.Encode(r))
	}
	return nil
}

// resident returns the resident memory of this process.
func resident() (int, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.Atoi(string(bytes.Fields(b)[1]))
	return pages * os.Getpagesize(), err
}
