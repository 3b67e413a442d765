//go:build linux

package main

import (
	"errors"
	"fmt"
	"log"
	"time"
)

// A pair is the 99th percentile of the latency, in ms, without and with frozen clients.
type pair struct{ without, with float64 }

// frozen measures pairs of runs. In one run of each pair, 1 % of the clients do not read.
func frozen(some []contender, p plan) ([][]string, error) {
	pairs := map[string][]pair{}
	for i := range p.rounds {
		for _, c := range some {
			freeze := max(1, p.streams/100)
			var both [2]float64
			for j := range both {
				with := (i + j) % 2 // the other run comes first in the next pair
				p99, err := latencyBeside(c, p, with*freeze)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.name, err)
				}
				both[with] = p99
			}
			pairs[c.name] = append(pairs[c.name], pair{both[0], both[1]})
			log.Printf("%s: %.2f", c.name, both)
		}
	}

	rows := [][]string{{"server", "pair", "99th percentile, none frozen, ms", "1 % frozen, ms", "ratio"}}
	row := func(name, n string, without, with, ratio float64) {
		rows = append(rows, []string{name, n, fmt.Sprintf("%.2f", without), fmt.Sprintf("%.2f", with), fmt.Sprintf("%.2f", ratio)})
	}
	for _, c := range some {
		ps := pairs[c.name]
		for i, p := range ps {
			row(c.name, fmt.Sprint(i+1), p.without, p.with, p.with/p.without)
		}
		row(c.name, "median",
			median(ps, func(p pair) float64 { return p.without }),
			median(ps, func(p pair) float64 { return p.with }),
			median(ps, func(p pair) float64 { return p.with / p.without }))
	}
	return rows, nil
}

const (
	// fill is the number of bytes that are sent to each client before the measurement. A frozen client has room for fewer
	// bytes if the server limits the bytes that wait in its kernel.
	fill = 32 << 10
	// patience limits the time of a run after the clients have frozen. After writeTimeout, servers end frozen clients.
	patience = writeTimeout - 2*time.Second
)

// latencyBeside returns the 99th percentile of the latency of the clients that are not frozen.
func latencyBeside(c contender, p plan, freeze int) (float64, error) {
	r, err := open(c, p, freeze)
	if err != nil {
		return 0, err
	}
	defer r.close()
	if err := r.freeze(freeze); err != nil {
		return 0, err
	}
	deadline := time.Now().Add(patience)
	for sent := 0; sent < fill; sent += burst * p.size {
		if err := r.send(burst); err != nil {
			return 0, err
		}
	}
	var all []time.Duration
	for range p.messages {
		if time.Now().After(deadline) {
			break
		}
		if err := r.send(1); err != nil {
			return 0, err
		}
		some, _ := r.latencies()
		all = append(all, some...)
	}
	if len(all) == 0 {
		return 0, errors.New("the server is too slow: it would end the frozen clients before the measurement")
	}
	return percentile(all, 99), nil
}
