//go:build unix

// Topics measures package topics beside the parts that it is made of, and prints the costs:
//
//	go run .                # all jobs, about five minutes
//	go run . -job publish   # the jobs whose name contains "publish"
//	go run . -markdown      # as in docs/scale.md
//
// Three jobs are measured:
//
//   - deliver: the processor time of the process for each message and each of 1,000 readers. There are readers of an
//     [enumerator.Broadcast] hub, readers of topics over [topics.Memory] and over NATS servers, and subscriptions of
//     core NATS, each of which decodes the JSON of a message. Everything that the process does for a message is
//     counted: to encode, publish and decode it, to hand it to the readers and, if the server is embedded, to store
//     it. The readers are goroutines, without HTTP. A hub gets a burst at once. A store hands on its messages one
//     after another, so the readers wait and wake more often.
//   - idle: the memory and the goroutines of 100,000 topics with a run each, beside those of as many runs of one hub, the time
//     until all of them are attached, and the time to attach one more.
//   - publish: the rate of acknowledged publishes by one publisher and by 64, with and without a sync of the disk
//     before each acknowledgement. Topics.Publish is compared with Publish of package nats.go/jetstream, which
//     publishes to a stream with the same settings, with and without an id. An id makes a publish idempotent, like
//     the publishes of Topics.
//
// A round measures each contender in turn, so that other load on the machine affects all of them. Ratios are those within a
// round. All figures are medians of all rounds.
//
// It is a module of its own because it needs NATS, which the other benchmarks do not.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/halley-go/halley/internal/table"
)

// A job measures its contenders in turn, and returns the rows of a table of medians, with a head.
type job struct {
	name string
	run  func(s scale) ([][]string, error)
}

var jobs = []job{{"deliver", deliver}, {"idle", idle}, {"publish", publish}}

// scale is the amount of work.
type scale struct {
	dir      string
	rounds   int
	readers  int
	messages int
	topics   int
	publish  time.Duration // the time for which each contender publishes
}

func main() {
	s := scale{}
	only := flag.String("job", "", "run only the jobs whose name contains this")
	markdown := flag.Bool("markdown", false, "print markdown tables")
	flag.IntVar(&s.rounds, "rounds", 7, "the number of measurements of each contender")
	flag.IntVar(&s.readers, "readers", 1000, "the number of readers in deliver")
	flag.IntVar(&s.messages, "messages", 800, "the number of messages in deliver, sent one by one and then again in bursts")
	flag.IntVar(&s.topics, "topics", 100_000, "the number of topics in idle")
	flag.DurationVar(&s.publish, "publish", time.Second, "the time for which each contender publishes")
	flag.StringVar(&s.dir, "dir", "", "the folder for the data of servers, instead of a temporary one")
	child := flag.String("serve", "", "run a server at this address (for the program's own use)")
	flag.Parse()
	log.SetFlags(0)
	if *child != "" {
		if err := serve(*child, s.dir); err != nil {
			log.Fatal(err)
		}
		return
	}
	if s.rounds < 1 {
		log.Fatal("-rounds must be at least 1")
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "halley-bench-")
		if err != nil {
			log.Fatal(err)
		}
		s.dir = dir
		defer os.RemoveAll(dir)
	}
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d, medians of %d rounds\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), s.rounds)
	for _, j := range jobs {
		if !strings.Contains(j.name, *only) {
			continue
		}
		rows, err := j.run(s)
		if err != nil {
			log.Fatalf("%s: %v", j.name, err)
		}
		fmt.Printf("\n%s\n\n", j.name)
		table.Write(os.Stdout, rows, *markdown)
	}
}

// median returns the median of the values of all rounds.
func median(vs []float64) float64 {
	vs = slices.Sorted(slices.Values(vs))
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

// ratios returns the quotients of the values of each round.
func ratios(vs, ones []float64) []float64 {
	var all []float64
	for round, v := range vs {
		all = append(all, v/ones[round])
	}
	return all
}
