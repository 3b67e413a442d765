//go:build linux

package main

import (
	"fmt"
	"log"
	"time"
)

// minute sends 10 messages a second for a minute.
func minute(some []contender, p plan) ([][]string, error) {
	rows := [][]string{{"server", "CPU per message, µs", "time, s", "messages late", "memory at the beginning, MiB", "in the middle", "at the end"}}
	for _, c := range some {
		row, err := steady(c, p, 100*time.Millisecond, 600)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		rows = append(rows, row)
		log.Print(row)
	}
	return rows, nil
}

// steady sends a message each interval. A message is late if a client has not got it when the next one is due.
func steady(c contender, p plan, interval time.Duration, messages int) ([]string, error) {
	r, err := open(c, p, 0)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var memory [3]int
	late := 0
	begin := time.Now()
	cpu, err := r.cost(messages*p.streams, func() error {
		for i := range messages {
			if i == 0 || i == messages/2 {
				if _, err := r.ask("memory"); err != nil {
					return err
				}
				memory[2*i/messages] = r.RSS
			}
			r.n++
			if _, err := r.ask("send %d %d", r.n, r.n); err != nil {
				return err
			}
			due := begin.Add(time.Duration(i+1) * interval)
			missing, err := r.await(r.n, max(time.Until(due), interval/2)) // read, even on a machine that is too slow
			if err != nil {
				return err
			}
			if missing > 0 {
				late++
			}
			time.Sleep(time.Until(due))
		}
		return r.awaitAll()
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(begin)
	if _, err := r.ask("memory"); err != nil {
		return nil, err
	}
	memory[2] = r.RSS
	row := []string{c.name, fmt.Sprintf("%.2f", cpu), fmt.Sprintf("%.1f", took.Seconds()), fmt.Sprintf("%d of %d", late, messages)}
	for _, bytes := range memory {
		row = append(row, fmt.Sprintf("%.1f", float64(bytes)/(1<<20)))
	}
	return row, nil
}
