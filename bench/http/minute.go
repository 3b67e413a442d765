//go:build linux

package main

import (
	"cmp"
	"fmt"
	"log"
	"time"
)

// minute sends 10 messages a second for a minute.
func minute(some []contender, p plan) ([][]string, error) {
	rows := [][]string{{"server", "CPU per message, µs", "messages late", "memory at the beginning, MiB", "in the middle", "at the end"}}
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

// steady sends a message each interval, regardless of the clients. A message is late if a client has not got it when the
// next one is due.
func steady(c contender, p plan, interval time.Duration, messages int) ([]string, error) {
	r, err := open(c, p, 0)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var memory [3]int
	late := 0
	cpu, err := r.cost(messages*p.streams, func() error {
		due := time.Now()
		for i := range messages {
			if i == 0 || i == messages/2 {
				if _, err := r.ask("memory"); err != nil {
					return err
				}
				memory[2*i/messages] = r.RSS
			}
			due = due.Add(interval)
			r.n++
			if _, err := r.ask("send %d %d", r.n, r.n); err != nil {
				return err
			}
			missing, err := r.await(r.n, time.Until(due))
			if err != nil {
				return err
			}
			if missing > 0 {
				late++
			}
			time.Sleep(time.Until(due))
		}
		missing, err := r.await(r.n, 10*time.Second)
		if err != nil || missing > 0 {
			return cmp.Or(err, fmt.Errorf("%d clients have not got all messages", missing))
		}
		_, err = r.ask("memory")
		memory[2] = r.RSS
		return err
	})
	if err != nil {
		return nil, err
	}
	row := []string{c.name, fmt.Sprintf("%.2f", cpu), fmt.Sprintf("%d of %d", late, messages)}
	for _, bytes := range memory {
		row = append(row, fmt.Sprintf("%.1f", float64(bytes)/(1<<20)))
	}
	return row, nil
}
