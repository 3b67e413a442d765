// Step 6 of docs/tutorial.md: a page that misses nothing.
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

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
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

// snippet: program

// readings makes a reading every half second. The last 1000 are held.
var readings = enumerator.Share(
	enumerator.Through(enumerator.Interval(500*time.Millisecond), enumeratee.Map(temperature)),
	enumerator.Capacity(1000),
	enumerator.WhenFull(enumerator.DropOldest),
)

// stream returns the readings for one page. A new page begins with the last minute. A page that lost its connection gets
// the readings that it missed.
func stream(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[Reading]], error) {
	return readings.FromOrLast(after, 120), nil
}

//go:embed page.html
var page []byte

func main() {
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	http.Handle("GET /halley.js", client.Script())
	http.Handle("GET /stream", client.Handler(stream))

	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:9000")
	fmt.Println("Open http://" + addr)
	log.Fatal(http.ListenAndServe(addr, nil))
}

// end snippet
