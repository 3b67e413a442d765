//go:build linux

package main

import (
	"fmt"
	"log"
	"math"
	"slices"
	"time"
)

// figures are the costs of one contender.
type figures struct {
	idle, busy          float64 // processor time per delivery, in µs: one by one, and in bursts; NaN if that is not measured
	memory              float64 // KiB per stream
	median, p99         float64 // latency of all clients, in ms
	lastMedian, lastP99 float64 // latency of the last client, in ms
}

// columns are the columns of the table.
var columns = []struct {
	name  string
	value func(figures) float64
	ratio bool
}{
	{"CPU per message, µs", func(f figures) float64 { return f.idle }, true},
	{"in bursts, µs", func(f figures) float64 { return f.busy }, true},
	{"memory per stream, KiB", func(f figures) float64 { return f.memory }, false},
	{"latency, median, ms", func(f figures) float64 { return f.median }, false},
	{"99th percentile, ms", func(f figures) float64 { return f.p99 }, false},
	{"of the last client, median, ms", func(f figures) float64 { return f.lastMedian }, false},
	{"99th percentile, ms", func(f figures) float64 { return f.lastP99 }, false},
}

// cost measures all contenders in each round. After an error, it returns the rows of the rounds that are finished.
func cost(some []contender, p plan) ([][]string, error) {
	all := map[string][]figures{}
	for range p.rounds {
		round := map[string]figures{}
		for _, c := range some {
			f, err := once(c, p)
			if err != nil {
				return rowsOf(some, all, p.base), fmt.Errorf("%s: %w", c.name, err)
			}
			round[c.name] = f
			log.Printf("%s: %+.2f", c.name, f)
		}
		for name, f := range round {
			all[name] = append(all[name], f)
		}
	}
	return rowsOf(some, all, p.base), nil
}

func once(c contender, p plan) (f figures, err error) {
	r, err := open(c, p, 0)
	if err != nil {
		return f, err
	}
	defer r.close()
	f.memory = float64(r.memory) / float64(p.streams) / (1 << 10)

	var all, lasts []time.Duration
	f.idle, err = r.cost(p.messages*p.streams, func() error {
		for range p.messages {
			if err := r.send(1); err != nil {
				return err
			}
			some, last := r.latencies()
			all, lasts = append(all, some...), append(lasts, last)
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	f.median, f.p99 = percentile(all, 50), percentile(all, 99)
	f.lastMedian, f.lastP99 = percentile(lasts, 50), percentile(lasts, 99)

	if c.joins {
		f.busy = math.NaN()
		return f, nil
	}
	f.busy, err = r.cost(p.bursts*burst*p.streams, func() error {
		for range p.bursts {
			if err := r.send(burst); err != nil {
				return err
			}
		}
		return nil
	})
	return f, err
}

// percentile returns a percentile in ms.
func percentile(ds []time.Duration, percent int) float64 {
	slices.Sort(ds)
	return ds[len(ds)*percent/100].Seconds() * 1e3
}

func rowsOf(some []contender, all map[string][]figures, base string) [][]string {
	if len(all) == 0 {
		return nil
	}
	head := []string{"server"}
	for _, c := range columns {
		head = append(head, c.name)
		if c.ratio {
			head = append(head, "ratio")
		}
	}
	rows := [][]string{head}
	for _, c := range some {
		fs := all[c.name]
		row := []string{c.name}
		for _, col := range columns {
			row = append(row, show(median(fs, col.value)))
			if col.ratio {
				i := -1
				row = append(row, show(median(fs, func(f figures) float64 {
					i++
					return col.value(f) / col.value(all[base][i])
				})))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// show shows a figure, or - if it was not measured.
func show(value float64) string {
	if math.IsNaN(value) {
		return "-"
	}
	return fmt.Sprintf("%.2f", value)
}
