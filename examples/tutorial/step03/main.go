// Step 3 of docs/tutorial.md: a stream over HTTP.
package main

import (
	"cmp"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
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

// stream returns the body of the response: each reading as a line of JSON.
func stream(*http.Request) (enumerator.Enumerator[[]byte], error) {
	return enumerator.Through(readings, ndjson.Encode[Reading]()), nil
}

func main() {
	http.Handle("GET /stream", httpadapter.Handler(stream, httpadapter.NDJSON()))

	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:9000")
	fmt.Println("Open http://" + addr + "/stream")
	log.Fatal(http.ListenAndServe(addr, nil))
}

// end snippet
