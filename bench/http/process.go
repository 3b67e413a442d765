//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A process is a child process. It reads one command per line, and answers each with a line of JSON.
type process struct {
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

	Clients int       // the clients that have connected
	Refused string    // the reason why no more clients have connected
	Missing int       // the clients that have not got the message
	Last    time.Time // the time at which the last client got it
}

// startServer starts a process that serves one contender.
func startServer(contender string, size int) (*process, error) {
	p, err := start("-serve", contender, "-size", strconv.Itoa(size))
	if err != nil {
		return nil, err
	}
	if err := p.answer(); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func start(args ...string) (*process, error) {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd: cmd, in: in, out: json.NewDecoder(out)}, cmd.Start()
}

// do sends a command. answer waits for its answer.
func (p *process) do(format string, args ...any) { fmt.Fprintf(p.in, format+"\n", args...) }

func (p *process) answer() error {
	if err := p.out.Decode(&p.report); err != nil {
		return fmt.Errorf("the process has ended: %w", err)
	}
	return nil
}

func (p *process) ask(format string, args ...any) (report, error) {
	p.do(format, args...)
	err := p.answer()
	return p.report, err
}

func (p *process) stop() {
	p.in.Close() // ends the process
	_ = p.cmd.Wait()
}

// serve runs the child process.
func serve(name string, size int, in io.Reader, out io.Writer) error {
	i := slices.IndexFunc(contenders, func(c contender) bool { return c.name == name })
	if i < 0 {
		return fmt.Errorf("no contender is called %q", name)
	}
	s, err := contenders[i].start()
	if err != nil {
		return err
	}
	defer s.stop()

	answers := json.NewEncoder(out)
	r := report{Port: s.port}
	must(answers.Encode(r))
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var first, last int
		switch command, args, _ := strings.Cut(lines.Text(), " "); command {
		case "send": // the messages from one number to another
			if _, err := fmt.Sscan(args, &first, &last); err != nil {
				return err
			}
			var burst []string
			for n := first; n <= last; n++ {
				burst = append(burst, message(n, size))
			}
			r.Sent = time.Now()
			s.send(burst)
		case "cpu":
			if r.CPU, err = sum(s.pids, processorTime); err != nil {
				return err
			}
		case "memory":
			debug.FreeOSMemory()
			if r.RSS, err = sum(s.pids, resident); err != nil {
				return err
			}
		default:
			return fmt.Errorf("no such command: %q", command)
		}
		must(answers.Encode(r))
	}
	return nil
}
