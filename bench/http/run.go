//go:build linux

package main

import (
	"fmt"
	"time"
)

// A run is a server with clients that have got message n.
type run struct {
	*process
	*clients
	streams int
	n       int
	memory  int // of the server, in bytes, for all clients
}

// open starts a server and its clients. The clients that will freeze have small buffers in the kernel.
func open(c contender, p plan, freeze int) (*run, error) {
	s, err := startServer(c.name, p.size)
	if err != nil {
		return nil, err
	}
	r := &run{process: s, streams: p.streams}
	if err := r.open(c.gzip, freeze); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *run) open(gzip bool, freeze int) error {
	before, err := r.ask("memory")
	if err != nil {
		return err
	}
	if r.clients, err = connect(r.streams, freeze, before.Port, gzip); err != nil {
		return err
	}
	if err := r.begin(gzip); err != nil {
		return err
	}
	after, err := r.ask("memory")
	r.memory = after.RSS - before.RSS
	return err
}

// begin sends messages until all clients have got one.
func (r *run) begin(gzip bool) error {
	for missing := 1; missing > 0; {
		r.n++
		_, err := r.ask("send %d %d", r.n, r.n)
		if err != nil {
			return err
		}
		if missing, err = r.await(r.n, 200*time.Millisecond); err != nil {
			return err
		}
	}
	if gzip {
		return r.settle(r.n)
	}
	return nil
}

// send sends messages and waits until all clients have got them.
func (r *run) send(count int) error {
	r.do("send %d %d", r.n+1, r.n+count)
	r.n += count
	if err := r.awaitAll(); err != nil {
		return err
	}
	return r.answer()
}

// awaitAll waits until all clients have got message n.
func (r *run) awaitAll() error {
	missing, err := r.await(r.n, 10*time.Second)
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d clients have not got message %d", missing, r.n)
	}
	return err
}

// latencies returns the time that the last message of send took to each client, and the time that it took to the last one.
func (r *run) latencies() (all []time.Duration, last time.Duration) {
	for _, t := range r.arrivals {
		all = append(all, t.Sub(r.Sent))
		last = max(last, t.Sub(r.Sent))
	}
	return all, last
}

// cost returns the processor time of the server while do runs, in µs per delivery.
func (r *run) cost(deliveries int, do func() error) (float64, error) {
	before, err := r.ask("cpu")
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := r.ask("cpu")
	return float64(after.CPU-before.CPU) / float64(deliveries) / 1e3, err
}

func (r *run) close() {
	if r.clients != nil {
		r.clients.close()
	}
	r.stop()
}
