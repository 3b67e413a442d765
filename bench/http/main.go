//go:build linux

// Http sends the same messages to many streams at once, with this toolkit, with handlers written by hand and with other
// servers. It prints the costs for the server:
//
//	go run ./http                         # 1,000 and 9,000 streams, about half an hour
//	go run ./http -streams 100            # 100 streams
//	go run ./http -base floor             # ratios relative to a loop of write(2)
//	go run ./http -only 'nchan|Fanout$'   # fewer servers
//	go run ./http -markdown               # as in docs/performance.md
//	go run ./http -job frozen             # the latency while some clients do not read
//	go run ./http -job minute             # 10 messages a second to 9,000 streams for a minute
//	go run ./http -job many               # as many streams as the limits allow, up to 100,000
//
// Each server is a process of its own, whose processor time and memory are measured. The clients are in this process.
// Only the job many has processes of clients. Each stream must get each message, in order.
//
// The job cost runs if no other is named. In each of its rounds, the servers take turns. Its figures are medians of all
// rounds, and its ratios are relative to one server in the same round. The job frozen measures each server in pairs of
// runs: in one run all clients read, and in the other 1 % of them do not.
//
// The program leaves out the servers that are not installed, and says so.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/halley-go/halley/internal/table"
)

// plan is the amount of work.
type plan struct {
	streams  int
	messages int // sent one at a time, each after all clients have got the one before
	bursts   int // sent after those, each after all clients have got the burst before
	size     int // of a message
	rounds   int
	base     string // the contender to which ratios are relative
}

// burst is the number of messages in a burst. No contender has to drop one.
const burst = 8

// A job returns the rows of a table. The first row is its head.
type job struct {
	name    string
	streams string // the default of -streams
	only    string // the default of -only
	run     func([]contender, plan) ([][]string, error)
}

var jobs = []job{
	{"cost", "1000,9000", "", cost},
	{"frozen", "1000,9000", "Fanout$", frozen},
	{"minute", "9000", "^floor$|Fanout$|nchan", minute},
	{"many", "100000", "Fanout$", many},
}

func main() {
	name := flag.String("job", "cost", "cost, frozen, minute or many")
	streams := flag.String("streams", "", "the numbers of streams, in turn; ulimit -n must be larger")
	only := flag.String("only", "", "measure only the servers whose names match this regular expression")
	base := flag.String("base", "loop", "cost: the server to which ratios are relative; it is always measured")
	rounds := flag.Int("rounds", 5, "cost: the number of measurements of each server; frozen: the number of pairs of each server")
	deliveries := flag.Int("deliveries", 400_000, "cost and frozen: the number of messages delivered to all streams together, one by one; cost sends as many again in bursts")
	size := flag.Int("size", 100, "the bytes of a message")
	markdown := flag.Bool("markdown", false, "print markdown tables")
	server := flag.String("serve", "", "serve this contender (for the program's own use)")
	clients := flag.Bool("clients", false, "be clients (for the program's own use)")
	flag.Parse()
	log.SetFlags(0)
	fail := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	switch {
	case *server != "":
		fail(serve(*server, *size, os.Stdin, os.Stdout))
		return
	case *clients:
		fail(beClients(os.Stdin, os.Stdout))
		return
	}

	i := slices.IndexFunc(jobs, func(j job) bool { return j.name == *name })
	if i < 0 {
		log.Fatalf("-job %s: there is no such job", *name)
	}
	j := jobs[i]
	pattern, err := regexp.Compile(cmp.Or(*only, j.only))
	fail(err)
	some, err := choose(j.name, pattern, *base)
	fail(err)
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	for _, n := range strings.Split(cmp.Or(*streams, j.streams), ",") {
		streams, err := strconv.Atoi(n)
		if err != nil || streams < 1 {
			log.Fatalf("-streams %s: not a number of streams", n)
		}
		messages := max(1, *deliveries/streams)
		rows, err := j.run(some, plan{streams, messages, max(1, messages/burst), *size, *rounds, *base})
		if rows != nil {
			fmt.Printf("\n%d streams\n\n", streams)
			table.Write(os.Stdout, rows, *markdown)
		}
		fail(err)
	}
}

// choose returns the contenders that can be measured here.
func choose(job string, only *regexp.Regexp, base string) (some []contender, err error) {
	hasBase := job != "cost"
	for _, c := range contenders {
		isBase := job == "cost" && c.name == base
		if !isBase && !only.MatchString(c.name) {
			continue
		}
		if c.check != nil {
			if err := c.check(); err != nil {
				fmt.Printf("without %s: %v\n", c.name, err)
				continue
			}
		}
		hasBase = hasBase || isBase
		some = append(some, c)
	}
	if !hasBase {
		return nil, fmt.Errorf("-base %s: no such server, or not installed", base)
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("-only %s: no such server, or not installed", only)
	}
	return some, nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
