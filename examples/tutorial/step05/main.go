// Step 5 of docs/tutorial.md: one source for all pages.
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
	"sync/atomic"
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

// snippet: program

var measured atomic.Int64 // how often temperature was called

// temperature measures the temperature of a made-up machine.
func temperature(now time.Time) Reading {
	measured.Add(1)
	seconds := float64(now.UnixMilli()) / 1000
	return Reading{now.UnixMilli(), 60 + 15*math.Sin(seconds/4) + rand.NormFloat64()}
}

// readings makes a reading every half second. The source runs once for all pages, while a page is open.
var readings = enumerator.Share(
	enumerator.Through(enumerator.Interval(500*time.Millisecond), enumeratee.Map(temperature)),
	enumerator.WhenFull(enumerator.DropOldest), // a slow page does not hold up the others
)

// stream returns the body of the response: the last reading, and then each new one.
func stream(*http.Request) (enumerator.Enumerator[[]byte], error) {
	last := enumerator.Values(readings.Last(1), func(enumerator.Item[Reading]) error { return nil })
	return enumerator.Through(last, eventsource.JSON[Reading]()), nil
}

// end snippet

//go:embed page.html
var page []byte

func main() {
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	http.HandleFunc("GET /measured", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, measured.Load()) })
	http.Handle("GET /stream", httpadapter.Handler(stream, httpadapter.EventStream()))

	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:9000")
	fmt.Println("Open http://" + addr)
	log.Fatal(http.ListenAndServe(addr, nil))
}
