package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
)

const (
	nodes = 3

	pause   = 100 * time.Millisecond // between two attempts
	restart = 4 * time.Second        // after which a node that has ended is started again
	grace   = 5 * time.Second        // after which a node that does not end is killed
)

// The states of a node. The node itself writes joining and up, as lines.
const (
	starting = "starting"
	joining  = "joining" // its server runs and looks for the others
	up       = "up"
	down     = "down"
)

// A state is the state of a node, as the page gets it.
type state struct {
	Node  int    `json:"node"`
	State string `json:"state"`
	PID   int    `json:"pid,omitempty"`
}

// A cluster runs the processes of the nodes.
type cluster struct {
	nodes  [nodes]*node
	states *enumerator.Hub[[]state]
	out    io.Writer
	began  time.Time

	mu sync.Mutex // guards the states and processes of the nodes
}

// A node is a node as its parent sees it.
type node struct {
	settings
	cluster *cluster

	state   string
	process *os.Process // nil if there is none
}

// runCluster runs the nodes and the front, which listens on addr, until ctx ends.
func runCluster(ctx context.Context, addr string, every time.Duration, out io.Writer) error {
	listener, err := listen(addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	root, err := os.MkdirTemp("", "halley-cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	c, err := newCluster(root, out)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	fmt.Fprintln(out, "Starting three nodes. Each is a process with a NATS server of its own.")
	for _, n := range c.nodes {
		running.Go(func() { n.run(ctx) })
	}
	for states, err := range enumerator.All(ctx, enumerator.Values(c.states.Last(1), nil)) {
		if err != nil {
			return nil // ctx has ended
		}
		if !slices.ContainsFunc(states, func(s state) bool { return s.State != up }) {
			break
		}
	}
	fmt.Fprintf(out, "Open http://%s/ (Ctrl-C to stop)\n", listener.Addr())
	running.Go(func() { c.count(ctx, every) })
	return serve(ctx, listener, front(c))
}

// newCluster returns a cluster with its files in root.
func newCluster(root string, out io.Writer) (*cluster, error) {
	addrs, err := freeAddrs(2 * nodes)
	if err != nil {
		return nil, err
	}
	c := &cluster{states: enumerator.Broadcast[[]state](), out: out, began: time.Now()}
	for i := range c.nodes {
		c.nodes[i] = &node{cluster: c, state: starting, settings: settings{
			Node: i + 1,
			Addr: addrs[i], NATS: addrs[nodes+i], Routes: slices.Delete(slices.Clone(addrs[nodes:]), i, i+1),
			Dir: filepath.Join(root, strconv.Itoa(i+1)), Root: root,
		}}
	}
	return c, nil
}

// freeAddrs returns n addresses on which no program listens. The system does not use their ports for outgoing
// connections, so they stay free while a node restarts.
func freeAddrs(n int) (addrs []string, err error) {
	const first, last = 20_000, 32_000 // below the ports that Linux, macOS and Windows choose
	for attempt := 0; len(addrs) < n; attempt++ {
		listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", first+rand.IntN(last-first)))
		if err == nil {
			defer listener.Close() // after all addresses are chosen, so that they differ
			addrs = append(addrs, listener.Addr().String())
		} else if attempt > 1000 {
			return nil, err
		}
	}
	return addrs, nil
}

// run runs the process of the node, and starts it again when it has ended, until ctx ends.
func (n *node) run(ctx context.Context) {
	for {
		_ = n.runOnce(ctx) // a node writes its errors itself, and a node that is killed has none
		if ctx.Err() != nil {
			return
		}
		n.become(down, nil)
		select {
		case <-ctx.Done():
			return
		case <-time.After(restart):
		}
	}
}

// runOnce runs the process of the node until it ends. When ctx ends, it tells the process to end.
func (n *node) runOnce(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(n.settings)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), nodeSettings+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // the node ends when this is closed, which also happens when this process dies
	if err != nil {
		return err
	}
	cmd.Cancel = stdin.Close
	cmd.WaitDelay = grace
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.become(starting, cmd.Process)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		n.become(lines.Text(), cmd.Process)
	}
	return cmd.Wait()
}

// become sets the state of the node, and tells it to the pages.
func (n *node) become(name string, process *os.Process) {
	c := n.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	n.state, n.process = name, process
	var states []state
	for _, n := range c.nodes {
		s := state{Node: n.Node, State: n.state}
		if n.process != nil {
			s.PID = n.process.Pid
		}
		states = append(states, s)
	}
	_ = c.states.Push(context.Background(), states) // never waits or fails: the hub drops the oldest, and does not end
	if name == down {
		name = fmt.Sprintf("down: it starts again in %v", restart)
	}
	fmt.Fprintf(c.out, "%6.1f s  node %d %s\n", time.Since(c.began).Seconds(), n.Node, name)
}

func (n *node) isUp() bool {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	return n.state == up
}

// kill kills the process of the node at once, as kill -9 does.
func (n *node) kill() {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	if n.process != nil {
		_ = n.process.Kill() // fails only if the process has ended
	}
}

// count publishes the numbers from 1 on, one after the other, each at a node that is up.
func (c *cluster) count(ctx context.Context, every time.Duration) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	client := &http.Client{Timeout: 3 * time.Second}
	defer client.CloseIdleConnections()
	for n := 1; ctx.Err() == nil; n++ {
		// A node that has not answered may have stored the number. A second attempt at another node does not
		// store it again, because it has the same key.
		for attempt := n; !c.publish(ctx, client, c.nodes[attempt%nodes], n); attempt++ {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
	}
}

// publish reports whether the node has stored the number.
func (c *cluster) publish(ctx context.Context, client *http.Client, node *node, number int) bool {
	if !node.isUp() {
		return false
	}
	target := url.URL{Scheme: "http", Host: node.Addr, Path: "/numbers", RawQuery: "n=" + strconv.Itoa(number)}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), nil)
	if err != nil {
		return false
	}
	res, err := client.Do(r)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
