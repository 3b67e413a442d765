//go:build linux

// Http sends the same messages to many streams at once, with this toolkit, with a handler
// written by hand and with two libraries, and prints the cost for the server:
//
//	go run ./http              # 1,000 and 9,000 streams, about ten minutes
//	go run ./http -streams 100 # 100 streams
//	go run ./http -markdown    # as in docs/performance.md
//
// In each round, each contender serves in turn, in a process of its own, whose processor
// time and memory are measured. The clients are in this process. Each stream must get each
// message, in order. The ratios are relative to the loop in the same round. All figures are
// medians of all rounds.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// plan is the amount of work in a round.
type plan struct {
	streams  int
	messages int // sent one at a time, each after all clients have got the one before
	bursts   int // sent after those, each after all clients have got the burst before
	size     int // of a message
}

// burst is the number of messages in a burst. No contender has to drop one.
const burst = 8

// figures are the costs of one contender.
type figures struct {
	idle, busy  float64 // processor time per delivery, in µs: one by one, and in bursts
	memory      float64 // KiB per stream
	median, p99 float64 // latency in ms
}

// columns are the columns of the table.
var columns = []struct {
	name  string
	value func(figures) float64
	ratio bool
}{
	{"CPU per message, µs", func(f figures) float64 { return f.idle }, true},
	{"in bursts, µs", func(f figures) float64 { return f.busy }, true},
	{"memory per stream, KiB", func(f figures) float64 { return f.memory }, true},
	{"latency, median, ms", func(f figures) float64 { return f.median }, false},
	{"99th percentile, ms", func(f figures) float64 { return f.p99 }, false},
}

func main() {
	streams := flag.String("streams", "1000,9000", "the numbers of streams, in turn; ulimit -n must be larger")
	only := flag.String("only", "", "besides the loop, measure only the contenders whose name contains this")
	rounds := flag.Int("rounds", 5, "the number of measurements of each contender")
	deliveries := flag.Int("deliveries", 400_000, "the number of messages delivered to all streams together, one by one and then again in bursts")
	size := flag.Int("size", 100, "the bytes of a message")
	markdown := flag.Bool("markdown", false, "print markdown tables")
	child := flag.String("serve", "", "serve this contender (for the program's own use)")
	flag.Parse()
	log.SetFlags(0)
	if *child != "" {
		if err := serve(*child, *size, os.Stdin, os.Stdout); err != nil {
			log.Fatal(err)
		}
		return
	}
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d, medians of %d rounds\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), *rounds)
	for _, n := range strings.Split(*streams, ",") {
		streams, err := strconv.Atoi(n)
		if err != nil || streams < 1 {
			log.Fatalf("-streams %s: not a number of streams", n)
		}
		messages := max(1, *deliveries/streams)
		all, err := measure(plan{streams, messages, max(1, messages/burst), *size}, *only, *rounds)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("\n%d streams\n\n", streams)
		table(os.Stdout, rowsOf(all), *markdown)
	}
}

// measure returns the figures of all rounds, by contender.
func measure(p plan, only string, rounds int) (map[string][]figures, error) {
	all := map[string][]figures{}
	for range rounds {
		for i, c := range contenders {
			if i > 0 && !strings.Contains(c.name, only) {
				continue
			}
			f, err := once(c, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			all[c.name] = append(all[c.name], f)
			log.Printf("%s: %+.2f", c.name, f)
		}
	}
	return all, nil
}

func once(c contender, p plan) (f figures, err error) {
	s, err := startServer(c.name, p.size)
	if err != nil {
		return f, err
	}
	defer s.stop()
	before, err := s.ask("memory")
	if err != nil {
		return f, err
	}
	cs, err := connect(p.streams, before.Port, c.gzip)
	defer cs.close()
	if err != nil {
		return f, err
	}

	// send sends messages and waits until all clients have got them.
	n := 0
	send := func(count int) error {
		s.do("send %d %d", n+1, n+count)
		n += count
		if missing, err := cs.await(n, 10*time.Second); err != nil || missing > 0 {
			return cmp.Or(err, fmt.Errorf("%d clients have not got message %d", missing, n))
		}
		return s.answer()
	}
	// cost returns the processor time of do per delivery.
	cost := func(deliveries int, do func() error) (float64, error) {
		before, err := s.ask("cpu")
		if err != nil {
			return 0, err
		}
		if err := do(); err != nil {
			return 0, err
		}
		after, err := s.ask("cpu")
		return float64(after.CPU-before.CPU) / float64(deliveries) / 1e3, err
	}

	// A stream is open when it gets a message.
	for missing := 1; missing > 0; {
		n++
		if _, err := s.ask("send %d %d", n, n); err != nil {
			return f, err
		}
		if missing, err = cs.await(n, 200*time.Millisecond); err != nil {
			return f, err
		}
	}
	if c.gzip {
		if err := cs.settle(n); err != nil {
			return f, err
		}
	}
	after, err := s.ask("memory")
	if err != nil {
		return f, err
	}
	f.memory = float64(after.RSS-before.RSS) / float64(p.streams) / (1 << 10)

	var took []time.Duration
	f.idle, err = cost(p.messages*p.streams, func() error {
		for range p.messages {
			if err := send(1); err != nil {
				return err
			}
			for _, t := range cs.arrivals {
				took = append(took, t.Sub(s.Sent))
			}
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	slices.Sort(took)
	f.median = took[len(took)/2].Seconds() * 1e3
	f.p99 = took[len(took)*99/100].Seconds() * 1e3

	f.busy, err = cost(p.bursts*burst*p.streams, func() error {
		for range p.bursts {
			if err := send(burst); err != nil {
				return err
			}
		}
		return nil
	})
	return f, err
}

func rowsOf(all map[string][]figures) [][]string {
	head := []string{"server"}
	for _, c := range columns {
		head = append(head, c.name)
		if c.ratio {
			head = append(head, "ratio")
		}
	}
	rows := [][]string{head}
	for _, c := range contenders {
		fs, ok := all[c.name]
		if !ok {
			continue
		}
		row := []string{c.name}
		for _, col := range columns {
			row = append(row, fmt.Sprintf("%.1f", median(fs, col.value)))
			if col.ratio {
				i := -1
				row = append(row, fmt.Sprintf("%.2f", median(fs, func(f figures) float64 {
					i++
					return col.value(f) / col.value(all[contenders[0].name][i])
				})))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func median(fs []figures, value func(figures) float64) float64 {
	var vs []float64
	for _, f := range fs {
		vs = append(vs, value(f))
	}
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

func table(w io.Writer, rows [][]string, markdown bool) {
	if markdown {
		for i, row := range rows {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				fmt.Fprintf(w, "|---%s|\n", strings.Repeat("|--:", len(row)-1))
			}
		}
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	t.Flush()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
