//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A cluster is three nodes, each in a process of its own. They reach one another through links.
type cluster struct {
	nodes []*node
	links [][]*link // by the node that connects and the node that it connects to
}

const size = 3 // the number of nodes

// A node is a process that restarts in the same folder and at the same addresses.
type node struct {
	name  string
	url   string
	args  []string
	log   string
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}
}

// startCluster starts nodes that keep their data below dir, and waits until they are ready.
func startCluster(ctx context.Context, dir string) (*cluster, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	c := &cluster{}
	addresses, err := freeAddresses(size * (size + 1))
	if err != nil {
		return nil, err
	}
	listen, serve, proxies := addresses[:size], addresses[size:2*size], addresses[2*size:]
	for i := range size {
		var routes []string
		links := make([]*link, size)
		for j := range size {
			if i == j {
				continue
			}
			route := proxies[0]
			proxies = proxies[1:]
			if links[j], err = newLink(route, listen[j]); err != nil {
				return nil, errors.Join(err, c.close())
			}
			routes = append(routes, route)
		}
		name := fmt.Sprint("n", i+1)
		c.links = append(c.links, links)
		c.nodes = append(c.nodes, &node{
			name: name, url: "http://" + serve[i], log: filepath.Join(dir, name+".log"),
			args: []string{"-node", name, "-data", filepath.Join(dir, name), "-serve", serve[i], "-listen", listen[i], "-routes", strings.Join(routes, ",")},
		})
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	if err := c.await(ctx); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// freeAddresses returns addresses at which nobody listens. No system takes their ports for outgoing connections, which
// could get the port of a node while it is down.
func freeAddresses(n int) (addresses []string, err error) {
	for tries := 0; len(addresses) < n; tries++ {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.N(20_000)))
		if err != nil && tries == 1000 {
			return nil, err
		}
		if err == nil {
			defer l.Close()
			addresses = append(addresses, l.Addr().String())
		}
	}
	return addresses, nil
}

func (c *cluster) urls() (urls []string) {
	for _, n := range c.nodes {
		urls = append(urls, n.url)
	}
	return urls
}

// close kills the nodes.
func (c *cluster) close() error {
	for _, n := range c.nodes {
		if n.cmd != nil {
			_ = n.cmd.Process.Kill()
			<-n.ended
		}
	}
	for _, links := range c.links {
		for _, l := range links {
			if l != nil {
				l.close()
			}
		}
	}
	return nil
}

// hold holds back the bytes that node n sends to the others if out is true, and lets them go if it is false. in does
// the same to the bytes that the others send to node n.
func (c *cluster) hold(n int, out, in bool) {
	for other := range c.nodes {
		if other != n {
			c.links[n][other].hold(there, out)
			c.links[n][other].hold(back, in)
			c.links[other][n].hold(back, out)
			c.links[other][n].hold(there, in)
		}
	}
}

func (n *node) start() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program, n.args...)
	cmd.Stdout, cmd.Stderr = log, log
	if n.stdin, err = cmd.StdinPipe(); err != nil { // its end tells the node that this process has ended
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.cmd, n.ended = cmd, make(chan struct{})
	go func() {
		defer close(n.ended)
		_ = cmd.Wait()
	}()
	return nil
}

func (n *node) signal(signal syscall.Signal) error { return n.cmd.Process.Signal(signal) }

// A state is the state of the cluster as a node knows it.
type state struct {
	Leader string // of the stream, empty if there is none
	Whole  bool   // all replicas are up to date
}

var prober = &http.Client{Timeout: time.Second}

func (n *node) state(ctx context.Context) (s state, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/state", nil)
	if err != nil {
		return s, err
	}
	response, err := prober.Do(request)
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return s, fmt.Errorf("%s: %s", response.Status, text)
	}
	return s, json.NewDecoder(response.Body).Decode(&s)
}

// await waits until each node says that the cluster has a leader and is whole.
func (c *cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, n := range c.nodes {
		for {
			s, err := n.state(ctx)
			if err == nil && s.Leader != "" && s.Whole {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s is not ready: %+v, %v (see %s)", n.name, s, err, n.log)
			case <-n.ended:
				return fmt.Errorf("%s has ended (see %s)", n.name, n.log)
			case <-time.After(pace):
			}
		}
	}
	return nil
}

// leader returns the number of the node that leads the stream.
func (c *cluster) leader(ctx context.Context) (int, error) {
	s, err := c.nodes[0].state(ctx)
	if err != nil {
		return 0, err
	}
	for i, n := range c.nodes {
		if n.name == s.Leader {
			return i, nil
		}
	}
	return 0, fmt.Errorf("the leader is %q", s.Leader)
}
