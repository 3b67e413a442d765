//go:build linux

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// spare is the number of descriptors that a process needs besides those of connections.
const spare = 100

// many connects as many clients as it can. If a process may not have enough descriptors, there are several servers,
// each with a process of clients.
func many(some []contender, p plan) ([][]string, error) {
	limit := raise(p.streams + spare)
	rows := [][]string{{"server", "processes", "streams", "memory per stream, KiB", "of the kernel, both ends, KiB", "message to the last client, ms", "stopped by"}}
	for _, c := range some {
		row, err := crowd(c, p, limit-spare)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		rows = append(rows, row)
		log.Print(row)
	}
	return rows, nil
}

// raise lets this process and its children have n descriptors, or as many as are allowed. It returns this number.
func raise(n int) int {
	var limit syscall.Rlimit
	must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	wanted := max(uint64(n), limit.Max)
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: wanted, Max: wanted}) != nil {
		wanted = limit.Max
		must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: wanted, Max: wanted}))
	}
	return int(min(wanted, uint64(n)))
}

// crowd opens p.streams streams. The parameter each is the largest number of streams of a server. Then crowd sends a
// message to all streams.
func crowd(c contender, p plan, each int) ([]string, error) {
	slab, err := slabMemory()
	if err != nil {
		return nil, err
	}
	var groups []*group
	defer func() {
		for _, g := range groups {
			g.stop()
		}
	}()
	var streams, memory int
	stopped := ""
	for streams < p.streams && stopped == "" {
		g, err := newGroup(c, p, min(each, p.streams-streams))
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
		streams += g.clients.Clients
		memory += g.memory
		stopped = g.clients.Refused
		log.Printf("%s: %d streams", c.name, streams)
	}
	if stopped == "" && len(groups) > 1 {
		stopped = fmt.Sprintf("each process by its limit of %d descriptors, all by -streams", each+spare)
	}
	after, err := slabMemory()
	if err != nil {
		return nil, err
	}
	took, err := sendAll(groups)
	if err != nil {
		return nil, err
	}
	return []string{
		c.name, strconv.Itoa(len(groups)), strconv.Itoa(streams),
		fmt.Sprintf("%.2f", float64(memory)/float64(streams)/(1<<10)),
		fmt.Sprintf("%.1f", float64(after-slab)/float64(streams)/(1<<10)),
		fmt.Sprintf("%.0f", took.Seconds()*1e3),
		cmp.Or(stopped, "-streams"),
	}, nil
}

// A group is a server and a process of clients, which have got message n.
type group struct {
	server, clients *process
	n               int
	memory          int // of the server, in bytes, for all clients
}

func newGroup(c contender, p plan, streams int) (*group, error) {
	server, err := startServer(c.name, p.size)
	if err != nil {
		return nil, err
	}
	clients, err := start("-clients")
	if err != nil {
		server.stop()
		return nil, err
	}
	g := &group{server: server, clients: clients}
	if err := g.open(streams); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

func (g *group) open(streams int) error {
	before, err := g.server.ask("memory")
	if err != nil {
		return err
	}
	if _, err := g.clients.ask("connect %d %d", streams, before.Port); err != nil {
		return err
	}
	for missing := 1; missing > 0; missing = g.clients.Missing {
		if g.n++; g.n > 100 {
			return fmt.Errorf("%d clients get nothing", missing)
		}
		if _, err := g.server.ask("send %d %d", g.n, g.n); err != nil {
			return err
		}
		if _, err := g.clients.ask("await %d 200ms", g.n); err != nil {
			return err
		}
	}
	after, err := g.server.ask("memory")
	g.memory = after.RSS - before.RSS
	return err
}

func (g *group) stop() {
	g.clients.stop()
	g.server.stop()
}

// sendAll sends a message to all clients, and returns the time until the last one has got it.
func sendAll(groups []*group) (time.Duration, error) {
	for _, g := range groups {
		g.n++
		g.clients.do("await %d 1m", g.n)
		g.server.do("send %d %d", g.n, g.n)
	}
	var first, last time.Time
	for _, g := range groups {
		if err := errors.Join(g.server.answer(), g.clients.answer()); err != nil {
			return 0, err
		}
		if g.clients.Missing > 0 {
			return 0, fmt.Errorf("%d clients have not got the message", g.clients.Missing)
		}
		if sent := g.server.Sent; first.IsZero() || sent.Before(first) {
			first = sent
		}
		if g.clients.Last.After(last) {
			last = g.clients.Last
		}
	}
	return last.Sub(first), nil
}

// beClients runs a process of clients.
func beClients(in io.Reader, out io.Writer) error {
	var cs *clients
	var r report
	answers := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var n, port int
		var timeout string
		switch command, args, _ := strings.Cut(lines.Text(), " "); command {
		case "connect": // some clients to a port
			if _, err := fmt.Sscan(args, &n, &port); err != nil {
				return err
			}
			var err error
			if cs, err = connect(n, 0, port, false); err != nil {
				r.Refused = err.Error()
			}
			defer cs.close()
			r.Clients = len(cs.all)
		case "await": // a message, for some time
			if _, err := fmt.Sscan(args, &n, &timeout); err != nil {
				return err
			}
			d, err := time.ParseDuration(timeout)
			if err != nil {
				return err
			}
			if r.Missing, err = cs.await(n, d); err != nil {
				return err
			}
			if r.Missing == 0 {
				r.Last = time.Now()
			}
		default:
			return fmt.Errorf("no such command: %q", command)
		}
		must(answers.Encode(r))
	}
	return nil
}

// slabMemory returns the memory of the kernel's objects, in bytes.
func slabMemory() (int, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`Slab: +(\d+) kB`).FindSubmatch(b)
	if found == nil {
		return 0, errors.New("/proc/meminfo has no Slab")
	}
	kB, err := strconv.Atoi(string(found[1]))
	return kB << 10, err
}
