//go:build unix

// Failures runs three nodes under load, lets a failure happen to one of them, and checks that each reader gets each
// message that was acknowledged once, in order:
//
//	go run ./failures                # all failures, about ten minutes
//	go run ./failures -only leader   # those whose name contains "leader"
//	go run ./failures -markdown      # as in docs/scale.md
//
// Each node is a process of its own, with an embedded NATS server, a stream of three replicas, and an HTTP server. The
// readers read server-sent events with package follow, and go to another node when a stream breaks. The publishers
// publish at random nodes. Each of them repeats a message with the same key, at another node, until it is acknowledged.
//
// The program exits with status 1 if a reader has lost a message, got one twice or out of order, or was told a Reset,
// or if readers have paused for too long.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/halley-go/halley/internal/table"
)

func main() {
	only := flag.String("only", "", "run only the failures whose name contains this")
	repeat := flag.Int("repeat", 1, "the number of runs of each failure")
	markdown := flag.Bool("markdown", false, "print a markdown table")
	dir := flag.String("dir", "", "the folder for the data and the logs of the nodes, instead of a temporary one")
	p := plan{}
	flag.IntVar(&p.topics, "topics", 6, "the number of topics")
	flag.IntVar(&p.rate, "rate", 100, "the number of messages a second for each topic")
	flag.IntVar(&p.readers, "readers", 30, "the number of readers")
	t := times{}
	flag.DurationVar(&t.calm, "calm", 5*time.Second, "the time before and after a failure")
	flag.DurationVar(&t.down, "down", 10*time.Second, "the time for which a node is away")
	var c nodeConfig
	flag.StringVar(&c.name, "node", "", "be the node of this name (this flag and those below are for the program's own use)")
	flag.StringVar(&c.data, "data", "", "the folder of the node")
	flag.StringVar(&c.serve, "serve", "", "its HTTP address")
	flag.StringVar(&c.listen, "listen", "", "its cluster address")
	flag.StringVar(&c.routes, "routes", "", "the cluster addresses of the others")
	flag.Parse()
	log.SetFlags(0)

	if c.name != "" {
		log.SetFlags(log.Ltime | log.Lmicroseconds)
		if err := runNode(c); err != nil {
			log.Fatal(err)
		}
		return
	}
	remove := func() {}
	if *dir == "" {
		made, err := os.MkdirTemp("", "halley-failures-")
		if err != nil {
			log.Fatal(err)
		}
		*dir, remove = made, func() { os.RemoveAll(made) }
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	results, err := runAll(ctx, *only, *repeat, p, t, *dir)
	if err != nil {
		log.Fatal(err)
	}
	table.Write(os.Stdout, rowsOf(results), *markdown)
	faults := 0
	for _, r := range results {
		for _, note := range r.notes[:min(len(r.notes), 20)] {
			fmt.Printf("%s: %s\n", r.name, note)
		}
		faults += len(r.notes)
	}
	if faults > 0 {
		log.Fatalf("%d faults; the logs of the nodes are in %s", faults, *dir)
	}
	remove()
}

func runAll(ctx context.Context, only string, repeat int, p plan, t times, dir string) (results []result, err error) {
	for n := range repeat {
		for _, f := range failures {
			if !strings.Contains(f.name, only) {
				continue
			}
			results = append(results, run(ctx, f, p, t, fmt.Sprintf("%s/%d", dir, n+1)))
		}
	}
	if results == nil {
		err = fmt.Errorf("no failure has %q in its name", only)
	}
	return results, err
}

func rowsOf(results []result) [][]string {
	rows := [][]string{{"failure", "published", "received", "lost", "repeated", "out of order", "Resets",
		"longest pause elsewhere, s", "of all, s", "publish p99, s", "max, s"}}
	for _, r := range results {
		row := []string{r.name}
		for _, n := range []int{r.acked, r.got, r.lost, r.repeated, r.disordered, r.resets} {
			row = append(row, fmt.Sprint(n))
		}
		for _, d := range []time.Duration{r.elsewhere, r.any, r.p99, r.max} {
			row = append(row, fmt.Sprintf("%.2f", d.Seconds()))
		}
		rows = append(rows, row)
	}
	return rows
}
