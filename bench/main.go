// Bench does the same work with this toolkit, with a loop written by hand, with
// iter.Seq, with channels and with four other libraries, and prints the cost of each:
//
//	go run .                # all jobs, about two minutes
//	go run . -job flatten   # the jobs whose name contains "flatten"
//	go run . -markdown      # as in docs/performance.md
//
// Each contender of a job must give the same answer as the loop. All call the same
// functions, which are held in variables so that the compiler cannot inline them. Each
// library is used as its own documentation shows, in its fastest ordinary form.
//
// A round runs each contender in turn, repeatedly for a while, and divides its time by
// this toolkit's time in the same round, so that other load on the machine affects both.
// The table shows the medians of the ratios and of the times of all rounds. Allocations
// are those of the whole process while the contender runs, including other goroutines.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/halley-go/halley/internal/table"
)

// Names of the contenders, which are the columns of the table.
const (
	halley    = "Halley"
	loop      = "loop" // or the standard library's function, if there is one
	seq       = "iter.Seq"
	channels  = "channels" // with a buffer of 64, and a goroutine per stage
	roLib     = "ro"
	rillLib   = "rill"
	goStreams = "go-streams"
	rxGo      = "RxGo"
)

var columns = []string{halley, loop, seq, channels, roLib, rillLib, goStreams, rxGo}

// A job is one piece of work that several contenders can do.
type job struct {
	name string
	unit string // of work, for the figures

	// prepare makes the input of the contenders, of size times the usual amount, and
	// returns the number of units of a run. It may keep files in dir.
	prepare func(size float64, dir string) (units int, contenders []contender, err error)
}

type contender struct {
	name string
	run  func() (answer int)
}

func main() {
	rounds := flag.Int("rounds", 21, "the number of measurements of each contender")
	only := flag.String("job", "", "run only the jobs whose name contains this")
	size := flag.Float64("size", 1, "the amount of work, as a multiple of the usual")
	markdown := flag.Bool("markdown", false, "print a markdown table")
	flag.Parse()
	log.SetFlags(0)
	if *rounds < 1 {
		log.Fatal("-rounds must be at least 1")
	}

	dir, err := os.MkdirTemp("", "halley-bench-")
	if err != nil {
		log.Fatal(err)
	}
	rows, err := runAll(*only, *rounds, *size, dir)
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d, medians of %d rounds\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), *rounds)
	head := append([]string{"job", "per element"}, columns...)
	table.Write(os.Stdout, append([][]string{head}, rows...), *markdown)
}

func runAll(only string, rounds int, size float64, dir string) (rows [][]string, err error) {
	for _, j := range jobs {
		if !strings.Contains(j.name, only) {
			continue
		}
		start := time.Now()
		units, contenders, err := j.prepare(size, dir)
		if err != nil {
			return nil, err
		}
		if err := check(contenders); err != nil {
			return nil, fmt.Errorf("%s: %w", j.name, err)
		}
		rows = append(rows, rowsOf(j, measure(contenders, units, rounds))...)
		log.Printf("%s: %.1f s", j.name, time.Since(start).Seconds())
	}
	if rows == nil {
		err = fmt.Errorf("no job has %q in its name", only)
	}
	return rows, err
}
