// Step 4 of docs/tutorial.md: a page.
package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// A Reading is a measurement of a machine.
type Reading struct {
	At    int64   `json:"at"` // in ms since 1970
	Value float64 `json:"value"`
}

// temperature measures the temperature of a made-up machine.
func temperature(now time.Time) Reading {
	seconds := float64(now.UnixMilli()) / 1000
	return Reading{now.UnixMilli(), 60 + 15*math.Sin(seconds/4) + rand.NormFloat64()}
}

// readings makes a reading every half second.
var readings = enumerator.Through(
	enumerator.Interval(500*time.Millisecond),
	enumeratee.Map(temperature),
)

// snippet: program

//go:embed page.html
var page []byte

// stream returns the body of the response: each reading as a server-sent event.
func stream(*http.Request) (enumerator.Enumerator[[]byte], error) {
	return enumerator.Through(readings, eventsource.JSON[Reading]()), nil
}

func main() {
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	http.Handle("GET /stream", httpadapter.Handler(stream, httpadapter.EventStream()))

	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:9000")
	fmt.Println("Open http://" + addr)
	log.Fatal(http.ListenAndServe(addr, nil))
}

// end snippet
